//! Whether somebody else steers the guest's clock: an NTP service.
//!
//! The kernel is told by most of them that the clock is synchronised, and how far
//! off it may be; that bound grows by 0.5 ms a second until the next answer of a
//! server. Chrony says so only where it is configured to (`rtcsync`, which NixOS
//! leaves out), but it steers by the clock's frequency, which changes with each
//! answer and which we never touch.

use super::Nanos;
use super::kernel::Discipline;

/// The longest that chrony waits for answers is 1024 s: two of them and some more.
const REMEMBERED: Nanos = 40 * 60 * 1_000_000_000;

/// What was seen of the clock's frequency.
#[derive(Debug, Default)]
pub struct Steering {
    frequency: Option<(i64, i64)>,
    changed: Option<Nanos>,
}

impl Steering {
    /// Takes note of what the kernel says; whether somebody steers.
    pub fn is_on(&mut self, discipline: &Discipline, raw: Nanos) -> bool {
        let now = (discipline.frequency, discipline.tick);
        if self.frequency.replace(now).is_some_and(|before| before != now) {
            self.changed = Some(raw);
        }
        self.changed = self.changed.filter(|at| raw.saturating_sub(*at) < REMEMBERED);
        discipline.synchronised || self.changed.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_synchronised_kernel_or_a_changing_frequency_is_somebody() {
        let mut steering = Steering::default();
        let minute = 60_000_000_000;
        for (minutes, synchronised, frequency, expected) in [
            (0, false, 7, false),
            (1, false, 7, false),
            (2, true, 7, true),
            (3, false, 7, false),
            (4, false, 8, true),
            (43, false, 8, true),
            (44, false, 8, false),
        ] {
            let discipline = Discipline { synchronised, frequency, tick: 10_000 };
            let found = steering.is_on(&discipline, minutes * minute);
            assert_eq!(found, expected, "minute {minutes}");
        }
    }
}
