//! `SyncTime`: sets the clock when it differs from the host's by more than
//! 100 ms. A failure is told in the answer; the call itself succeeds.

use crate::proto::TimeSyncResponse;
use prost_types::Timestamp;
use rustix::time::{ClockId, Timespec, clock_gettime, clock_settime};

/// Smaller differences are left to NTP, and to the time the call itself took.
const THRESHOLD_NS: i128 = 100_000_000;
const NS: i128 = 1_000_000_000;
/// 2024-01-01 and 2100-01-01: a host outside of these has no clock to follow.
/// A message without a time would otherwise mean 1970.
const PLAUSIBLE: std::ops::Range<i64> = 1_704_067_200..4_102_444_800;

/// Compares the clocks, and sets the guest's if it has to be.
pub fn sync(host: Option<Timestamp>) -> TimeSyncResponse {
    let now = clock_gettime(ClockId::Realtime);
    let (drift_ms, step) = match decide(now, host) {
        Ok(Decision { drift_ms, step }) => (drift_ms, step),
        Err(error) => return failed(0, error.to_string()),
    };
    let Some(time) = step else {
        return TimeSyncResponse { drift_ms, ..TimeSyncResponse::default() };
    };
    match clock_settime(ClockId::Realtime, time) {
        Ok(()) => {
            tracing::info!(drift_ms, "clock set to the host's");
            TimeSyncResponse { adjusted: true, drift_ms, error: String::new() }
        }
        Err(error) => {
            tracing::warn!(drift_ms, %error, "clock not set");
            failed(drift_ms, format!("setting the guest's clock: {error}"))
        }
    }
}

fn failed(drift_ms: i64, error: String) -> TimeSyncResponse {
    TimeSyncResponse { adjusted: false, drift_ms, error }
}

#[derive(Debug, PartialEq, Eq)]
struct Decision {
    /// Guest minus host, cut to milliseconds.
    drift_ms: i64,
    step: Option<Timespec>,
}

fn decide(now: Timespec, host: Option<Timestamp>) -> Result<Decision, TimeError> {
    let host = host.ok_or(TimeError::Missing)?;
    if !PLAUSIBLE.contains(&host.seconds) || !(0..1_000_000_000).contains(&host.nanos) {
        return Err(TimeError::Implausible { seconds: host.seconds, nanos: host.nanos });
    }
    let time = Timespec { tv_sec: host.seconds, tv_nsec: host.nanos.into() };
    let drift = nanoseconds(now) - nanoseconds(time);
    let drift_ms = i64::try_from(drift / 1_000_000).unwrap_or(i64::MAX);
    Ok(Decision { drift_ms, step: (drift.abs() > THRESHOLD_NS).then_some(time) })
}

fn nanoseconds(time: Timespec) -> i128 {
    i128::from(time.tv_sec) * NS + i128::from(time.tv_nsec)
}

/// Why a time was not followed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
enum TimeError {
    #[error("the host sent no time")]
    Missing,
    #[error("the host's time is not plausible: {seconds} s and {nanos} ns since 1970")]
    Implausible { seconds: i64, nanos: i32 },
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: i64 = 1_767_225_600;

    #[track_caller]
    fn check(guest: (i64, i64), drift_ms: i64, steps: bool) {
        let now = Timespec { tv_sec: guest.0, tv_nsec: guest.1 };
        let decision = decide(now, Some(Timestamp { seconds: HOST, nanos: 0 })).expect("plausible");
        assert_eq!((decision.drift_ms, decision.step.is_some()), (drift_ms, steps));
    }

    #[test]
    fn only_more_than_100_ms_is_set() {
        check((HOST, 100_000_000), 100, false);
        check((HOST, 100_000_001), 100, true);
        check((HOST - 1, 900_000_000), -100, false);
        check((HOST - 1, 899_999_999), -100, true);
        check((0, 0), -HOST * 1000, true);
    }

    #[test]
    fn missing_and_implausible_times_are_not_followed() {
        let now = Timespec { tv_sec: HOST, tv_nsec: 0 };
        assert_eq!(decide(now, None), Err(TimeError::Missing));
        for (seconds, nanos) in
            [(0, 0), (i64::MAX, 0), (i64::MIN, 0), (HOST, -1), (HOST, 1_000_000_000)]
        {
            let error = Err(TimeError::Implausible { seconds, nanos });
            assert_eq!(decide(now, Some(Timestamp { seconds, nanos })), error);
        }
    }
}
