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

mod file;
mod journal;

/// How long a change may stay in the journal alone, and how long news that were
/// sent may still be on their way to the host.
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
    /// What was told a moment ago.
    recent: Vec<(Port, Instant)>,
}

impl Store {
    /// Reads the state of an earlier run in `folder`; none is an empty one.
    /// With a file that cannot be understood the host is told to forget each
    /// port before it hears of it again.
    pub fn open(folder: &Path) -> Self {
        let path: PathBuf = folder.join("event-state.json");
        let mut told = file::load(&path).map(Announced::from_ports).unwrap_or_else(|error| {
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
        Telling { store: self.clone(), announced, recent: Vec::new() }
    }

    /// Writes the state shortly after each change, and a last time at `stop`.
    pub async fn keep(&self, stop: CancellationToken) {
        let mut changes = self.changes.subscribe();
        changes.mark_changed();
        while stop.run_until_cancelled(changes.changed()).await.is_some_and(|sent| sent.is_ok()) {
            let settled = stop.run_until_cancelled(tokio::time::sleep(SETTLE)).await;
            if settled.is_some() && self.save(Instant::now().checked_sub(SETTLE)) {
                changes.mark_changed();
            }
        }
        self.save(None);
    }

    /// Writes what was told, and forgets what was noted before `settled` (all
    /// with none). Whether there is more to forget later.
    pub(super) fn save(&self, settled: Option<Instant>) -> bool {
        let mut shared = self.lock();
        if let Err(error) = file::save(&self.path, shared.told.ports()) {
            tracing::warn!(path = %self.path.display(), %error, "event state not written");
            return false;
        }
        // A moment that no note can be from: the next second.
        let end = settled.unwrap_or_else(|| Instant::now() + Duration::from_secs(1));
        shared.journal.forget(end)
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
        self.recent.retain(|(_, at)| now.saturating_duration_since(*at) < SETTLE);
        self.recent.extend(batch.removed.iter().chain(&batch.added).map(|port| (*port, now)));
        if !batch.removed.is_empty() || !batch.added.is_empty() {
            self.store.note(&self.announced, &batch, now);
        }
        batch
    }

    /// Ends the stream in good order: the host has heard everything.
    pub fn finish(mut self) {
        self.recent.clear();
    }
}

impl Drop for Telling {
    /// The stream broke: what was told last may have been lost with it.
    fn drop(&mut self) {
        let now = Instant::now();
        let lost = self.recent.iter().filter(|(_, at)| now.saturating_duration_since(*at) < SETTLE);
        let lost: Vec<Port> = lost.map(|(port, _)| *port).collect();
        self.store.lock().doubts.extend(lost);
    }
}

#[cfg(test)]
mod tests;
