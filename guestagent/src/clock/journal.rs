//! What the log says: a line for each step, and one for each change of who keeps
//! the clock or why it is not kept. A call every 10 s must not be a line every 10 s.

use super::decide::{Action, Regime, Verdict};
use super::{ClockError, NANOS_PER_MS};

/// What was said last.
#[derive(Debug, Default)]
pub struct Journal {
    said: Option<Said>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Kept(Regime),
    Not(&'static str),
}

impl Journal {
    /// Writes what is new.
    pub fn note(&mut self, outcome: &Result<Verdict, ClockError>) {
        if let Ok(verdict) = outcome {
            log_action(verdict);
        }
        let said = match outcome {
            Ok(verdict) => Said::Kept(verdict.regime),
            Err(error) => Said::Not(error.code()),
        };
        if self.said.replace(said) != Some(said) {
            log_change(outcome);
        }
    }
}

fn log_action(verdict: &Verdict) {
    match verdict.action {
        Action::Step(by) => {
            tracing::info!(by_ms = by / NANOS_PER_MS, "clock set to the host's");
        }
        Action::Slew(by) => tracing::debug!(by_ms = by / NANOS_PER_MS, "clock slewed"),
        Action::Nothing => {}
    }
}

fn log_change(outcome: &Result<Verdict, ClockError>) {
    let off_ms = outcome.as_ref().map_or(0, |verdict| verdict.error / NANOS_PER_MS);
    match outcome.as_ref().map(|verdict| verdict.regime) {
        Ok(Regime::Ours) => tracing::info!(off_ms, "clock kept by the host's time"),
        Ok(Regime::Ntp) => tracing::info!(off_ms, "clock left to the guest's NTP service"),
        Ok(Regime::Disputed) => {
            tracing::warn!(off_ms, "host and NTP disagree, clock left to NTP");
        }
        Err(error) => tracing::warn!(code = error.code(), %error, "clock not kept"),
    }
}
