//! Ports that no host is to hear of, as the user writes them.
//!
//! A rule is one to three words in any order: a protocol (`tcp`, `udp`), an
//! address or prefix (`192.168.5.15`, `fe80::/10`), a port or range (`68`,
//! `1000-2000`). A port is left out when it agrees with each word of some
//! rule. Two words stand alone:
//!
//! - `ephemeral`: UDP sockets whose number the kernel chose. Those are clients
//!   (DNS, NTP, QUIC): whoever serves names its port;
//! - `default`: the rules that hold without any setting, [`DEFAULT`].

use super::socket::Autobound;
use super::{Port, Protocol};
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What is noise on every machine: DHCP clients, mDNS, addresses that mean
/// nothing beyond one link, and clients.
pub const DEFAULT: [&str; 6] =
    ["udp 68", "udp 546", "udp 5353", "169.254.0.0/16", "fe80::/10", "ephemeral"];

/// The word for UDP sockets whose number the kernel chose.
pub const EPHEMERAL: &str = "ephemeral";

/// The rules in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    rules: Vec<Rule>,
    ephemeral: bool,
}

/// One rule. A word that is missing agrees with everything.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    text: Arc<str>,
    protocol: Option<Protocol>,
    prefix: Option<Prefix>,
    numbers: Option<RangeInclusive<u16>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Prefix {
    address: IpAddr,
    length: u8,
}

impl Default for Rules {
    fn default() -> Self {
        let mut rules = Self { rules: Vec::new(), ephemeral: false };
        for text in DEFAULT {
            // The texts are our own, and a test reads each of them.
            let added = rules.add(text);
            debug_assert_eq!(added, Ok(()));
        }
        rules
    }
}

impl Rules {
    /// Reads the user's list, which takes the place of [`DEFAULT`]: the word
    /// `default` in it keeps those too. An empty list leaves nothing out.
    ///
    /// # Errors
    /// The first rule that cannot be read.
    pub fn parse(texts: &[String]) -> Result<Self, RuleError> {
        let mut rules = Self { rules: Vec::new(), ephemeral: false };
        texts.iter().try_for_each(|text| rules.add(text))?;
        Ok(rules)
    }

    /// Reads what can be read of the list, and says what cannot.
    pub fn usable(texts: &[String]) -> (Self, Vec<RuleError>) {
        let mut rules = Self { rules: Vec::new(), ephemeral: false };
        let unusable = texts.iter().filter_map(|text| rules.add(text).err()).collect();
        (rules, unusable)
    }

    /// The text of the rule that leaves this port out.
    pub fn hides(&self, port: &Port) -> Option<Arc<str>> {
        self.rules.iter().find(|rule| rule.agrees(port)).map(|rule| rule.text.clone())
    }

    /// Whether UDP sockets whose number the kernel chose are left out.
    pub fn hides_ephemeral(&self) -> bool {
        self.ephemeral
    }

    /// The same as what to do with them.
    pub fn autobound(&self) -> Autobound {
        if self.ephemeral { Autobound::Skipped } else { Autobound::Listed }
    }

    fn add(&mut self, text: &str) -> Result<(), RuleError> {
        match text.trim() {
            EPHEMERAL => self.ephemeral = true,
            "default" => DEFAULT.iter().try_for_each(|text| self.add(text))?,
            text => self.rules.push(Rule::parse(text)?),
        }
        Ok(())
    }
}

impl Rule {
    fn parse(text: &str) -> Result<Self, RuleError> {
        let mut rule = Self { text: text.into(), protocol: None, prefix: None, numbers: None };
        for word in text.split_whitespace() {
            rule.word(word).map_err(|fault| RuleError {
                rule: text.into(),
                word: word.into(),
                fault,
            })?;
        }
        let empty = rule.protocol.is_none() && rule.prefix.is_none() && rule.numbers.is_none();
        let fault = RuleError { rule: text.into(), word: String::new(), fault: Fault::Empty };
        if empty { Err(fault) } else { Ok(rule) }
    }

    fn word(&mut self, word: &str) -> Result<(), Fault> {
        let again = match word {
            "tcp" => self.protocol.replace(Protocol::Tcp).is_some(),
            "udp" => self.protocol.replace(Protocol::Udp).is_some(),
            _ if word.contains([':', '.', '/']) => {
                self.prefix.replace(Prefix::parse(word)?).is_some()
            }
            _ => self.numbers.replace(numbers(word)?).is_some(),
        };
        if again { Err(Fault::Twice) } else { Ok(()) }
    }

    fn agrees(&self, port: &Port) -> bool {
        self.protocol.is_none_or(|protocol| protocol == port.protocol)
            && self.numbers.as_ref().is_none_or(|numbers| numbers.contains(&port.number))
            && self.prefix.is_none_or(|prefix| prefix.contains(port.address))
    }
}

impl Prefix {
    fn parse(word: &str) -> Result<Self, Fault> {
        let (address, length) = match word.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (word, None),
        };
        let address: IpAddr = address.parse().map_err(|_| Fault::Address)?;
        let longest = bits(address).1;
        let length = length.map_or(Ok(longest), str::parse).map_err(|_| Fault::Length(longest))?;
        if length > longest {
            return Err(Fault::Length(longest));
        }
        let prefix = Self { address, length };
        if (bits(address).0 & !prefix.mask()) == 0 { Ok(prefix) } else { Err(Fault::HostBits) }
    }

    fn contains(&self, address: IpAddr) -> bool {
        let same_family = address.is_ipv4() == self.address.is_ipv4();
        same_family && (bits(address).0 & self.mask()) == bits(self.address).0
    }

    /// Ones for the bits that count. Addresses stand at the upper end.
    fn mask(&self) -> u128 {
        u128::MAX.checked_shl(128 - u32::from(self.length)).unwrap_or(0)
    }
}

/// An address at the upper end of 128 bits, and how many bits it has.
fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

fn numbers(word: &str) -> Result<RangeInclusive<u16>, Fault> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let number = |text: &str| text.parse::<u16>().ok().filter(|number| *number != 0);
    match number(first).zip(number(last)) {
        Some((first, last)) if first <= last => Ok(first..=last),
        Some(_) => Err(Fault::Backwards),
        None => Err(Fault::Number),
    }
}

/// A rule that cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("rule {rule:?}: {word:?} {fault}")]
pub struct RuleError {
    /// The rule as written.
    pub rule: String,
    /// The word at fault.
    pub word: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No word at all.
    Empty,
    /// Two protocols, two addresses or two ports.
    Twice,
    /// No IP address.
    Address,
    /// A prefix length that is none, or too long for this many bits.
    Length(u8),
    /// Bits of the address beyond its prefix.
    HostBits,
    /// Neither a protocol, nor an address, nor a port.
    Number,
    /// A range whose end is before its start.
    Backwards,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("says nothing"),
            Self::Twice => f.write_str("says the same thing twice"),
            Self::Address => f.write_str("is no IP address"),
            Self::Length(longest) => write!(f, "needs a prefix length from 0 to {longest}"),
            Self::HostBits => f.write_str("has bits set after its prefix"),
            Self::Number => {
                f.write_str("is no protocol (tcp, udp), address, port (1 to 65535) or range")
            }
            Self::Backwards => f.write_str("ends before it starts"),
        }
    }
}

#[cfg(test)]
mod tests;
