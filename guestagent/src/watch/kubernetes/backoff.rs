//! The pauses between tries, while the API does not answer.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LAST: Duration = Duration::from_mins(1);

/// Pauses that grow from one second to a minute, each shortened by up to a
/// quarter, so that what was started together does not stay together.
#[derive(Clone, Copy, Debug)]
pub struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Backoff {
    /// The next pause.
    pub fn pause(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (self.0 * 2).min(LAST);
        // Hashers are keyed at random; this needs no better randomness.
        let random = u32::try_from(RandomState::new().hash_one(0) & 0xff).unwrap_or_default();
        pause.saturating_sub(pause / 4 * random / 255).max(FIRST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_a_second_to_a_minute() {
        let mut backoff = Backoff::default();
        for full in [1, 2, 4, 8, 16, 32, 60, 60] {
            let (pause, full) = (backoff.pause(), Duration::from_secs(full));
            assert!(pause <= full && pause >= (full * 3 / 4).max(FIRST), "{pause:?} of {full:?}");
        }
    }
}
