//! What is known while the expressions of one rule are walked.

use super::bytes::{Byte, Truth, between, known};
use super::packet::Dial;
use super::{
    Comparison, Element, Expression, Found, REGISTERS, Register, Sense, Set, Table, Target,
};
use std::net::IpAddr;

/// The registers, and for which ports the rule goes on.
#[derive(Debug)]
pub struct State {
    registers: [Byte; REGISTERS],
    /// For which ports all conditions until now hold.
    pub truth: Truth,
}

impl Default for State {
    fn default() -> Self {
        Self { registers: [Byte::Unknown; REGISTERS], truth: Truth::constant(true) }
    }
}

impl State {
    /// Takes an expression that does not end the rule.
    pub fn apply(&mut self, expression: &Expression, dial: &Dial, table: &Table) {
        let truth = match expression {
            Expression::Load(field, register) => {
                return self.write(register.start, &dial.load(*field, *register));
            }
            Expression::Value(start, bytes) => {
                let bytes: Vec<_> = bytes.iter().copied().map(Byte::Known).collect();
                return self.write(*start, &bytes);
            }
            Expression::Bitwise { from, to, mask, xor } => {
                let bytes = bitwise(self.read(*from), mask, xor);
                return self.write(*to, &bytes);
            }
            Expression::Reorder { from, to, size } => {
                let bytes = reorder(self.read(*from), *size);
                return self.write(*to, &bytes);
            }
            Expression::Compare(from, how, value) => compare(self.read(*from), *how, value),
            Expression::Between(from, sense, low, high) => {
                turned(between(self.read(*from), low, high), *sense)
            }
            Expression::Version(version) => Truth::constant(*version == dial.version()),
            Expression::Ports(ports) => Truth::sure(ports.clone()),
            Expression::Lookup { set, from, sense, to } => {
                let truth = look_up(table, set, self.read(*from));
                if let Found::Register(start) = to {
                    self.write(*start, &[Byte::Unknown; 16]);
                }
                turned(truth, *sense)
            }
            Expression::Maybe => {
                self.registers = [Byte::Unknown; REGISTERS];
                Truth::unknown()
            }
            Expression::Verdict(_) | Expression::Translate(_) => return,
        };
        self.truth = self.truth.and(&truth);
    }

    /// The value of a register.
    pub fn read(&self, register: Register) -> &[Byte] {
        let end = register.start.saturating_add(register.length);
        self.registers.get(register.start..end).unwrap_or_default()
    }

    /// Where a target leads, as far as registers have it.
    pub fn target(&self, target: &Target) -> (Option<IpAddr>, Option<u16>) {
        match target {
            Target::Fixed(address, port) => (*address, *port),
            Target::Registers(address, port) => {
                let value = |register: &Option<Register>| known(self.read((*register)?));
                let port = value(port).and_then(|bytes| bytes.first_chunk().copied());
                (value(address).and_then(|bytes| address_of(&bytes)), port.map(u16::from_be_bytes))
            }
        }
    }

    fn write(&mut self, start: usize, bytes: &[Byte]) {
        for (place, byte) in self.registers.iter_mut().skip(start).zip(bytes) {
            *place = *byte;
        }
    }
}

/// Whether a key is that of an element; parts begin at multiples of four.
pub fn matches(set: &Set, element: &Element, key: &[Byte]) -> Truth {
    let mut truth = Truth::constant(true);
    let mut start = 0_usize;
    for length in &set.parts {
        let part = start..start.saturating_add(*length);
        let parts = (key.get(part.clone()), element.low.get(part.clone()), element.high.get(part));
        let (Some(key), Some(low), Some(high)) = parts else { return Truth::constant(false) };
        truth = between(key, low, high).and(&truth);
        if truth.ports.is_empty() {
            break;
        }
        start = start.saturating_add(*length).next_multiple_of(4);
    }
    truth
}

fn look_up(table: &Table, set: &str, key: &[Byte]) -> Truth {
    let Some(set) = table.sets.get(set).filter(|set| set.whole) else {
        return Truth::unknown();
    };
    let mut all = Truth::constant(false);
    for truth in set.elements.iter().map(|element| matches(set, element, key)) {
        if !truth.ports.is_empty() {
            all = Truth { ports: all.ports.or(&truth.ports), sure: all.sure && truth.sure };
        }
    }
    all
}

fn address_of(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let v6 = <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    v4.or(v6).ok()
}

fn turned(truth: Truth, sense: Sense) -> Truth {
    match sense {
        Sense::Plain => truth,
        Sense::Inverted => truth.inverted(),
    }
}

fn compare(bytes: &[Byte], how: Comparison, value: &[u8]) -> Truth {
    let (least, most) = (vec![0; value.len()], vec![u8::MAX; value.len()]);
    match how {
        Comparison::Equal => between(bytes, value, value),
        Comparison::NotEqual => between(bytes, value, value).inverted(),
        Comparison::LessOrEqual => between(bytes, &least, value),
        Comparison::Greater => between(bytes, &least, value).inverted(),
        Comparison::GreaterOrEqual => between(bytes, value, &most),
        Comparison::Less => between(bytes, value, &most).inverted(),
    }
}

/// What is left of a whole number stays as it is, as in the kernel.
fn reorder(bytes: &[Byte], size: usize) -> Vec<Byte> {
    let mut bytes = bytes.to_vec();
    if cfg!(target_endian = "little") {
        bytes.chunks_exact_mut(size.max(1)).for_each(<[Byte]>::reverse);
    }
    bytes
}

fn bitwise(bytes: &[Byte], mask: &[u8], xor: &[u8]) -> Vec<Byte> {
    let one = |((byte, mask), xor): ((&Byte, &u8), &u8)| match (byte, mask, xor) {
        (Byte::Known(byte), ..) => Byte::Known((byte & mask) ^ xor),
        (_, 0, _) => Byte::Known(*xor),
        (byte, 0xff, 0) => *byte,
        _ => Byte::Unknown,
    };
    bytes.iter().zip(mask).zip(xor).map(one).collect()
}
