//! Ports that were named and are not there yet.
//!
//! The kernel names a port just before its socket can be found, so a look may
//! come too early. Sockets are counted, since a number may have several: one
//! that is there says nothing of one that is to come at another address. A count
//! that is too high, because one of them has left unseen, costs some looks more.

use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// The ports of one protocol.
#[derive(Debug)]
pub struct Awaiting {
    ports: BTreeMap<u16, Awaited>,
    /// When to look again, each pause after the look before. Then it is given
    /// up: the socket is gone, or was in another network namespace.
    pauses: &'static [Duration],
}

#[derive(Debug)]
struct Awaited {
    /// How many sockets are to be there.
    sockets: usize,
    tries: usize,
    /// Dumps before this moment, for other reasons, do not count as a try.
    at: Instant,
}

impl Awaiting {
    /// None yet.
    pub const fn new(pauses: &'static [Duration]) -> Self {
        Self { ports: BTreeMap::new(), pauses }
    }

    /// One more socket is to be there than the `there` that were seen last.
    pub fn enter(&mut self, port: u16, there: usize, at: Instant) {
        let new = Awaited { sockets: there, tries: 0, at };
        let known = self.ports.entry(port).or_insert(new);
        *known = Awaited { sockets: known.sockets + 1, tries: 0, at };
    }

    /// One socket less is to be there.
    pub fn leave(&mut self, port: u16) {
        if let Some(awaited) = self.ports.get_mut(&port) {
            awaited.sockets = awaited.sockets.saturating_sub(1);
        }
    }

    /// Whether a socket of this port is awaited.
    pub fn has(&self, port: u16) -> bool {
        self.ports.contains_key(&port)
    }

    /// Takes note of a dump begun at `start` and of how many sockets there are
    /// by now. When to look next, and at which ports.
    pub fn looked(
        &mut self,
        there: impl Fn(u16) -> usize,
        start: Instant,
    ) -> Option<(Instant, Vec<u16>)> {
        let pauses = self.pauses;
        self.ports.retain(|port, awaited| {
            there(*port) < awaited.sockets && awaited.looked(pauses, start)
        });
        let first = self.ports.values().map(|awaited| awaited.at).min()?;
        let soonest = self.ports.iter().filter(|(_, awaited)| awaited.at == first);
        Some((first, soonest.map(|(port, _)| *port).collect()))
    }
}

impl Awaited {
    /// Counts a dump in vain. Whether another try is left.
    fn looked(&mut self, pauses: &[Duration], start: Instant) -> bool {
        if start < self.at {
            return true;
        }
        let pause = pauses.get(self.tries);
        self.tries += 1;
        self.at = start + pause.copied().unwrap_or_default();
        pause.is_some()
    }
}
