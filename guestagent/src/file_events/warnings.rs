//! Warnings, of each reason one a minute: a host can send thousands of messages
//! about files that cannot be touched.

use super::reason::Reason;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_mins(1);

/// What was said, by the codes of reasons.
#[derive(Debug, Default)]
pub struct Warnings(BTreeMap<&'static str, Said>);

#[derive(Debug)]
struct Said {
    at: Instant,
    unsaid: u64,
}

impl Warnings {
    /// Says it, or counts it.
    pub fn note(&mut self, reason: &Reason, path: &Path) {
        if let Some(unsaid) = self.due(reason.code(), Instant::now()) {
            let code = reason.code();
            tracing::warn!(code, ?path, %reason, unsaid, "file time not set");
        }
    }

    /// Says how many were not said.
    pub fn flush(&mut self) {
        for (code, said) in std::mem::take(&mut self.0) {
            if said.unsaid > 0 {
                tracing::warn!(code, unsaid = said.unsaid, "file times not set");
            }
        }
    }

    /// Whether it is to be said now, and how many were not since the last time.
    fn due(&mut self, code: &'static str, now: Instant) -> Option<u64> {
        let Some(said) = self.0.get_mut(code) else {
            self.0.insert(code, Said { at: now, unsaid: 0 });
            return Some(0);
        };
        if now.saturating_duration_since(said.at) < PAUSE {
            said.unsaid += 1;
            return None;
        }
        said.at = now;
        Some(std::mem::take(&mut said.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_said_once_a_minute_with_a_count() {
        let mut warnings = Warnings::default();
        let start = Instant::now();
        for (seconds, code, expected) in [
            (0, "a", Some(0)),
            (1, "a", None),
            (2, "b", Some(0)),
            (59, "a", None),
            (60, "a", Some(2)),
            (61, "a", None),
            (200, "a", Some(1)),
        ] {
            let found = warnings.due(code, start + Duration::from_secs(seconds));
            assert_eq!(found, expected, "{code} at {seconds} s");
        }
    }
}
