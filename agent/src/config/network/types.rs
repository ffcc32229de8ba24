//! Checked values of a network configuration: names, addresses, words. None can hold a line end or
//! a section mark, so that whatever is rendered from them has the lines that were meant.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;

/// A network interface name: 1 to 15 bytes without `/`, `:`, blank or `%`, not `.` or `..`
/// (`dev_valid_name` of Linux, and what networkd can match literally).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct InterfaceName(String);

/// The key of an interface in the file: often its name, else a word such as `uplink`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Id(String);

/// A MAC address, lower case, divided by colons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mac(String);

/// A word of an option: letters, digits, `_ - + .`; and `*?[]!` if it is a glob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Word(String);

/// A domain of a search list: a DNS name, or one with `~` before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Domain(String);

/// An address and the length of its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cidr {
    /// The address, with its host part.
    pub address: IpAddr,
    /// Bits of the prefix, at most 32 or 128.
    pub prefix: u8,
}

impl InterfaceName {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte);
        if text.is_empty() || text.len() > 15 || text == "." || text == ".." {
            Err("is no interface name: 1 to 15 characters")
        } else if text.bytes().all(is_good) {
            Ok(Self(text.to_owned()))
        } else {
            Err("is no interface name: letters, digits, _ - . @")
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Id {
    /// Checks `text`: it becomes part of a file name.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(is_good) && !text.starts_with('.') {
            Ok(Self(text.to_owned()))
        } else {
            Err("is no name of an interface: 1 to 64 letters, digits, _ - . @")
        }
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Mac {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let parts: Vec<&str> = text.split([':', '-']).collect();
        let part = |part: &&str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
        if parts.len() == 6 && parts.iter().all(part) {
            Ok(Self(parts.join(":").to_ascii_lowercase()))
        } else {
            Err("is no MAC address, such as 52:55:55:aa:bb:cc")
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Word {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        Self::of(text, b"_-+.", "is no word of letters, digits, _ - + .")
    }

    /// The same, and the marks of a glob.
    pub fn glob(text: &str) -> Result<Self, &'static str> {
        Self::of(text, b"_-+.@*?[]!", "is no pattern of letters, digits, _ - . * ? []")
    }

    fn of(text: &str, others: &[u8], reason: &'static str) -> Result<Self, &'static str> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
        let is_word = (1..=64).contains(&text.len()) && text.bytes().all(is_good);
        if is_word { Ok(Self(text.to_owned())) } else { Err(reason) }
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Domain {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let name = text.strip_prefix('~').unwrap_or(text);
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if (1..=253).contains(&name.len()) && name.bytes().all(is_good) {
            Ok(Self(text.to_owned()))
        } else {
            Err("is no domain")
        }
    }

    /// The domain.
    pub fn as_str(&self) -> &str {
        &self.0
    }
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
pub fn prefix(address: IpAddr, text: &str) -> Option<u8> {
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

/// Each is shown as the text that it was checked from.
macro_rules! shown {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

shown!(InterfaceName, Id, Mac, Word, Domain);

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

    #[test]
    fn no_value_can_hold_a_line_of_its_own() {
        for text in ["a\nb", "a b", "", "a=b", "[x]\n", "a/b", &"a".repeat(65)] {
            assert!(Word::new(text).is_err() && Id::new(text).is_err(), "{text:?}");
            assert!(InterfaceName::new(text).is_err(), "{text:?}");
        }
        assert!(Domain::new("a b").is_err() && Domain::new("~.").is_ok());
        assert!(Word::glob("en*[0-9]").is_ok() && Word::glob("a b").is_err());
        assert!(Id::new(".hidden").is_err());
    }
}
