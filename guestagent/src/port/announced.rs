//! What one host has been told, and what to tell it next. Pure: time comes in.
//!
//! Habits of Lima's host shape this (its forwarder acts on the added ports of
//! an event before the removed ones, closes a listener late, and tries each
//! listener once):
//!
//! - ports that went away are a message of their own, sent first;
//! - a port that comes back is held for [`REST`] after its removal, else the
//!   host's late cleanup deletes the new listener;
//! - a UDP port is never announced twice, since that destroys the forward. So
//!   what a host may or may not have heard is removed and then added: right in
//!   both cases;
//! - `0.0.0.0:P` and `[::]:P` compete for one port of the host. Only one of
//!   them is announced, the first one seen, and the other when that one goes;
//! - the loopback addresses compete for the same port of the host, and each is
//!   announced, since a user's rule may part them. When one goes, those that
//!   stay are announced anew: the host may have had no place for them before.

use super::{Port, PortSet, Protocol};
use std::collections::{BTreeMap, BTreeSet};
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
    doubted: PortSet,
    distrust: bool,
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
        Self { ports, ..Self::default() }
    }

    /// The ports that the host knows of now.
    pub fn ports(&self) -> &PortSet {
        &self.ports
    }

    /// Notes that the host may or may not have heard the last news of these.
    pub fn doubt(&mut self, ports: impl IntoIterator<Item = Port>) {
        self.doubted.extend(ports);
    }

    /// Notes that nothing is known of what the host has heard.
    pub fn distrust(&mut self) {
        self.distrust = true;
    }

    /// Moves towards `truth`: returns what to send and counts it as told.
    pub fn advance(&mut self, truth: &PortSet, now: Instant) -> Batch {
        self.resting.retain(|_, until| *until > now);
        let wanted = self.wanted(truth);
        let removed = self.gone(&wanted);
        self.ports = self.ports.difference(&removed).copied().collect();
        self.resting.extend(removed.iter().map(|port| (port.slot(), now + REST)));
        let (later, added): (Vec<Port>, Vec<Port>) = wanted
            .difference(&self.ports)
            .copied()
            .partition(|port| self.resting.contains_key(&port.slot()));
        self.ports.extend(added.iter().copied());
        let again = later.iter().filter_map(|port| self.resting.get(&port.slot())).min().copied();
        Batch { removed: removed.iter().copied().collect(), added, again }
    }

    /// What the host must forget: what does not listen, what it may not know,
    /// and whatever competed with those for a port of the host.
    fn gone(&mut self, wanted: &PortSet) -> PortSet {
        let mut gone: PortSet = self.ports.difference(wanted).copied().collect();
        gone.extend(std::mem::take(&mut self.doubted).iter().copied());
        if std::mem::take(&mut self.distrust) {
            gone.extend(wanted.iter().copied());
        }
        let freed = gone.iter().filter(|port| competes(port.address)).map(Port::slot);
        let freed: BTreeSet<_> = freed.collect();
        let left = self.ports.iter().filter(|port| competes(port.address));
        gone.extend(left.filter(|port| freed.contains(&port.slot())).copied());
        gone
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

/// Whether the host, left to its defaults, forwards this address to its own
/// loopback address.
fn competes(address: IpAddr) -> bool {
    address.is_unspecified() || address == Ipv4Addr::LOCALHOST || address == Ipv6Addr::LOCALHOST
}

fn other_wildcard(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        _ => None,
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
