//! When to dump the sockets. Pure: time comes in, work comes out.
//!
//! A hint asks for one dump, and many hints at once ask for the same one. A
//! flood of them is slowed to a fixed rate, so that a program that opens and
//! closes sockets all day costs next to nothing. Where the kernel gives no
//! hints, a dump is due now and then instead: soon after a change, up to the
//! idle interval when nothing happens.

use super::{PortSet, Protocol};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// The kernel says LISTEN just before the socket can be found by a dump
/// (`inet_csk_listen_start` stores the state, then hashes). So while a port
/// that was named is not there, look again after these pauses, then give up:
/// it was in another network namespace, or is gone.
const VISIBLE_AFTER: [Duration; 5] = [
    Duration::from_micros(200),
    Duration::from_millis(1),
    Duration::from_millis(5),
    Duration::from_millis(25),
    Duration::from_millis(125),
];

/// The quickest repetition of dumps without hints.
const QUICKEST: Duration = Duration::from_millis(100);

/// News that something may have changed. Never the change itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// A TCP socket of this port enters LISTEN.
    Listening(u16),
    /// A TCP socket of this port has left LISTEN.
    NotListening(u16),
    /// A socket was bound or a UDP socket has gone.
    Udp,
    /// Hints were lost: look at everything.
    Lost,
}

/// Whether the kernel tells of the changes of a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hinted {
    /// It does, and nothing is polled.
    Yes,
    /// It does not: dump at least this often.
    No(Duration),
}

/// The dumps that are due, for both protocols.
#[derive(Debug)]
pub struct Schedule {
    tcp: Queue,
    udp: Queue,
    awaited: BTreeMap<u16, Awaited>,
}

/// A port that was named and has not been seen.
#[derive(Debug)]
struct Awaited {
    tries: usize,
    /// Dumps before this moment, for other reasons, do not count as a try.
    at: Instant,
}

impl Schedule {
    /// A first dump of both is due at once.
    pub fn new(tcp: Hinted, udp: Hinted, now: Instant) -> Self {
        Self {
            tcp: Queue::new(tcp, 64, Duration::from_millis(5), now),
            udp: Queue::new(udp, 16, Duration::from_millis(50), now),
            awaited: BTreeMap::new(),
        }
    }

    /// Takes note of a hint.
    pub fn note(&mut self, hint: Hint, now: Instant) {
        match hint {
            Hint::Listening(port) => {
                self.awaited.insert(port, Awaited { tries: 0, at: now });
            }
            Hint::NotListening(port) => {
                self.awaited.remove(&port);
            }
            Hint::Udp => return self.udp.ask(now),
            Hint::Lost => self.udp.ask(now),
        }
        self.tcp.ask(now);
    }

    /// When the next dump is due, if nothing else happens.
    pub fn next(&self) -> Option<Instant> {
        [self.tcp.due, self.udp.due].into_iter().flatten().min()
    }

    /// Whether a dump of this protocol is due; it then counts as begun.
    pub fn take(&mut self, protocol: Protocol, now: Instant) -> bool {
        self.queue(protocol).take(now)
    }

    /// Takes note of what a dump has shown and whether it was new.
    pub fn saw(&mut self, protocol: Protocol, ports: &PortSet, changed: bool, now: Instant) {
        self.queue(protocol).repeat(changed, now);
        if protocol == Protocol::Tcp {
            self.look_again(ports, now);
        }
    }

    /// Asks for another dump after one that failed.
    pub fn retry(&mut self, protocol: Protocol, at: Instant) {
        self.queue(protocol).ask(at);
    }

    fn look_again(&mut self, ports: &PortSet, now: Instant) {
        self.awaited.retain(|number, _| !ports.iter().any(|port| port.number == *number));
        self.awaited.retain(|_, awaited| awaited.looked(now));
        if let Some(at) = self.awaited.values().map(|awaited| awaited.at).min() {
            self.tcp.ask(at);
        }
    }

    fn queue(&mut self, protocol: Protocol) -> &mut Queue {
        match protocol {
            Protocol::Tcp => &mut self.tcp,
            Protocol::Udp => &mut self.udp,
        }
    }
}

