//! A listening port as host and guest name it.
//!
//! Lima compares ports as text, so the text is canonical: IPv4 dotted, IPv6 as
//! in RFC 5952, an IPv4-mapped address as the IPv4 address it stands for.

use crate::proto::IpPort;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

pub mod announced;
pub mod rules;
pub mod schedule;
pub mod set;
pub mod socket;
pub mod store;
pub mod table;

pub use set::PortSet;

/// The transport protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP sockets in LISTEN.
    Tcp,
    /// UDP sockets that are bound and not connected.
    Udp,
}

impl Protocol {
    /// `tcp` or `udp`, as on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One listening address. The order is protocol, address, number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Port {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The address that was bound, canonical.
    #[serde(rename = "ip")]
    pub address: IpAddr,
    /// 1 to 65535.
    #[serde(rename = "port")]
    pub number: u16,
}

impl Port {
    /// A port with its address made canonical.
    pub fn new(protocol: Protocol, address: IpAddr, number: u16) -> Self {
        Self { protocol, address: address.to_canonical(), number }
    }

    /// What a forward on the host occupies: two guest addresses of one number
    /// want the same listener there.
    pub fn slot(&self) -> (Protocol, u16) {
        (self.protocol, self.number)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.protocol, SocketAddr::new(self.address, self.number))
    }
}

impl From<&Port> for IpPort {
    fn from(port: &Port) -> Self {
        Self {
            protocol: port.protocol.name().into(),
            ip: port.address.to_string(),
            port: i32::from(port.number),
        }
    }
}

/// What listens in the guest, and whether that could be read in full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// What the hosts are to hear of, as last read without error.
    pub ports: Arc<PortSet>,
    /// What no host is to hear of, and why.
    pub hidden: Arc<[Hidden]>,
    /// Which of all these have no socket, and where they come from.
    pub origins: Arc<[(Port, Arc<str>)]>,
    /// What the sources of those say of themselves, for the user of the guest.
    pub notes: Arc<[String]>,
    /// Why the ports may be out of date, for the user of the host.
    pub fault: Option<Arc<str>>,
}

/// A port that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// Which.
    pub port: Port,
    /// The rule that says so.
    pub rule: Arc<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_canonical_text() {
        for (given, shown) in [
            ("127.0.0.1", "127.0.0.1"),
            ("::ffff:10.0.0.7", "10.0.0.7"),
            ("0:0:0:0:0:0:0:0", "::"),
            ("0:0:0:0:0:0:0:1", "::1"),
            ("FE80:0:0:0:0:0:0:00AB", "fe80::ab"),
        ] {
            let address = given.parse().expect(given);
            let wire = IpPort::from(&Port::new(Protocol::Tcp, address, 80));
            assert_eq!(wire.ip, shown);
        }
    }
}
