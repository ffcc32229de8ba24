//! `PostInotify`: a file changed on the host, so give it the host's time, and the
//! kernel tells whoever watches it in the guest.
//!
//! ```text
//! push --> mounts: which share --> queue of that share --> its worker --> touch
//! ```
//!
//! [`FileEvents::push`] touches no share and never waits: a share may hang, as one
//! of sshfs does when its host has gone. So each share has a queue, in which a
//! path waits once, and one thread while there is work. A share that hangs keeps
//! its thread and its queue, both bounded, and nothing else; the thread is no
//! task of the runtime, so that the agent's stop does not wait for it, and the
//! kernel ends it with the process.
//!
//! Linux 5.8 or later is assumed: `openat2`, `STATX_MNT_ID` and `utimensat` of an
//! `O_PATH` descriptor.

use crate::proto::Inotify;
use prost_types::Timestamp;
use rustix::fs::Timespec;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub mod mounts;
mod queue;
pub mod reason;
mod touch;
mod warnings;

use mounts::{Mounts, Share};
use queue::Queue;
use reason::Reason;
use warnings::Warnings;

/// What Lima shares folders by. WSL's drives are 9p too.
const SHARES: &[&str] = &["9p", "virtiofs", "fuse.sshfs"];
/// Shares with work at one time; more than anybody mounts, and each of them may
/// hang and keep a thread and a queue.
const BUSY: usize = 8;
/// A worker calls the kernel and nothing deep.
const STACK: usize = 256 * 1024;

/// Gives files on shares their times. Clones share everything.
#[derive(Clone, Debug)]
pub struct FileEvents {
    state: Arc<Mutex<State>>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct State {
    mounts: Mounts,
    /// Of the shares that have a worker, by the numbers of their mounts.
    queues: BTreeMap<u64, Queue>,
    warnings: Warnings,
}

impl FileEvents {
    /// Ready for messages until `stop`.
    pub fn start(tasks: &TaskTracker, stop: &CancellationToken) -> Self {
        Self::for_types(SHARES, tasks, stop)
    }

    /// The same for mounts of other types, so that a test needs no share.
    pub fn for_types(
        types: &'static [&'static str],
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let state = State {
            mounts: Mounts::new(types),
            queues: BTreeMap::new(),
            warnings: Warnings::default(),
        };
        let events = Self { state: Arc::new(Mutex::new(state)), stop: stop.clone() };
        let ending = events.clone();
        tasks.spawn(async move {
            ending.stop.cancelled().await;
            ending.state().warnings.flush();
        });
        events
    }

    /// Takes a message. Of two for one path the later one counts: it has what the
    /// host knows now, even if that is an earlier time.
    pub fn push(&self, message: Inotify) {
        if self.stop.is_cancelled() {
            return;
        }
        let path = PathBuf::from(message.mount_path);
        if let Err(reason) = self.accept(&path, message.time) {
            self.state().warnings.note(&reason, &path);
        }
    }

    fn accept(&self, path: &Path, time: Option<Timestamp>) -> Result<(), Reason> {
        let time = checked(time)?;
        let mut state = self.state();
        let Some((share, relative)) = state.mounts.table()?.find(path)? else { return Ok(()) };
        if let Some(queue) = state.queues.get_mut(&share.id) {
            return queue.put(relative, time);
        }
        if state.queues.len() >= BUSY {
            return Err(Reason::Busy);
        }
        let mut queue = Queue::default();
        queue.put(relative, time)?;
        let id = share.id;
        self.employ(share)?;
        // The worker waits for the lock that is held here.
        state.queues.insert(id, queue);
        Ok(())
    }

    fn employ(&self, share: Share) -> Result<(), Reason> {
        let events = self.clone();
        let thread = std::thread::Builder::new().name("file-times".into()).stack_size(STACK);
        thread.spawn(move || events.work(&share)).map(drop).map_err(Reason::Thread)
    }

    /// Until there is no more work.
    fn work(&self, share: &Share) {
        while let Some((path, time)) = self.next(share.id) {
            let Err(reason) = touch::touch(share, &path, time) else { continue };
            let mut state = self.state();
            if matches!(reason, Reason::Moved) {
                state.mounts.forget();
            }
            state.warnings.note(&reason, &share.point.join(&path));
        }
    }

    fn next(&self, share: u64) -> Option<(PathBuf, Timespec)> {
        let mut state = self.state();
        let wanted = !self.stop.is_cancelled();
        let next = state.queues.get_mut(&share).filter(|_| wanted).and_then(Queue::take);
        if next.is_none() {
            state.queues.remove(&share);
        }
        next
    }

    /// Each change of the state is whole, so that a panic elsewhere spoils nothing.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Any whole second, also before 1970; and a true fraction, which is none of the
/// numbers that mean "now" or "leave it" to `utimensat`.
fn checked(time: Option<Timestamp>) -> Result<Timespec, Reason> {
    let time = time.ok_or(Reason::NoTime)?;
    if !(0..1_000_000_000).contains(&time.nanos) {
        return Err(Reason::BadTime);
    }
    Ok(Timespec { tv_sec: time.seconds, tv_nsec: time.nanos.into() })
}
