//! The ports that rules make, from walks with every kind of dial.

use super::packet::Dial;
use super::walk::Walk;
use super::{Hook, Table, Version};
use crate::port::{Port, Protocol};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Steps of all walks together: some tenths of a second at worst.
const STEPS: usize = 500_000;
/// Own addresses that are tried, of each version. Machines that balance loads
/// may have thousands.
const MOST_ADDRESSES: usize = 8;
/// Ports that are told.
const MOST_PORTS: usize = 4096;

/// The rule that makes a port.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Via {
    /// Table and chain, as `ip nat DOCKER`.
    pub chain: String,
    /// Where it leads, as `172.17.0.2:80`; empty if the rule does not say.
    pub to: String,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain)?;
        if self.to.is_empty() { Ok(()) } else { write!(f, ", to {}", self.to) }
    }
}

/// What the rules make of dials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Translated {
    /// Ports that answer a dial from inside.
    pub ports: BTreeMap<Port, Via>,
    /// Ports that are translated for packets from outside only.
    pub outside: BTreeSet<(Protocol, u16)>,
    /// Whether there were more rules or ports than are looked at.
    pub cut: bool,
}

/// Walks all tables. `own` are the addresses of this machine.
pub fn translated(tables: &[Table], own: &BTreeSet<IpAddr>) -> Translated {
    within(STEPS, tables, own)
}

/// Walks all tables, with no more than this many steps together.
pub fn within(steps: usize, tables: &[Table], own: &BTreeSet<IpAddr>) -> Translated {
    let mut search = Search { tables, steps, found: Translated::default() };
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        for version in [Version::V4, Version::V6] {
            search.version(protocol, version, &others(own, version));
        }
    }
    let mut found = search.found;
    found.cut = search.steps == 0 || found.ports.len() > MOST_PORTS;
    while found.ports.len() > MOST_PORTS {
        found.ports.pop_last();
    }
    found
}

struct Search<'a> {
    tables: &'a [Table],
    steps: usize,
    found: Translated,
}

impl Search<'_> {
    /// A port that answers on every address is one port on the wildcard.
    fn version(&mut self, protocol: Protocol, version: Version, others: &[IpAddr]) {
        let (loopback, wildcard) = ends(version);
        let inside = |search: &mut Self, address| search.dial(Hook::Output, protocol, address);
        let at_loopback = inside(self, loopback);
        let at_others: Vec<_> =
            others.iter().map(|address| (*address, inside(self, *address))).collect();
        let everywhere = |number: &u16| {
            at_loopback.contains_key(number)
                && at_others.iter().all(|(_, at)| at.contains_key(number))
        };
        let mut add = |address, number: &u16, via: &Via| {
            let address = if everywhere(number) { wildcard } else { address };
            let port = Port::new(protocol, address, *number);
            self.found.ports.entry(port).or_insert_with(|| via.clone());
        };
        for (number, via) in &at_loopback {
            add(loopback, number, via);
        }
        for (address, at) in &at_others {
            for (number, via) in at {
                add(*address, number, via);
            }
        }
        self.outside(protocol, others);
    }

    fn outside(&mut self, protocol: Protocol, addresses: &[IpAddr]) {
        for address in addresses {
            for number in self.dial(Hook::Prerouting, protocol, *address).into_keys() {
                let inside = |port: &Port| port.slot() == (protocol, number);
                if !self.found.ports.keys().any(inside) && self.found.outside.len() < MOST_PORTS {
                    self.found.outside.insert((protocol, number));
                }
            }
        }
    }

    fn dial(&mut self, hook: Hook, protocol: Protocol, address: IpAddr) -> BTreeMap<u16, Via> {
        let dial = Dial { hook, protocol, address };
        let mut found = BTreeMap::new();
        for table in self.tables.iter().filter(|table| table.versions.contains(&dial.version())) {
            let mut walk = Walk::new(table, dial, &mut self.steps);
            for (_, chain) in table.bases.iter().filter(|(at, _)| *at == hook) {
                walk.base(chain);
            }
            for hit in walk.hits {
                let chain = format!("{} {}", table.name, hit.chain);
                let via = Via { chain, to: text(hit.to) };
                for number in hit.ports.iter().filter(|number| *number != 0) {
                    found.entry(number).or_insert_with(|| via.clone());
                }
            }
        }
        found
    }
}

/// The loopback address and the wildcard.
fn ends(version: Version) -> (IpAddr, IpAddr) {
    match version {
        Version::V4 => (Ipv4Addr::LOCALHOST.into(), Ipv4Addr::UNSPECIFIED.into()),
        Version::V6 => (Ipv6Addr::LOCALHOST.into(), Ipv6Addr::UNSPECIFIED.into()),
    }
}

/// Addresses that a dial can name: not those that need an interface with them.
fn others(own: &BTreeSet<IpAddr>, version: Version) -> Vec<IpAddr> {
    let wanted = |address: &&IpAddr| match address {
        IpAddr::V4(address) => version == Version::V4 && !address.is_loopback(),
        IpAddr::V6(address) => {
            version == Version::V6 && !address.is_loopback() && !address.is_unicast_link_local()
        }
    };
    own.iter().filter(wanted).take(MOST_ADDRESSES).copied().collect()
}

fn text((address, port): (Option<IpAddr>, Option<u16>)) -> String {
    match (address, port) {
        (Some(address), Some(port)) => std::net::SocketAddr::new(address, port).to_string(),
        (Some(address), None) => address.to_string(),
        (None, Some(port)) => format!("port {port}"),
        (None, None) => String::new(),
    }
}
