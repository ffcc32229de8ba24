//! Values of a packet whose destination port is any port.
//!
//! Instead of trying a rule with each of 65,536 ports, it is tried once with a
//! packet in which the two bytes of the port are a symbol, and what we cannot
//! know (source port, marks, connection state of others) is another.

use super::ranges::Ranges;

/// One byte of a packet or a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Byte {
    /// Always this.
    Known(u8),
    /// The high byte of the destination port.
    PortHigh,
    /// The low byte of the destination port.
    PortLow,
    /// Anything.
    Unknown,
}

/// For which ports a condition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// The ports for which it may hold; for the others it does not.
    pub ports: Ranges,
    /// Whether it holds for all of `ports`, and not only perhaps.
    pub sure: bool,
}

impl Truth {
    /// Holds for these ports and no other.
    pub fn sure(ports: Ranges) -> Self {
        Self { ports, sure: true }
    }

    /// Holds always, or never.
    pub fn constant(holds: bool) -> Self {
        Self::sure(if holds { Ranges::all() } else { Ranges::none() })
    }

    /// May hold or not, whatever the port.
    pub fn unknown() -> Self {
        Self { ports: Ranges::all(), sure: false }
    }

    /// Both hold.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let ports = self.ports.and(&other.ports);
        // "Never" is certain, however doubtful its parts are.
        let sure = (self.sure && other.sure) || ports.is_empty();
        Self { ports, sure }
    }

    /// It does not hold.
    #[must_use]
    pub fn inverted(&self) -> Self {
        if self.sure { Self::sure(self.ports.inverted()) } else { Self::unknown() }
    }
}

/// Whether the bytes lie between two values, both included, as numbers with the
/// high byte first. Values of another length are never equal.
pub fn between(bytes: &[Byte], low: &[u8], high: &[u8]) -> Truth {
    if bytes.len() != low.len() || bytes.len() != high.len() {
        return Truth::constant(false);
    }
    match bytes {
        _ if low == high => equal(bytes, low),
        [Byte::PortHigh, Byte::PortLow] => {
            let number = |value: &[u8]| value.first_chunk().copied().map(u16::from_be_bytes);
            let ports = number(low).zip(number(high)).map(|(low, high)| Ranges::between(low, high));
            Truth::sure(ports.unwrap_or_default())
        }
        _ => match known(bytes) {
            Some(value) => Truth::constant(low <= value.as_slice() && value.as_slice() <= high),
            None => Truth::unknown(),
        },
    }
}

/// The plain value, if all of it is known.
pub fn known(bytes: &[Byte]) -> Option<Vec<u8>> {
    let plain = |byte: &Byte| if let Byte::Known(value) = byte { Some(*value) } else { None };
    bytes.iter().map(plain).collect()
}

fn equal(bytes: &[Byte], value: &[u8]) -> Truth {
    let mut truth = Truth::constant(true);
    let (mut bytes, mut value) = (bytes, value);
    while let (Some((byte, more)), Some((expected, rest))) =
        (bytes.split_first(), value.split_first())
    {
        let mut step = 0;
        let here = match (byte, more.first(), rest.first()) {
            (Byte::Known(known), _, _) => Truth::constant(known == expected),
            (Byte::PortHigh, Some(Byte::PortLow), Some(low)) => {
                step = 1;
                let port = u16::from_be_bytes([*expected, *low]);
                Truth::sure(Ranges::between(port, port))
            }
            _ => Truth::unknown(),
        };
        truth = truth.and(&here);
        bytes = more.get(step..).unwrap_or_default();
        value = rest.get(step..).unwrap_or_default();
    }
    truth
}

#[cfg(test)]
mod tests {
    use super::Byte::{Known, PortHigh, PortLow, Unknown};
    use super::*;

    #[test]
    fn a_port_is_found_wherever_it_stands() {
        let port = |number| Truth::sure(Ranges::between(number, number));
        for (bytes, value, expected) in [
            (&[PortHigh, PortLow][..], &[0x1f, 0x90][..], port(8080)),
            (&[PortHigh, PortLow, Known(0), Known(0)], &[0, 80, 0, 0], port(80)),
            (&[Known(6), PortHigh, PortLow], &[6, 0, 80], port(80)),
            (&[Known(17), PortHigh, PortLow], &[6, 0, 80], Truth::constant(false)),
            (&[Unknown, Known(1)], &[6, 2], Truth::constant(false)),
            (&[Unknown, Known(2)], &[6, 2], Truth::unknown()),
            (&[PortHigh], &[6], Truth::unknown()),
            (&[Known(1)], &[1, 1], Truth::constant(false)),
        ] {
            assert_eq!(between(bytes, value, value), expected, "{bytes:?}");
        }
        let doubtful =
            between(&[Unknown, Unknown, PortHigh, PortLow], &[0, 9, 0, 80], &[0, 9, 0, 80]);
        assert_eq!(doubtful, Truth { ports: Ranges::between(80, 80), sure: false });
        assert_eq!(doubtful.inverted(), Truth::unknown());
    }

    #[test]
    fn ranges_of_ports_and_of_known_values() {
        let ports = Truth::sure(Ranges::between(80, 90));
        assert_eq!(between(&[PortHigh, PortLow], &[0, 80], &[0, 90]), ports);
        assert_eq!(between(&[Known(1), Known(2)], &[1, 0], &[1, 9]), Truth::constant(true));
        assert_eq!(between(&[Known(2), Known(2)], &[1, 0], &[1, 9]), Truth::constant(false));
        assert_eq!(between(&[Unknown, Known(2)], &[1, 0], &[1, 9]), Truth::unknown());
    }
}
