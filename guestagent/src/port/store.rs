//! What the host has been told, kept over reconnects and restarts.
//!
//! Lima's host keeps its listeners when the agent goes away and comes back, so
//! a new stream must carry only the difference: a UDP port announced twice
//! loses its forward. The file has Lima's own form and place, so that either
//! agent can follow the other: `event-state.json`, an object with `ports`.
//!
//! That file is written a moment after a change. What is told in between is
//! first noted in the [`journal`]: whoever finds an entry there knows that the
//! host may or may not have heard it, however the agent came to its end.

use super::announced::{Announced, Batch};
use super::{Port, PortSet};
use journal::Journal;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub mod file;
pub mod journal;

/// How long a change may stay in the journal alone, and how long news that were
/// sent may still be on their way to the host when the agent ends.
pub(super) const SETTLE: Duration = Duration::from_millis(500);

/// The announced ports, shared by all event streams.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Mutex<Shared>>,
    changes: watch::Sender<()>,
    path: Arc<Path>,
}

#[derive(Debug)]
struct Shared {
    /// What was told over any stream, and when ports may come back.
    told: Announced,
    /// What the host of a stream that broke may not have heard.
    doubts: Vec<Port>,
    journal: Journal,
}

/// One event stream: what its host has been told, noted before it is sent.
#[derive(Debug)]
pub struct Telling {
    store: Store,
    announced: Announced,
    /// What has been noted and not sent.
    unsent: Vec<Port>,
}

impl Store {
    /// Reads the state of an earlier run in `folder`; none is an empty one.
    /// With a file that cannot be understood the host is told to forget each
    /// port before it hears of it again.
    pub fn open(folder: &Path) -> Self {
        let path: PathBuf = folder.join("event-state.json");
        let loaded = file::load(&path).map(Announced::from_ports);
        let mut told = loaded.unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "event state not usable, starting anew");
            let mut unknown = Announced::default();
            unknown.distrust();
            unknown
        });
        let (journal, unsure) = Journal::open(folder.join("event-state.journal"), Instant::now());
        told.doubt(unsure);
        let shared = Shared { told, doubts: Vec::new(), journal };
        let shared = Arc::new(Mutex::new(shared));
        Self { shared, changes: watch::Sender::new(()), path: path.into() }
    }

    /// What the host was told last.
    pub fn ports(&self) -> PortSet {
        self.lock().told.ports().clone()
    }

    /// Hears of each change of what was told.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Begins a stream: its host is told the difference to what was told over
    /// any stream before.
    pub fn begin(&self) -> Telling {
        let mut shared = self.lock();
        let mut announced = shared.told.clone();
        announced.doubt(std::mem::take(&mut shared.doubts));
        Telling { store: self.clone(), announced, unsent: Vec::new() }
    }

    /// Writes the state shortly after each change, and a last time at `stop`.
    pub async fn keep(&self, stop: CancellationToken) {
        let mut changes = self.changes.subscribe();
        changes.mark_changed();
        while stop.run_until_cancelled(changes.changed()).await.is_some_and(|sent| sent.is_ok()) {
            let settled = stop.run_until_cancelled(tokio::time::sleep(SETTLE)).await;
            if settled.is_some() && self.save(Instant::now()) {
                changes.mark_changed();
            }
        }
        self.save(Instant::now());
    }

    /// Writes what was told, and forgets what was noted so long ago that it has
    /// been heard. Whether there is more to forget later.
    pub(super) fn save(&self, now: Instant) -> bool {
        let mut shared = self.lock();
        if let Err(error) = file::save(&self.path, shared.told.ports()) {
            tracing::warn!(path = %self.path.display(), %error, "event state not written");
            return false;
        }
        // Only in the first moments after boot is there no such time.
        now.checked_sub(SETTLE).is_none_or(|end| shared.journal.forget(end))
    }

    fn note(&self, announced: &Announced, batch: &Batch, now: Instant) {
        let mut shared = self.lock();
        shared.journal.append(batch, now);
        shared.told.clone_from(announced);
        self.changes.send_replace(());
    }

    /// A panic while the lock was held leaves plain values: still the best.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Telling {
    /// Moves towards `truth`, as [`Announced::advance`]; what it returns has
    /// been noted, and is to be sent next.
    pub fn advance(&mut self, truth: &PortSet, now: Instant) -> Batch {
        let batch = self.announced.advance(truth, now);
        self.unsent.extend(batch.removed.iter().chain(&batch.added));
        if !batch.removed.is_empty() || !batch.added.is_empty() {
            self.store.note(&self.announced, &batch, now);
        }
        batch
    }

    /// What was returned until now has been handed to the host.
    pub fn sent(&mut self) {
        self.unsent.clear();
    }
}

impl Drop for Telling {
    /// The stream ended: what was not sent may or may not have been heard.
    fn drop(&mut self) {
        self.store.lock().doubts.append(&mut self.unsent);
    }
}

#[cfg(test)]
mod tests;
