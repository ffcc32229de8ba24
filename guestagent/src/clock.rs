//! `SyncTime`: keeps the guest's clock with the host's.
//!
//! Lima's host calls 5 s after the agent is there and then every 10 s. It says
//! what its clock shows and listens to the answer only for its log, so nothing
//! tells how long a call was on its way. What is known is a bound: the time that
//! a call shows is never younger than the call, so guest minus host is the
//! guest's true error plus the call's latency, and the least of several calls is
//! the best guess ([`window`]). One late call alone therefore never sets the
//! clock back.
//!
//! - Far off, the clock is set at once; by less, the kernel lets it run faster or
//!   slower (at most 0.5 ms a second) until it agrees ([`decide`]).
//! - Where an NTP service steers the clock it is left alone while it is close
//!   ([`steering`]). Far off it is set even then: a guest that was paused is hours
//!   off while its NTP service still believes in the last answer, and might ask
//!   again in half an hour.
//! - The hardware clock is left alone. In a guest it is the hypervisor's, which
//!   makes it from the host's clock; what a guest writes there is kept by some as
//!   a difference that outlives the guest, and by others not at all.

use crate::proto::TimeSyncResponse;
use prost_types::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

mod decide;
mod history;
mod host_time;
mod journal;
pub mod kernel;
mod steering;
mod window;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use decide::{Action, Verdict};
use history::{History, Refused};
use host_time::HostTimeError;
use journal::Journal;
use kernel::{Kernel, System};

/// Nanoseconds: a time since 1970 or a difference of two. Good until 2262.
pub type Nanos = i64;

const NANOS_PER_MS: Nanos = 1_000_000;

/// The last time that the clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it showed right after.
    pub at: SystemTime,
    /// By how much it was set forward, in milliseconds; negative is back.
    pub by_ms: i64,
}

/// The guest's clock and what is known of it. One for all hosts.
#[derive(Debug, Default)]
pub struct Clock<K: Kernel = System> {
    kernel: K,
    history: History,
    journal: Journal,
    last_step: Option<Step>,
}

impl<K: Kernel> Clock<K> {
    /// A clock of which nothing is known yet.
    pub fn new(kernel: K) -> Self {
        let (history, journal) = (History::default(), Journal::default());
        Self { kernel, history, journal, last_step: None }
    }

    /// Compares the clocks and does what is to be done about it.
    ///
    /// The answer's `drift_ms` is guest minus host as this call saw it. It is
    /// `adjusted` only if the clock was set: Lima's host then writes a line that
    /// people see, which would be one every 10 s during a slew. What went wrong is
    /// told in `error`; the call itself always succeeds.
    pub fn sync(&mut self, host: Option<Timestamp>) -> TimeSyncResponse {
        let mut answer = TimeSyncResponse::default();
        let outcome = self.follow(host, &mut answer);
        self.journal.note(&outcome);
        if let Err(error) = outcome {
            answer.error = error.to_string();
        }
        answer
    }

    /// When and by how much the clock was set last, if it ever was.
    pub fn last_step(&self) -> Option<Step> {
        self.last_step
    }

    fn follow(
        &mut self,
        host: Option<Timestamp>,
        answer: &mut TimeSyncResponse,
    ) -> Result<Verdict, ClockError> {
        let host = host_time::checked(host)?;
        let now = self.kernel.read().map_err(ClockError::Read)?;
        answer.drift_ms = (now.guest.saturating_sub(host)) / NANOS_PER_MS;
        let verdict = decide::decide(&mut self.history, host, &now)?;
        match verdict.action {
            Action::Nothing => {}
            Action::Slew(by) => self.kernel.slew(by).map_err(ClockError::Set)?,
            Action::Step(by) => {
                let at = self.kernel.step(by).map_err(ClockError::Set)?;
                self.last_step = Some(step(at, by));
                answer.adjusted = true;
            }
        }
        self.history.done(verdict.action);
        Ok(verdict)
    }
}

fn step(at: Nanos, by: Nanos) -> Step {
    let since_1970 = Duration::from_nanos(u64::try_from(at).unwrap_or_default());
    Step { at: UNIX_EPOCH + since_1970, by_ms: by / NANOS_PER_MS }
}

/// Why the clock was not compared or not set.
#[derive(Debug, thiserror::Error)]
enum ClockError {
    #[error(transparent)]
    HostTime(#[from] HostTimeError),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("reading the guest's clocks: {0}")]
    Read(#[source] std::io::Error),
    #[error("setting the guest's clock: {0}")]
    Set(#[source] std::io::Error),
}

impl ClockError {
    fn code(&self) -> &'static str {
        match self {
            Self::HostTime(HostTimeError::Missing) => "host-time-missing",
            Self::HostTime(HostTimeError::Implausible { .. }) => "host-time-implausible",
            Self::Refused(_) => "host-time-backwards",
            Self::Read(_) => "clock-unreadable",
            Self::Set(_) => "clock-not-set",
        }
    }
}
