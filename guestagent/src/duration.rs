//! Durations as Go writes them (`3s`, `1h30m`, `1.5s`, `300ms`), because the
//! command line is shared with Lima's agent and its units pass such values.

use std::time::Duration;

/// Units in nanoseconds; `µs` has two spellings in Unicode and both are Go.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
];

/// Reads a positive Go duration of at most 24 hours.
///
/// # Errors
/// Text that is no Go duration, zero, a negative one, or more than a day.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut nanoseconds = 0.0;
    if rest == "0" {
        return Err(DurationError::OutOfRange(text.into()));
    }
    while !rest.is_empty() {
        let (amount, tail) = number(rest).ok_or_else(|| DurationError::Malformed(text.into()))?;
        let (factor, tail) = unit(tail).ok_or_else(|| DurationError::Malformed(text.into()))?;
        nanoseconds += amount * factor;
        rest = tail;
    }
    let duration = Duration::try_from_secs_f64(nanoseconds / 1e9)
        .map_err(|_| DurationError::OutOfRange(text.into()))?;
    if text.is_empty() {
        return Err(DurationError::Malformed(text.into()));
    }
    if duration.is_zero() || duration > Duration::from_hours(24) {
        return Err(DurationError::OutOfRange(text.into()));
    }
    Ok(duration)
}

fn number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, tail) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, tail))
}

fn unit(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(text.len());
    let (name, tail) = text.split_at_checked(end)?;
    UNITS.iter().find(|(unit, _)| *unit == name).map(|(_, factor)| (*factor, tail))
}

/// Why a duration was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DurationError {
    /// Not in Go's notation.
    #[error("{0:?} is not a duration such as 3s or 1m30s")]
    Malformed(String),
    /// Zero, or longer than a day.
    #[error("{0:?} must be more than 0 and at most 24h")]
    OutOfRange(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_go_accepts() {
        for (text, milliseconds) in [
            ("3s", 3_000),
            ("+3s", 3_000),
            ("1h30m", 5_400_000),
            ("1.5s", 1_500),
            ("300ms", 300),
            (".5s", 500),
            ("2000µs", 2),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn refuses_zero_negative_and_nonsense() {
        for text in ["0", "0s", "25h"] {
            assert_eq!(parse(text), Err(DurationError::OutOfRange(text.into())), "{text}");
        }
        for text in ["", "3", "-3s", "s", "3 s", "1..2s", "3sec", "1e3s", "inf"] {
            assert_eq!(parse(text), Err(DurationError::Malformed(text.into())), "{text}");
        }
    }
}
