//! The last calls, and the least that they say of the guest's error.
//!
//! A sample is the guest's raw clock minus the host's time. The raw clock
//! (`CLOCK_MONOTONIC_RAW`) is the bare counter: nobody sets it or lets it run
//! faster, neither we nor NTP nor a person. So samples of different times compare,
//! whatever was done to the guest's clock in between, and a step need not clear
//! them. It differs from the host's clock by the crystals only, some 10 to 100
//! millionths, which over the [`LONGEST`] of a window is at most about 10 ms.

use super::Nanos;
use std::collections::VecDeque;

/// Calls that are looked at.
const CALLS: usize = 8;
/// Older ones are not: 90 s is eight calls of Lima's and some delay.
const LONGEST: Nanos = 90_000_000_000;

/// Raw clock minus host, at a moment of the raw clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub raw: Nanos,
    /// Raw clock minus host: more for a late call, never less.
    pub ahead: Nanos,
}

/// The samples of the last calls.
#[derive(Debug, Default)]
pub struct Window(VecDeque<Sample>);

impl Window {
    /// Adds a sample and drops those that are too old or too many.
    pub fn push(&mut self, sample: Sample) {
        self.0.retain(|old| (0..=LONGEST).contains(&sample.raw.saturating_sub(old.raw)));
        if self.0.len() == CALLS {
            self.0.pop_front();
        }
        self.0.push_back(sample);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The least sample: of the call with the smallest latency.
    pub fn least(&self) -> Option<Nanos> {
        self.0.iter().map(|sample| sample.ahead).min()
    }

    /// How far the best samples lie apart, if there are so many.
    pub fn spread(&self, best: usize) -> Option<Nanos> {
        let mut ahead: Vec<_> = self.0.iter().map(|sample| sample.ahead).collect();
        ahead.sort_unstable();
        let last = ahead.get(best.checked_sub(1)?)?;
        ahead.first().map(|least| last.saturating_sub(*least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Nanos = 1_000_000_000;

    fn window(samples: &[(Nanos, Nanos)]) -> Window {
        let mut window = Window::default();
        for (raw, ahead) in samples {
            window.push(Sample { raw: raw * S, ahead: *ahead });
        }
        window
    }

    #[test]
    fn the_least_of_the_last_calls_counts() {
        for (samples, least, spread) in [
            (&[][..], None, None),
            (&[(0, 5)], Some(5), None),
            (&[(0, 5), (10, 3)], Some(3), Some(2)),
            (&[(0, 5), (10, 3), (20, 9)], Some(3), Some(2)),
            (&[(0, 1), (90, 3)], Some(1), Some(2)),
            (&[(0, 1), (91, 3)], Some(3), None),
        ] {
            let window = window(samples);
            assert_eq!((window.least(), window.spread(2)), (least, spread), "{samples:?}");
        }
    }

    #[test]
    fn it_holds_eight() {
        let samples: Vec<_> = (0..100).map(|at| (at, 100 - at)).collect();
        assert_eq!(window(&samples).len(), CALLS);
    }

    #[test]
    fn a_raw_clock_that_runs_backwards_ends_what_was_before() {
        assert_eq!(window(&[(50, 1), (0, 3)]).least(), Some(3));
    }
}
