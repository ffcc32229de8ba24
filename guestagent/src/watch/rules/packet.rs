//! The first packet of a dial, as rules see it.

use super::bytes::Byte;
use super::{Field, Hook, Register, Version};
use crate::port::Protocol;
use std::net::IpAddr;

/// `RTN_LOCAL`: an address of this machine.
pub const LOCAL: u8 = 2;
/// `NF_CT_STATE_BIT(IP_CT_NEW)`.
const NEW: u32 = 1 << 3;

/// A dial to an address of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dial {
    /// `Output` if it is made inside the guest.
    pub hook: Hook,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The address dialled.
    pub address: IpAddr,
}

impl Dial {
    /// The IP version of the address.
    pub fn version(&self) -> Version {
        if self.address.is_ipv4() { Version::V4 } else { Version::V6 }
    }

    /// What a rule that loads this field gets.
    pub fn load(&self, field: Field, register: Register) -> Vec<Byte> {
        let v4 = self.address.is_ipv4();
        let bytes = match field {
            Field::Network(offset) => at(&self.network(), offset),
            Field::Transport(offset) => {
                at(&[Byte::Unknown, Byte::Unknown, Byte::PortHigh, Byte::PortLow], offset)
            }
            Field::Protocol => plain(&[self.number()]),
            Field::Family => plain(&[if v4 { 2 } else { 10 }]),
            Field::EtherType => plain(&if v4 { [0x08, 0x00] } else { [0x86, 0xdd] }),
            Field::InterfaceIn => self.interface(Hook::Prerouting, &[0; 16]),
            Field::InterfaceOut => self.interface(Hook::Output, b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
            Field::DestinationKind => plain(&u32::from(LOCAL).to_ne_bytes()),
            Field::SourceKind if self.hook == Hook::Output => {
                plain(&u32::from(LOCAL).to_ne_bytes())
            }
            Field::State => plain(&NEW.to_ne_bytes()),
            Field::SourceKind | Field::Unknown => Vec::new(),
        };
        fit(bytes, field, register.length)
    }

    /// What is known of interfaces: a dial from inside comes from none and goes
    /// out by loopback, whatever address of this machine it is for.
    fn interface(&self, side: Hook, name: &[u8; 16]) -> Vec<Byte> {
        match (self.hook, side) {
            (Hook::Output, _) => plain(name),
            (Hook::Prerouting, Hook::Output) => plain(&[0; 16]),
            (Hook::Prerouting, Hook::Prerouting) => Vec::new(),
        }
    }

    fn number(&self) -> u8 {
        match self.protocol {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
        }
    }

    /// The IP header. A dial from inside has the address it dials as its own.
    fn network(&self) -> Vec<Byte> {
        let (length, number_at, address) = match self.address {
            IpAddr::V4(address) => (20, 9, address.octets().to_vec()),
            IpAddr::V6(address) => (40, 6, address.octets().to_vec()),
        };
        let mut header = vec![Byte::Unknown; length - 2 * address.len()];
        if let Some(byte) = header.get_mut(number_at) {
            *byte = Byte::Known(self.number());
        }
        match self.hook {
            Hook::Output => header.extend(plain(&address)),
            Hook::Prerouting => header.extend(vec![Byte::Unknown; address.len()]),
        }
        header.extend(plain(&address));
        header
    }
}

fn plain(bytes: &[u8]) -> Vec<Byte> {
    bytes.iter().copied().map(Byte::Known).collect()
}

fn at(bytes: &[Byte], offset: usize) -> Vec<Byte> {
    bytes.get(offset..).unwrap_or_default().to_vec()
}

/// Parts of a packet go on with what we do not know. The rest is padded with
/// zeros, as the kernel does to the last four bytes.
fn fit(mut bytes: Vec<Byte>, field: Field, length: usize) -> Vec<Byte> {
    let more = match field {
        Field::Network(_) | Field::Transport(_) => Byte::Unknown,
        _ if bytes.is_empty() => Byte::Unknown,
        _ => Byte::Known(0),
    };
    bytes.resize(length, more);
    bytes.resize(length.next_multiple_of(4), Byte::Known(0));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::rules::bytes::known;

    fn load(dial: &Dial, field: Field, length: usize) -> Vec<Byte> {
        dial.load(field, Register { start: 0, length })
    }

    #[test]
    fn headers_have_what_a_dial_fixes() {
        let address = "127.0.0.1".parse().expect("address");
        let dial = Dial { hook: Hook::Output, protocol: Protocol::Tcp, address };
        let network = |offset, length| known(&load(&dial, Field::Network(offset), length));
        assert_eq!(network(16, 4), Some(vec![127, 0, 0, 1]));
        assert_eq!(network(12, 4), Some(vec![127, 0, 0, 1]));
        assert_eq!(network(9, 1), Some(vec![6, 0, 0, 0]));
        assert_eq!(network(0, 4), None);
        assert_eq!(network(16, 8), None);
        let port = [Byte::PortHigh, Byte::PortLow, Byte::Known(0), Byte::Known(0)];
        assert_eq!(load(&dial, Field::Transport(2), 2), port);
        let name = known(&load(&dial, Field::InterfaceOut, 16)).expect("name");
        assert!(name.starts_with(b"lo\0"));

        let outside = Dial { hook: Hook::Prerouting, ..dial };
        assert_eq!(known(&load(&outside, Field::InterfaceIn, 16)), None);
        assert_eq!(known(&load(&outside, Field::Network(12), 4)), None);
        assert_eq!(known(&load(&outside, Field::SourceKind, 4)), None);
    }
}
