//! The dumps of one protocol, and how fast they may follow each other.
//!
//! Each dump is a debt of four times what it cost, and of [`GAP`] at least if it
//! was in vain; time pays it off. Up to [`CREDIT`] of it is free: after a quiet
//! moment a hint is served at once. Beyond that a dump waits, so that under a
//! flood there are two a millisecond at most and never more than a fifth of one
//! CPU's time.

use super::{Dumped, Hinted};
use std::time::Duration;
use tokio::time::Instant;

/// The least pause between two dumps in vain under a flood.
const GAP: Duration = Duration::from_micros(500);
/// The debt that is free.
const CREDIT: Duration = Duration::from_millis(64);
/// How long news wait that are most likely not of our concern, or two
/// hundred times what a dump costs if that is more.
const SLOWLY: Duration = Duration::from_millis(100);
/// But no longer than this.
const LATEST: Duration = Duration::from_secs(1);
/// More than a dump is believed to cost, so that no hint waits for seconds.
const DEAREST: Duration = Duration::from_millis(50);
/// The quickest repetition of dumps without hints.
const QUICKEST: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct Queue {
    /// Something is to be looked at.
    due: Option<Instant>,
    /// Everything is to be looked at.
    all: Option<Instant>,
    /// When the last debt will be paid off.
    paid: Instant,
    cost: Duration,
    hinted: Hinted,
    interval: Duration,
}

impl Queue {
    /// Everything is to be looked at, now.
    pub fn new(hinted: Hinted, now: Instant) -> Self {
        let (due, all) = (None, Some(now));
        Self { due, all, paid: now, cost: Duration::ZERO, hinted, interval: QUICKEST }
    }

    pub fn next(&self) -> Option<Instant> {
        [self.due, self.all].into_iter().flatten().min()
    }

    /// Asks for a look at something.
    pub fn ask(&mut self, at: Instant) {
        self.due = Some(earlier(self.due, self.allowed(at)));
    }

    /// Asks for a look at everything.
    pub fn ask_all(&mut self, at: Instant) {
        self.all = Some(earlier(self.all, self.allowed(at)));
    }

    /// Asks for a look at everything that need not be soon.
    pub fn ask_slowly(&mut self, now: Instant) {
        self.ask_all(now + (self.cost * 200).clamp(SLOWLY, LATEST));
    }

    /// Whether a look is due, and whether at everything. It counts as begun.
    pub fn take(&mut self, now: Instant) -> Option<bool> {
        let passed = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        let (due, all) = (passed(self.due), passed(self.all));
        if all {
            self.all = None;
        }
        if due || all {
            self.due = None;
        }
        (due || all).then_some(all)
    }

    /// Takes note of a dump.
    pub fn done(&mut self, Dumped { changed, begun, cost }: Dumped) {
        self.cost = cost.min(DEAREST);
        let least = if changed { Duration::ZERO } else { GAP };
        self.paid = self.paid.max(begun) + least.max(self.cost * 4);
        if let Hinted::No(longest) = self.hinted {
            self.interval = if changed { QUICKEST } else { self.interval * 2 }.min(longest);
            self.ask_all(begun + self.interval);
        }
    }

    fn allowed(&self, at: Instant) -> Instant {
        self.paid.checked_sub(CREDIT).map_or(at, |free| free.max(at))
    }
}

fn earlier(known: Option<Instant>, new: Instant) -> Instant {
    known.map_or(new, |known| known.min(new))
}
