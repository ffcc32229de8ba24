//! What the host has been told, kept over reconnects and restarts.
//!
//! Lima's host keeps its listeners when the agent goes away and comes back, so
//! a new stream must carry only the difference: a UDP port announced twice
//! loses its forward. The file has Lima's own form and place, so that either
//! agent can follow the other: `event-state.json`, an object with `ports`.

use super::{Port, PortSet};
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long a change may be unsaved. `/run` is memory: a write costs little,
/// but a program that opens hundreds of ports a second should not cost hundreds.
const SETTLE: Duration = Duration::from_millis(500);

/// The announced ports, shared by all event streams.
#[derive(Clone, Debug)]
pub struct Store {
    ports: watch::Sender<PortSet>,
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    #[serde(default)]
    ports: Vec<Port>,
}

impl Store {
    /// Reads the state of an earlier run in `folder`; none is an empty one.
    /// A file that cannot be understood is reported and counts as none: the
    /// host then hears of every port again, which for TCP is harmless.
    pub fn open(folder: &Path) -> Self {
        let path = folder.join("event-state.json");
        let ports = load(&path).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "event state not usable, starting anew");
            PortSet::new()
        });
        Self { ports: watch::Sender::new(ports), path }
    }

    /// What the host was told last.
    pub fn ports(&self) -> PortSet {
        self.ports.borrow().clone()
    }

    /// Notes what the host was told.
    pub fn put(&self, ports: &PortSet) {
        self.ports.send_if_modified(|old| {
            let changed = old != ports;
            if changed {
                old.clone_from(ports);
            }
            changed
        });
    }

    /// Writes the state shortly after each change, and a last time at `stop`.
    pub async fn keep(&self, stop: CancellationToken) {
        let mut changes = self.ports.subscribe();
        while stop.run_until_cancelled(changes.changed()).await.is_some_and(|sent| sent.is_ok()) {
            stop.run_until_cancelled(tokio::time::sleep(SETTLE)).await;
            self.save();
        }
        self.save();
    }

    fn save(&self) {
        let ports = self.ports.borrow().iter().copied().collect();
        if let Err(error) = write(&self.path, &Saved { ports }) {
            tracing::warn!(path = %self.path.display(), %error, "event state not written");
        }
    }
}

fn load(path: &Path) -> io::Result<PortSet> {
    match std::fs::read(path) {
        Ok(text) => Ok(serde_json::from_slice::<Saved>(&text)?.ports.into_iter().collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(PortSet::new()),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, saved: &Saved) -> io::Result<()> {
    let fresh = path.with_extension("json.new");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .open(&fresh)?;
    file.write_all(&serde_json::to_vec(saved)?)?;
    std::fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Protocol;

    #[tokio::test]
    async fn state_survives_a_restart_in_limas_form() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path());
        let port = Port::new(Protocol::Udp, [127, 0, 0, 1].into(), 53);
        store.put(&PortSet::from([port]));
        let stop = CancellationToken::new();
        stop.cancel();
        store.keep(stop).await;

        let text = std::fs::read_to_string(folder.path().join("event-state.json")).expect("file");
        assert_eq!(text, r#"{"ports":[{"protocol":"udp","ip":"127.0.0.1","port":53}]}"#);
        assert_eq!(Store::open(folder.path()).ports(), PortSet::from([port]));
    }

    #[test]
    fn broken_state_counts_as_none() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("event-state.json"), "{").expect("file");
        assert_eq!(Store::open(folder.path()).ports(), PortSet::new());
    }
}
