//! The kernel's clocks: the one file that reads and sets them.

use super::Nanos;
use rustix::time::{ClockId, Timespec, clock_gettime, clock_settime};
use std::io;

/// A clock of which the kernel says that it may be further off than this has not
/// had an answer of an NTP server for over an hour: nobody steers it any more. The
/// longest usual pause, systemd-timesyncd's 2048 s, lets the bound grow to 1.0 s.
const STALE_US: i64 = 2_000_000;
/// The clocks are read one after the other. If that takes longer than this, the
/// processor was taken away in between, and they do not belong together.
const TOGETHER: Nanos = 100_000;
const TRIES: usize = 4;
const NANOS_PER_SECOND: Nanos = 1_000_000_000;

/// What reads and sets a clock.
pub trait Kernel {
    /// All clocks, at one moment.
    ///
    /// # Errors
    /// The kernel refuses.
    fn read(&mut self) -> io::Result<Now>;

    /// Sets the clock forward, or back if negative; says what it shows then.
    ///
    /// # Errors
    /// Not permitted, or no time that the kernel takes.
    fn step(&mut self, by: Nanos) -> io::Result<Nanos>;

    /// Lets the clock run faster or slower until it has gained so much, instead
    /// of what was left of an earlier call. Zero ends it.
    ///
    /// # Errors
    /// Not permitted.
    fn slew(&mut self, by: Nanos) -> io::Result<()>;
}

/// The clocks at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The clock that everybody reads, since 1970.
    pub guest: Nanos,
    /// The bare counter: stands while the guest is suspended or paused.
    pub raw: Nanos,
    /// How long the guest was suspended since its boot, as far as it knows.
    pub suspended: Nanos,
    /// What is left of a slew.
    pub slewing: Nanos,
    /// Who steers.
    pub discipline: Discipline,
}

/// What the kernel knows of an NTP service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discipline {
    /// A service says that the clock is right, and said so lately.
    pub synchronised: bool,
    /// Set by a service; the unit does not matter.
    pub frequency: i64,
    /// Likewise.
    pub tick: i64,
}

/// The kernel of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Kernel for System {
    fn read(&mut self) -> io::Result<Now> {
        let (status, timex) = adjust(libc::ADJ_OFFSET_SS_READ, 0)?;
        let mut best = read_clocks();
        for _ in 1..TRIES {
            if best.1 <= TOGETHER {
                break;
            }
            let again = read_clocks();
            best = if again.1 < best.1 { again } else { best };
        }
        let slewing = timex.offset.saturating_mul(1000);
        Ok(Now { slewing, discipline: discipline(status, &timex), ..best.0 })
    }

    /// By `clock_settime`, not `ADJ_SETOFFSET`: it makes the kernel forget that
    /// the clock was synchronised, so that an NTP service that slept through the
    /// pause of a guest cannot keep claiming it, and asks its servers anew.
    fn step(&mut self, by: Nanos) -> io::Result<Nanos> {
        let to = nanos(clock_gettime(ClockId::Realtime)).saturating_add(by);
        let time = Timespec {
            tv_sec: to.div_euclid(NANOS_PER_SECOND),
            tv_nsec: to.rem_euclid(NANOS_PER_SECOND),
        };
        clock_settime(ClockId::Realtime, time)?;
        Ok(to)
    }

    fn slew(&mut self, by: Nanos) -> io::Result<()> {
        adjust(libc::ADJ_OFFSET_SINGLESHOT, by / 1000).map(drop)
    }
}

/// The clocks, and how long reading them took. What a service says is left empty.
fn read_clocks() -> (Now, Nanos) {
    let before = nanos(clock_gettime(ClockId::MonotonicRaw));
    let guest = nanos(clock_gettime(ClockId::Realtime));
    let monotonic = nanos(clock_gettime(ClockId::Monotonic));
    let suspended = nanos(clock_gettime(ClockId::Boottime)).saturating_sub(monotonic);
    let raw = nanos(clock_gettime(ClockId::MonotonicRaw));
    let discipline = Discipline::default();
    (Now { guest, raw, suspended, slewing: 0, discipline }, raw.saturating_sub(before))
}

fn nanos(time: Timespec) -> Nanos {
    time.tv_sec.saturating_mul(NANOS_PER_SECOND).saturating_add(time.tv_nsec)
}

/// `adjtimex(2)`; `offset` is in microseconds in the two modes used here.
fn adjust(modes: libc::c_uint, offset: i64) -> io::Result<(libc::c_int, libc::timex)> {
    // SAFETY: `timex` is made of integers only, for which zeros are valid.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    timex.modes = modes;
    timex.offset = offset;
    // SAFETY: `timex` is valid for reading and writing for the whole call.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state < 0 { Err(io::Error::last_os_error()) } else { Ok((state, timex)) }
}

fn discipline(state: libc::c_int, timex: &libc::timex) -> Discipline {
    let trusted = state != libc::TIME_ERROR && timex.status & libc::STA_UNSYNC == 0;
    let lately = timex.maxerror < STALE_US;
    Discipline { synchronised: trusted && lately, frequency: timex.freq, tick: timex.tick }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reading needs no right and changes nothing. Nothing here sets a clock.
    #[test]
    fn the_clocks_of_this_machine_can_be_read() {
        let first = System.read().expect("clocks");
        let second = System.read().expect("clocks");
        assert!(second.raw > first.raw, "{first:?} {second:?}");
        assert!(first.guest > 1_600_000_000 * NANOS_PER_SECOND);
        assert!(first.suspended >= 0);
    }

    #[test]
    fn a_stale_or_doubtful_synchronisation_is_none() {
        for (state, status, maxerror, expected) in [
            (libc::TIME_OK, 0, 1_000_000, true),
            (libc::TIME_OK, libc::STA_PLL, 0, true),
            (libc::TIME_INS, 0, 0, true),
            (libc::TIME_ERROR, 0, 0, false),
            (libc::TIME_ERROR, libc::STA_UNSYNC, 16_000_000, false),
            (libc::TIME_OK, 0, 2_000_000, false),
        ] {
            // SAFETY: `timex` is made of integers only.
            let mut timex: libc::timex = unsafe { std::mem::zeroed() };
            (timex.status, timex.maxerror) = (status, maxerror);
            let found = discipline(state, &timex).synchronised;
            assert_eq!(found, expected, "{state} {status} {maxerror}");
        }
    }
}