impl Awaited {
    /// Counts a dump in vain. Whether another try is left.
    fn looked(&mut self, now: Instant) -> bool {
        if now < self.at {
            return true;
        }
        let pause = VISIBLE_AFTER.get(self.tries);
        self.tries += 1;
        self.at = now + pause.copied().unwrap_or_default();
        pause.is_some()
    }
}

/// The dumps of one protocol: `burst` of them at once, then one each `gap`.
#[derive(Debug)]
struct Queue {
    due: Option<Instant>,
    burst: u32,
    gap: Duration,
    /// When the allowance is whole again.
    whole: Instant,
    hinted: Hinted,
    interval: Duration,
}

impl Queue {
    fn new(hinted: Hinted, burst: u32, gap: Duration, now: Instant) -> Self {
        Self { due: Some(now), burst, gap, whole: now, hinted, interval: QUICKEST }
    }

    fn ask(&mut self, at: Instant) {
        let allowed = self.whole.checked_sub(self.gap * self.burst).map_or(at, |t| t.max(at));
        self.due = Some(self.due.map_or(allowed, |due| due.min(allowed)));
    }

    fn take(&mut self, now: Instant) -> bool {
        let ready = self.due.is_some_and(|due| due <= now);
        if ready {
            self.due = None;
            self.whole = self.whole.max(now) + self.gap;
        }
        ready
    }

    fn repeat(&mut self, changed: bool, now: Instant) {
        let Hinted::No(longest) = self.hinted else { return };
        self.interval = if changed { QUICKEST } else { self.interval * 2 }.min(longest);
        self.ask(now + self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Port;

    fn ports(number: u16) -> PortSet {
        PortSet::from([Port::new(Protocol::Tcp, [0; 4].into(), number)])
    }

    /// Runs every TCP dump that comes due until `end`, and says when.
    fn dumps(schedule: &mut Schedule, start: Instant, end: u64, found: &PortSet) -> Vec<u128> {
        let mut at = Vec::new();
        while let Some(now) = schedule.next().filter(|t| *t <= start + Duration::from_millis(end)) {
            if schedule.take(Protocol::Tcp, now) {
                at.push((now - start).as_micros());
                schedule.saw(Protocol::Tcp, found, false, now);
            }
            schedule.take(Protocol::Udp, now);
        }
        at
    }

    fn idle() -> (Schedule, Instant) {
        let start = Instant::now();
        let mut schedule = Schedule::new(Hinted::Yes, Hinted::Yes, start);
        assert_eq!(dumps(&mut schedule, start, 10_000, &PortSet::new()), [0]);
        (schedule, start + Duration::from_secs(20))
    }

    #[test]
    fn many_hints_are_one_dump() {
        let (mut schedule, start) = idle();
        for _ in 0..100 {
            schedule.note(Hint::Listening(80), start);
        }
        assert_eq!(dumps(&mut schedule, start, 10_000, &ports(80)), [0]);
    }

    #[test]
    fn a_port_not_yet_visible_is_looked_for_again() {
        let (mut schedule, start) = idle();
        schedule.note(Hint::Listening(80), start);
        let expected = [0, 200, 1_200, 6_200, 31_200, 156_200];
        assert_eq!(dumps(&mut schedule, start, 10_000, &ports(81)), expected);
    }

    #[test]
    fn a_port_that_left_is_not_looked_for() {
        let (mut schedule, start) = idle();
        schedule.note(Hint::Listening(80), start);
        schedule.note(Hint::NotListening(80), start);
        assert_eq!(dumps(&mut schedule, start, 10_000, &PortSet::new()), [0]);
    }

    #[test]
    fn a_flood_is_slowed() {
        let (mut schedule, start) = idle();
        let mut count = 0;
        for millisecond in 0..1_000 {
            let now = start + Duration::from_millis(millisecond);
            schedule.note(Hint::Udp, now);
            count += u32::from(schedule.take(Protocol::Udp, now));
        }
        assert_eq!(count, 16 + 20);
    }

    #[test]
    fn without_hints_the_pause_grows_to_the_longest() {
        let start = Instant::now();
        let no = Hinted::No(Duration::from_secs(1));
        let mut schedule = Schedule::new(no, Hinted::Yes, start);
        let at = dumps(&mut schedule, start, 3_500, &PortSet::new());
        assert_eq!(at, [0, 200_000, 600_000, 1_400_000, 2_400_000, 3_400_000]);
    }
}
