//! The host's time as it comes, and as it is believed.

use super::Nanos;
use prost_types::Timestamp;

/// 2024-01-01 and 2100-01-01. A host outside of these has no clock to follow: it
/// has lost its battery, or the message had no time in it, which would mean 1970.
/// The time of the build would be a narrower bound, but then no two builds of one
/// source would be equal.
const PLAUSIBLE: std::ops::Range<i64> = 1_704_067_200..4_102_444_800;
const NANOS_PER_SECOND: i32 = 1_000_000_000;

/// The time in nanoseconds, if it can be a host's.
///
/// # Errors
/// There is none, it is out of [`PLAUSIBLE`], or its fraction is no fraction.
pub fn checked(time: Option<Timestamp>) -> Result<Nanos, HostTimeError> {
    let Timestamp { seconds, nanos } = time.ok_or(HostTimeError::Missing)?;
    if !PLAUSIBLE.contains(&seconds) || !(0..NANOS_PER_SECOND).contains(&nanos) {
        return Err(HostTimeError::Implausible { seconds, nanos });
    }
    Ok(seconds * Nanos::from(NANOS_PER_SECOND) + Nanos::from(nanos))
}

/// Why a time was not believed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HostTimeError {
    /// The message had none.
    #[error("the host sent no time")]
    Missing,
    /// No host can have it.
    #[error("the host's time is not plausible: {seconds} s and {nanos} ns since 1970")]
    Implausible {
        /// As sent.
        seconds: i64,
        /// As sent.
        nanos: i32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_times_that_a_host_can_have_are_believed() {
        assert_eq!(checked(None), Err(HostTimeError::Missing));
        for (seconds, nanos, plausible) in [
            (1_704_067_200, 0, true),
            (4_102_444_799, 999_999_999, true),
            (1_704_067_199, 999_999_999, false),
            (4_102_444_800, 0, false),
            (0, 0, false),
            (i64::MAX, 0, false),
            (i64::MIN, i32::MIN, false),
            (1_767_225_600, -1, false),
            (1_767_225_600, 1_000_000_000, false),
        ] {
            let found = checked(Some(Timestamp { seconds, nanos }));
            assert_eq!(found.is_ok(), plausible, "{seconds} {nanos}: {found:?}");
        }
    }
}
