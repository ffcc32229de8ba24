//! Writes the daemon's [`Status`] to its runtime folder, for `ports` and
//! `status`, which any user may call.
//!
//! Whoever knows something sets it, which costs no system call. The file is
//! written a moment after a change, once a second at most, and never while
//! nothing changes.

use super::status::{FILE, Status};
use crate::port::Snapshot;
use crate::port::store::Store;
use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Changes within this time are written together.
const SETTLE: Duration = Duration::from_millis(200);
/// The least time from one writing to the next change that is taken up.
const PAUSE: Duration = Duration::from_millis(800);

/// A handle to the daemon's state. Copies share it.
#[derive(Clone, Debug)]
pub struct Publisher(watch::Sender<Status>);

impl Default for Publisher {
    /// The state of this process, which has just begun.
    fn default() -> Self {
        let name = std::fs::read_to_string("/proc/self/comm").unwrap_or_default();
        Self(watch::Sender::new(Status {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            name: name.trim_end().into(),
            ..Status::default()
        }))
    }
}

impl Publisher {
    /// Changes something: transports, how changes are noticed, or all at once.
    pub fn set(&self, change: impl FnOnce(&mut Status)) {
        self.0.send_modify(change);
    }

    /// A host follows the ports until the guard is dropped.
    pub fn host(&self) -> Counted {
        self.set(|status| status.hosts += 1);
        Counted(self.clone(), |status| status.hosts = status.hosts.saturating_sub(1))
    }

    /// A tunnel is open until the guard is dropped.
    pub fn tunnel(&self) -> Counted {
        self.set(|status| status.tunnels += 1);
        Counted(self.clone(), |status| status.tunnels = status.tunnels.saturating_sub(1))
    }

    /// A connection was refused.
    pub fn refused(&self) {
        self.set(|status| status.refused += 1);
    }

    /// The clock was set; `text` says when and how far.
    pub fn clock(&self, text: String) {
        self.set(|status| status.clock = Some(text));
    }

    /// Writes changes of the state, of the ports and of what was told to
    /// `folder` until `stop`, and takes the file away then.
    pub async fn run(
        self,
        folder: &Path,
        mut snapshots: watch::Receiver<Snapshot>,
        store: Store,
        stop: CancellationToken,
    ) {
        let path = folder.join(FILE);
        let mut news = store.changes();
        let mut own = self.0.subscribe();
        own.mark_changed();
        let follow = async {
            loop {
                tokio::select! {
                    sent = own.changed() => if sent.is_err() { return },
                    sent = snapshots.changed() => if sent.is_err() { return },
                    sent = news.changed() => if sent.is_err() { return },
                }
                tokio::time::sleep(SETTLE).await;
                let mut status = own.borrow_and_update().clone();
                status.see(&snapshots.borrow_and_update());
                news.mark_unchanged();
                status.told = store.ports().iter().copied().collect();
                if let Err(error) = write(&path, &status) {
                    tracing::warn!(path = %path.display(), %error, "status not written");
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        stop.run_until_cancelled(follow).await;
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::debug!(path = %path.display(), %error, "status not removed");
        }
    }
}

/// Counts as long as it lives.
#[derive(Debug)]
pub struct Counted(Publisher, fn(&mut Status));

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.1);
    }
}

/// Replaces the file whole; it lies in memory.
fn write(path: &Path, status: &Status) -> io::Result<()> {
    let fresh = path.with_extension("json.new");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o644).open(&fresh)?;
    file.write_all(&serde_json::to_vec(status)?)?;
    // The service's file mask takes away what `mode` gives.
    file.set_permissions(Permissions::from_mode(0o644))?;
    std::fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_file_follows_changes_and_rests_while_there_are_none() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join(FILE);
        let (_snapshots, receiver) = watch::channel(Snapshot::default());
        let (publisher, stop) = (Publisher::default(), CancellationToken::new());
        let store = Store::open(folder.path());
        let run = publisher.clone().run(folder.path(), receiver, store, stop.clone());
        let body = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let first = Status::read(folder.path()).expect("file").expect("we run");
            assert_eq!(first.tunnels, 0);
            std::fs::remove_file(&path).expect("file");
            tokio::time::sleep(Duration::from_mins(1)).await;
            assert!(!path.exists(), "written without a change");
            let tunnel = publisher.tunnel();
            publisher.refused();
            tokio::time::sleep(Duration::from_secs(2)).await;
            let second = Status::read(folder.path()).expect("file").expect("we run");
            assert_eq!((second.tunnels, second.refused), (1, 1));
            drop(tunnel);
            tokio::time::sleep(Duration::from_secs(2)).await;
            let third = Status::read(folder.path()).expect("file").expect("we run");
            assert_eq!(third.tunnels, 0);
            stop.cancel();
        };
        tokio::join!(run, body);
        assert!(!path.exists());
    }
}
