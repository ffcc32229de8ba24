//! Addresses with the length of their prefix.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;

/// An address and the length of its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cidr {
    /// The address, with its host part.
    pub address: IpAddr,
    /// Bits of the prefix, at most 32 or 128.
    pub prefix: u8,
}

impl Cidr {
    /// All addresses of the family of `like`: where a default route leads.
    pub fn all(like: IpAddr) -> Self {
        let address = match like {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        Self { address, prefix: 0 }
    }

    /// An address with prefix length or netmask, as `10.0.0.1/24` or `10.0.0.1/255.255.255.0`.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let reason = "is no address with prefix length, such as 192.168.1.2/24";
        let (address, length) = text.split_once('/').ok_or(reason)?;
        let address: IpAddr = address.parse().map_err(|_| reason)?;
        Ok(Self { address, prefix: prefix(address, length).ok_or(reason)? })
    }

    /// The same; one without a length gets the usual one, /24 or /64.
    pub fn lenient(text: &str) -> Result<Self, &'static str> {
        let Ok(address) = text.parse::<IpAddr>() else { return Self::new(text) };
        Ok(Self { address, prefix: if address.is_ipv4() { 24 } else { 64 } })
    }

    /// A target of routes: a network, or one address.
    pub fn target(text: &str) -> Result<Self, &'static str> {
        let Ok(address) = text.parse::<IpAddr>() else { return Self::new(text) };
        Ok(Self { address, prefix: if address.is_ipv4() { 32 } else { 128 } })
    }

    /// Whether `other` has the same prefix.
    pub fn contains(&self, other: IpAddr) -> bool {
        let same = |own: u128, other: u128, bits: u32| {
            let keep = u32::from(self.prefix);
            keep == 0 || (own ^ other) >> (bits - keep.min(bits)) == 0
        };
        match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                same(u128::from(own.to_bits()), u128::from(other.to_bits()), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

/// The bits of `/24` or `/255.255.255.0`.
fn prefix(address: IpAddr, text: &str) -> Option<u8> {
    let most = if address.is_ipv4() { 32 } else { 128 };
    if let Ok(length) = text.parse::<u8>() {
        return (length <= most).then_some(length);
    }
    let (bits, ones) = match text.parse::<IpAddr>().ok()? {
        IpAddr::V4(mask) => (mask.to_bits().leading_ones(), mask.to_bits().count_ones()),
        IpAddr::V6(mask) => (mask.to_bits().leading_ones(), mask.to_bits().count_ones()),
    };
    let length = u8::try_from(bits).ok()?;
    (bits == ones && length <= most).then_some(length)
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_their_networks() {
        let table: &[(&str, Option<&str>)] = &[
            ("10.0.0.5", Some("10.0.0.5/24")),
            ("10.0.0.5/255.255.128.0", Some("10.0.0.5/17")),
            ("10.0.0.5/0", Some("10.0.0.5/0")),
            ("fd00::5", Some("fd00::5/64")),
            ("fd00::5/128", Some("fd00::5/128")),
            ("10.0.0.5/33", None),
            ("10.0.0.5/255.0.255.0", None),
            ("10.0.0.5/24\nDNS=1.1.1.1", None),
            ("x", None),
        ];
        for (text, want) in table {
            assert_eq!(Cidr::lenient(text).ok().map(|it| it.to_string()).as_deref(), *want);
        }
        let net = Cidr::new("10.0.0.5/24").unwrap();
        assert!(net.contains("10.0.0.254".parse().unwrap()));
        assert!(!net.contains("10.0.1.1".parse().unwrap()));
        assert!(!net.contains("fd00::1".parse().unwrap()));
        assert!(Cidr::new("fd00::5/0").unwrap().contains("1::".parse().unwrap()));
    }
}
