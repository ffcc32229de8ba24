//! What earlier calls tell, and what of it a call ends: a pause of the guest makes
//! it worthless, a host whose time runs backwards makes the call doubtful.

use super::Nanos;
use super::decide::{Action, FAR};
use super::kernel::Now;
use super::steering::Steering;
use super::window::{Sample, Window};

const MS: Nanos = 1_000_000;
/// A host's time that is earlier than that of the call before, by more than this.
const BACKWARDS: Nanos = 1_000 * MS;
/// The guest was suspended for longer than this between two calls.
const SUSPENDED: Nanos = 100 * MS;

/// What is known from earlier calls.
#[derive(Debug, Default)]
pub struct History {
    pub(super) window: Window,
    pub(super) steering: Steering,
    last: Option<Last>,
    /// A sample that was refused and waits for another like it.
    doubted: Option<Sample>,
    /// A slew of ours may not be over. One of another service is not ended.
    pub(super) slewing: bool,
    /// The clock was close, or was set, since the guest started or was paused.
    pub(super) settled: bool,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    host: Nanos,
    suspended: Nanos,
}

/// The host's time ran backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host's time went back by {} ms, waiting for a second call like this", by / MS)]
pub struct Refused {
    by: Nanos,
}

impl History {
    /// Takes a call into account; gives the guest's error, latency taken off as far
    /// as it is known.
    ///
    /// # Errors
    /// The host's time is earlier than before. That is believed when the next call
    /// says the same, so that one mistaken message moves nothing.
    pub fn take(&mut self, host: Nanos, now: &Now) -> Result<Nanos, Refused> {
        let sample = Sample { raw: now.raw, ahead: now.raw.saturating_sub(host) };
        self.doubt(host, sample)?;
        self.notice_pause(sample, now);
        self.last = Some(Last { host, suspended: now.suspended });
        self.window.push(sample);
        self.slewing &= now.slewing != 0;
        let least = self.window.least().unwrap_or(sample.ahead);
        Ok(least.saturating_add(now.guest.saturating_sub(now.raw)))
    }

    /// Takes note of an action that succeeded.
    pub fn done(&mut self, action: Action) {
        match action {
            Action::Nothing => {}
            Action::Slew(by) => self.slewing = by != 0,
            // Setting the clock ends a slew.
            Action::Step(_) => (self.slewing, self.settled) = (false, true),
        }
    }

    fn doubt(&mut self, host: Nanos, sample: Sample) -> Result<(), Refused> {
        let doubted = self.doubted.take();
        if let Some(doubted) =
            doubted.filter(|other| sample.ahead.abs_diff(other.ahead) <= FAR.unsigned_abs())
        {
            self.window.clear();
            self.window.push(doubted);
            return Ok(());
        }
        let by = self.last.map_or(0, |last| last.host.saturating_sub(host));
        if by <= BACKWARDS {
            return Ok(());
        }
        self.doubted = Some(sample);
        Err(Refused { by })
    }

    /// A pause shows in two ways: the guest knows that it slept, or the host's
    /// time went on while the guest's counter stood still.
    fn notice_pause(&mut self, sample: Sample, now: &Now) {
        let slept =
            self.last.is_some_and(|last| now.suspended.saturating_sub(last.suspended) > SUSPENDED);
        let stood =
            self.window.least().is_some_and(|least| least.saturating_sub(sample.ahead) > FAR);
        if slept || stood {
            self.window.clear();
            self.settled = false;
        }
    }
}
