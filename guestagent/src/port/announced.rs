//! What one host has been told, and what to tell it next. Pure: time comes in.
//!
//! Three habits of Lima's host shape this (its forwarder acts on the added
//! ports of an event before the removed ones, and closes a listener late):
//!
//! - ports that went away are a message of their own, sent first;
//! - a port that comes back is held for [`REST`] after its removal, else the
//!   host's late cleanup deletes the new listener;
//! - a UDP port is never announced twice, since that destroys the forward.
//!
//! `0.0.0.0:P` and `[::]:P` compete for one port of the host. Only one of them
//! is announced, the first one seen, and the other when that one goes.

use super::{Port, PortSet, Protocol};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use tokio::time::Instant;

/// The least time between removing and adding the same port number. Measured
/// on Lima's host: 0 of 100 lost from 1 ms on a local socket; batching on the
/// way can eat a part of it.
pub const REST: Duration = Duration::from_millis(100);

/// The ports that a host knows of.
#[derive(Clone, Debug, Default)]
pub struct Announced {
    ports: PortSet,
    resting: BTreeMap<(Protocol, u16), Instant>,
}

/// What to tell the host now, removals first, each in a message of its own.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Ports that no longer listen.
    pub removed: Vec<Port>,
    /// Ports that listen now.
    pub added: Vec<Port>,
    /// When to ask again, although nothing has changed: a port rests.
    pub again: Option<Instant>,
}

impl Announced {
    /// Starts from what the host was told before.
    pub fn from_ports(ports: PortSet) -> Self {
        Self { ports, resting: BTreeMap::new() }
    }

    /// The ports that the host knows of now.
    pub fn ports(&self) -> &PortSet {
        &self.ports
    }

    /// Moves towards `truth`: returns what to send and counts it as told.
    pub fn advance(&mut self, truth: &PortSet, now: Instant) -> Batch {
        self.resting.retain(|_, until| *until > now);
        let wanted = self.wanted(truth);
        let removed: Vec<Port> = self.ports.difference(&wanted).copied().collect();
        for port in &removed {
            self.ports.remove(port);
            self.resting.insert(port.slot(), now + REST);
        }
        let (later, added): (Vec<Port>, Vec<Port>) = wanted
            .difference(&self.ports)
            .copied()
            .partition(|port| self.resting.contains_key(&port.slot()));
        self.ports.extend(&added);
        let again = later.iter().filter_map(|port| self.resting.get(&port.slot())).min().copied();
        Batch { removed, added, again }
    }

    fn wanted(&self, truth: &PortSet) -> PortSet {
        truth.iter().filter(|port| !self.yields(port, truth)).copied().collect()
    }

    /// Whether the other wildcard address of the same port is announced instead.
    fn yields(&self, port: &Port, truth: &PortSet) -> bool {
        let Some(address) = other_wildcard(port.address) else { return false };
        let twin = Port { address, ..*port };
        if !truth.contains(&twin) {
            return false;
        }
        if self.ports.contains(&twin) != self.ports.contains(port) {
            return self.ports.contains(&twin);
        }
        port.address.is_ipv6()
    }
}

fn other_wildcard(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
