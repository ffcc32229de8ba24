//! What to do about a call. Pure: times come in, an action comes out.
//!
//! The two directions are not alike. A guest that looks behind is behind, at
//! least by that much, because latency only makes it look ahead: it is set forward
//! at once, which also is what a guest needs that was paused. A guest that looks
//! ahead may only have had a late call: it is set back, or slowed, when several
//! calls agree.

use super::Nanos;
use super::history::{History, Refused};
use super::kernel::Now;

const MS: Nanos = 1_000_000;
/// More than this is set, less is slewed. At 0.5 ms a second this much takes 17
/// minutes, which nobody should wait for; and programs that measure with this
/// clock should not see it jump for less.
pub const FAR: Nanos = 500 * MS;
/// At the first calls, and after a pause, programs have seen the clock jump, or
/// have seen nothing of it yet: then Lima's own bound is far enough to be set
/// forward.
pub const FAR_AT_FIRST: Nanos = 100 * MS;
/// Less than this is noise: a call through a busy SSH connection, crystals over
/// the length of a window.
pub const NOISE: Nanos = 20 * MS;
/// Calls that must agree before the clock is slowed or set back.
pub const AGREEING: usize = 3;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Nothing,
    /// Set the clock forward by this, or back.
    Step(Nanos),
    /// Let the clock gain this, or lose it. Zero ends an earlier slew.
    Slew(Nanos),
}

/// Who keeps the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regime {
    /// We do.
    Ours,
    /// An NTP service in the guest, and it agrees with the host.
    Ntp,
    /// An NTP service in the guest that does not agree with the host. It has been
    /// overruled once since the guest started or was paused, and said the same
    /// again; two who set one clock would only fight.
    Disputed,
}

/// An action and its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What to do.
    pub action: Action,
    /// Why.
    pub regime: Regime,
    /// The guest's error: guest minus host, latency taken off as far as known.
    pub error: Nanos,
}

/// Takes a call into account and says what to do.
///
/// # Errors
/// The call is doubtful: see [`History::take`].
pub fn decide(history: &mut History, host: Nanos, now: &Now) -> Result<Verdict, Refused> {
    let error = history.take(host, now)?;
    let steered = history.steering.is_on(&now.discipline, now.raw);
    let far = error.saturating_abs() > FAR;
    history.settled |= !far;
    let (regime, action) = match (steered, far) {
        (false, _) => (Regime::Ours, keep(history, error)),
        (true, false) => (Regime::Ntp, let_go(history)),
        (true, true) if history.settled => (Regime::Disputed, let_go(history)),
        (true, true) => (Regime::Ntp, step(history, error, FAR).unwrap_or(Action::Nothing)),
    };
    Ok(Verdict { action, regime, error })
}

fn keep(history: &History, error: Nanos) -> Action {
    let at_first = history.window.len() <= AGREEING;
    let forward = if at_first { FAR_AT_FIRST } else { FAR };
    if let Some(step) = step(history, error, forward) {
        return step;
    }
    let known = error < 0 || history.window.len() >= AGREEING;
    let small = error.saturating_abs() <= FAR;
    let wanted = history.slewing || error.saturating_abs() >= NOISE;
    if known && small && wanted { Action::Slew(error.saturating_neg()) } else { Action::Nothing }
}

fn step(history: &History, error: Nanos, forward: Nanos) -> Option<Action> {
    let behind = error < forward.saturating_neg();
    let ahead = error > FAR && agree(history, error);
    (behind || ahead).then_some(Action::Step(error.saturating_neg()))
}

/// Whether the best calls tell of the same error, not of different latencies.
fn agree(history: &History, error: Nanos) -> bool {
    history.window.spread(AGREEING).is_some_and(|spread| spread <= error / 2)
}

/// Leaves the clock to the other, without a slew of ours.
fn let_go(history: &History) -> Action {
    if history.slewing { Action::Slew(0) } else { Action::Nothing }
}
