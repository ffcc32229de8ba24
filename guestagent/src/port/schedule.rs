//! When to dump the sockets, and which. Pure: time comes in, work comes out.
//!
//! A hint asks for one dump, and many hints at once ask for the same one. A
//! few named TCP ports are looked at alone, many are looked at with all others.
//! A flood of hints is slowed ([`queue`]), so that a program that opens and
//! closes sockets all day costs next to nothing. News from another network
//! namespace ask for a look as well, since who says so may be mistaken, but one
//! that waits long and serves them all. Where the kernel gives no hints, a dump
//! is due now and then instead: soon after a change, up to the idle interval
//! when nothing happens.

use super::Protocol;
use super::socket::Families;
use awaiting::Awaiting;
use queue::Queue;
use std::time::Duration;
use tokio::time::Instant;

mod awaiting;
mod queue;

/// The kernel says LISTEN just before the socket can be found by a dump
/// (`inet_csk_listen_start` stores the state, then hashes).
const VISIBLE_AFTER: [Duration; 5] = [
    Duration::from_micros(200),
    Duration::from_millis(1),
    Duration::from_millis(5),
    Duration::from_millis(25),
    Duration::from_millis(125),
];

/// BPF tells of a UDP socket when its port is taken and some hundred
/// instructions before a dump lists it: only a thread that lost its CPU between
/// takes longer.
const LISTED_AFTER: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(25)];

/// When everything is looked at after a look at IPv4 alone.
const DOUBT: Duration = Duration::from_secs(1);

/// More ports than these are cheaper to find by listing all. One look walks the
/// kernel's whole table, which is the greater part of the cost up to about
/// [`MANY`] sockets.
const FEW: usize = 4;
const MANY: usize = 500;

/// News that something may have changed. Never the change itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// A TCP socket of this port enters LISTEN. If its port is yet to be chosen,
    /// this is zero, and stands for all ports.
    Listening(u16),
    /// A TCP socket of this port has left LISTEN.
    NotListening(u16),
    /// A UDP socket gets this port.
    Binding(u16),
    /// A UDP socket of these families may have been bound.
    Bound(Families),
    /// The UDP socket of this cookie has gone.
    Gone(u64),
    /// Something most likely not of our concern: of another network namespace,
    /// or no IP socket.
    Unlikely(Protocol),
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

/// What to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Everything of the protocol.
    All,
    /// The sockets of these ports.
    Ports(Vec<u16>),
    /// The sockets of IPv4.
    V4,
}

/// What there is to say of a dump.
#[derive(Clone, Copy, Debug)]
pub struct Dumped {
    /// Whether it has shown anything new.
    pub changed: bool,
    /// When it began.
    pub begun: Instant,
    /// The CPU's time that it took. Not the time of day: on a busy machine that
    /// is mostly others' work, and would make us wait for it.
    pub cost: Duration,
}

/// The dumps that are due, for both protocols.
#[derive(Debug)]
pub struct Schedule {
    tcp: Queue,
    udp: Queue,
    /// TCP ports to look at, when not all are.
    named: Vec<u16>,
    listening: Awaiting,
    binding: Awaiting,
}

impl Schedule {
    /// A first dump of both is due at once.
    pub fn new(tcp: Hinted, udp: Hinted, now: Instant) -> Self {
        let [tcp, udp] = [tcp, udp].map(|hinted| Queue::new(hinted, now));
        let (listening, binding) = (Awaiting::new(&VISIBLE_AFTER), Awaiting::new(&LISTED_AFTER));
        Self { tcp, udp, named: Vec::new(), listening, binding }
    }

    /// Takes note of a hint. If it names a port, `there` is how many sockets of
    /// that port were seen last.
    pub fn note(&mut self, hint: Hint, there: usize, now: Instant) {
        match hint {
            Hint::Listening(port) => {
                self.listening.enter(port, there, now);
                self.name(port, now);
            }
            Hint::NotListening(port) => {
                self.listening.leave(port);
                self.name(port, now);
            }
            Hint::Binding(port) => {
                self.binding.enter(port, there, now);
                self.udp.ask_all(now);
            }
            Hint::Bound(Families::V4) => {
                self.udp.ask(now);
                // The family is a guess: who says so may have mixed up threads.
                self.udp.ask_all(now + DOUBT);
            }
            Hint::Bound(Families::Both) | Hint::Gone(_) => self.udp.ask_all(now),
            Hint::Unlikely(protocol) => self.queue(protocol).ask_slowly(now),
            Hint::Lost => {
                self.tcp.ask_all(now);
                self.udp.ask_all(now);
            }
        }
    }

    /// Whether a socket that listens on this port has not been seen yet.
    pub fn awaits(&self, port: u16) -> bool {
        self.listening.has(port)
    }

    /// When the next dump is due, if nothing else happens.
    pub fn next(&self) -> Option<Instant> {
        [self.tcp.next(), self.udp.next()].into_iter().flatten().min()
    }

    /// What to dump of this protocol now; it then counts as begun. `known` is
    /// how many sockets there are.
    pub fn take(&mut self, protocol: Protocol, known: usize, now: Instant) -> Option<Look> {
        let all = self.queue(protocol).take(now)?;
        if protocol == Protocol::Udp {
            return Some(if all { Look::All } else { Look::V4 });
        }
        let named = std::mem::take(&mut self.named);
        let few = named.len() <= if known > MANY { FEW } else { 1 };
        let few = few && !named.contains(&0);
        let look = if all || !few || named.is_empty() { Look::All } else { Look::Ports(named) };
        Some(look)
    }

    /// Takes note of a dump, and of how many sockets of a port are there by now.
    pub fn saw(&mut self, protocol: Protocol, there: impl Fn(u16) -> usize, dumped: Dumped) {
        self.queue(protocol).done(dumped);
        match protocol {
            Protocol::Tcp => {
                if let Some((at, ports)) = self.listening.looked(there, dumped.begun) {
                    for port in ports {
                        self.name(port, at);
                    }
                }
            }
            Protocol::Udp => {
                if let Some((at, _)) = self.binding.looked(there, dumped.begun) {
                    self.udp.ask_all(at);
                }
            }
        }
    }

    /// Asks for another dump after one that failed.
    pub fn retry(&mut self, protocol: Protocol, at: Instant) {
        self.queue(protocol).ask_all(at);
    }

    fn name(&mut self, port: u16, at: Instant) {
        if !self.named.contains(&port) && self.named.len() <= FEW {
            self.named.push(port);
        }
        self.tcp.ask(at);
    }

    fn queue(&mut self, protocol: Protocol) -> &mut Queue {
        match protocol {
            Protocol::Tcp => &mut self.tcp,
            Protocol::Udp => &mut self.udp,
        }
    }
}

#[cfg(test)]
mod tests;
