//! One walk through the chains with one dial.
//!
//! The walk carries the ports that may be at a rule. A rule takes those it
//! decides for certain away from the rules after it; what it decides perhaps
//! goes both ways. So the result has every port that may be translated. The
//! depth is that of the kernel, and the steps are counted: rules of a hostile
//! shape end the walk and not the agent.

use super::bytes::{Byte, Truth, between, known};
use super::packet::Dial;
use super::ranges::Ranges;
use super::{
    Comparison, Element, Expression, Found, REGISTERS, Register, Rule, Sense, Set, Table, Target,
    Value, Verdict,
};
use std::net::IpAddr;

/// `NFT_JUMP_STACK_SIZE`.
const DEPTH: usize = 16;
/// More ports than this in one rule are no forward of ports, but of everything.
const MOST_PORTS: usize = 1024;

/// Ports that a dial finds translated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Which.
    pub ports: Ranges,
    /// The chain of the rule.
    pub chain: String,
    /// Where to, as far as it is known.
    pub to: (Option<IpAddr>, Option<u16>),
}

/// A walk, and what it found.
#[derive(Debug)]
pub struct Walk<'a> {
    table: &'a Table,
    dial: Dial,
    steps: &'a mut usize,
    /// In the order of the rules.
    pub hits: Vec<Hit>,
}

/// What a rule has decided for some ports.
struct Decision {
    ports: Ranges,
    sure: bool,
    verdict: Verdict,
}

/// The state of a rule while its expressions are walked.
struct State {
    registers: [Byte; REGISTERS],
    truth: Truth,
}

impl<'a> Walk<'a> {
    /// A walk that may take this many steps.
    pub fn new(table: &'a Table, dial: Dial, steps: &'a mut usize) -> Self {
        Self { table, dial, steps, hits: Vec::new() }
    }

    /// Walks a chain that a hook begins with.
    pub fn base(&mut self, chain: &str) {
        self.chain(chain, Ranges::all(), 0);
    }

    /// The ports that come back from a chain.
    fn chain(&mut self, name: &str, mut ports: Ranges, depth: usize) -> Ranges {
        let mut back = Ranges::none();
        let Some(rules) = self.table.chains.get(name).filter(|_| depth < DEPTH) else {
            return ports;
        };
        for rule in rules {
            if ports.is_empty() || *self.steps == 0 {
                break;
            }
            *self.steps -= 1;
            for decision in self.rule(name, rule, &ports) {
                let Decision { ports: decided, sure, verdict } = decision;
                if sure {
                    ports = ports.without(&decided);
                }
                match verdict {
                    Verdict::Continue | Verdict::End => {}
                    Verdict::Return => back = back.or(&decided),
                    Verdict::Jump(to) => ports = ports.or(&self.chain(&to, decided, depth + 1)),
                    Verdict::Goto(to) => back = back.or(&self.chain(&to, decided, depth + 1)),
                }
            }
        }
        back.or(&ports)
    }

    fn rule(&mut self, chain: &str, rule: &Rule, ports: &Ranges) -> Vec<Decision> {
        let mut state =
            State { registers: [Byte::Unknown; REGISTERS], truth: Truth::sure(ports.clone()) };
        for expression in rule {
            if let Expression::Verdict(verdict) = expression {
                return state.decide(verdict);
            }
            if let Expression::Translate(target) = expression {
                self.hit(chain, &state, target);
                return state.decide(&Verdict::End);
            }
            if let Expression::Lookup { set, from, to: Found::Verdict, .. } = expression {
                return self.follow_map(set, state.read(*from), &state.truth);
            }
            let truth = self.apply(expression, &mut state);
            state.truth = state.truth.and(&truth);
            if state.truth.ports.is_empty() {
                break;
            }
        }
        Vec::new()
    }

    fn apply(&mut self, expression: &Expression, state: &mut State) -> Truth {
        match expression {
            Expression::Load(field, register) => {
                state.write(register.start, &self.dial.load(*field, *register));
            }
            Expression::Value(start, bytes) => state.set(*start, bytes),
            Expression::Bitwise { from, to, mask, xor } => {
                let bytes = bitwise(state.read(*from), mask, xor);
                state.write(*to, &bytes);
            }
            Expression::Compare(from, how, value) => {
                return compare(state.read(*from), *how, value);
            }
            Expression::Between(from, sense, low, high) => {
                return turned(between(state.read(*from), low, high), *sense);
            }
            Expression::Version(version) => {
                return Truth::constant(*version == self.dial.version());
            }
            Expression::Ports(ports) => return Truth::sure(ports.clone()),
            Expression::Lookup { set, from, sense, to } => {
                let truth = self.look_up(set, state.read(*from));
                if let Found::Register(start) = to {
                    state.write(*start, &[Byte::Unknown; 16]);
                }
                return turned(truth, *sense);
            }
            Expression::Maybe => {
                state.registers = [Byte::Unknown; REGISTERS];
                return Truth::unknown();
            }
            Expression::Verdict(_) | Expression::Translate(_) => {}
        }
        Truth::constant(true)
    }

    fn look_up(&mut self, set: &str, key: &[Byte]) -> Truth {
        let Some(set) = self.table.sets.get(set).filter(|set| set.whole) else {
            return Truth::unknown();
        };
        self.spend(set);
        let mut all = Truth::constant(false);
        for truth in set.elements.iter().map(|element| matches(set, element, key)) {
            if !truth.ports.is_empty() {
                all = Truth { ports: all.ports.or(&truth.ports), sure: all.sure && truth.sure };
            }
        }
        all
    }

    fn follow_map(&mut self, set: &str, key: &[Byte], before: &Truth) -> Vec<Decision> {
        let Some(set) = self.table.sets.get(set) else { return Vec::new() };
        self.spend(set);
        let decide = |element: &Element| {
            let truth = before.and(&matches(set, element, key));
            let Some(Value::Verdict(verdict)) = &element.value else { return None };
            let Truth { ports, sure } = truth;
            (!ports.is_empty()).then(|| Decision { ports, sure, verdict: verdict.clone() })
        };
        set.elements.iter().filter_map(decide).collect()
    }

    /// A set costs steps as rules do.
    fn spend(&mut self, set: &Set) {
        *self.steps = self.steps.saturating_sub(set.elements.len() / 4);
    }

    fn hit(&mut self, chain: &str, state: &State, target: &Target) {
        let ports = state.truth.ports.clone();
        if ports.len() > MOST_PORTS {
            return;
        }
        self.hits.push(Hit { ports, chain: chain.into(), to: state.target(target) });
    }
}

impl State {
    fn read(&self, register: Register) -> &[Byte] {
        let end = register.start.saturating_add(register.length);
        self.registers.get(register.start..end).unwrap_or_default()
    }

    fn write(&mut self, start: usize, bytes: &[Byte]) {
        let places = self.registers.iter_mut().skip(start);
        places.zip(bytes).for_each(|(place, byte)| *place = *byte);
    }

    fn set(&mut self, start: usize, bytes: &[u8]) {
        let bytes: Vec<_> = bytes.iter().copied().map(Byte::Known).collect();
        self.write(start, &bytes);
    }

    fn decide(&self, verdict: &Verdict) -> Vec<Decision> {
        let Truth { ports, sure } = self.truth.clone();
        match verdict {
            Verdict::Continue => Vec::new(),
            _ => vec![Decision { ports, sure, verdict: verdict.clone() }],
        }
    }

    fn target(&self, target: &Target) -> (Option<IpAddr>, Option<u16>) {
        match target {
            Target::Fixed(address, port) => (*address, *port),
            Target::Registers(address, port) => {
                let value = |register: &Option<Register>| known(self.read((*register)?));
                let port = value(port).and_then(|bytes| bytes.first_chunk().copied());
                (value(address).and_then(|bytes| address_of(&bytes)), port.map(u16::from_be_bytes))
            }
        }
    }
}

/// Whether a key is that of an element; parts begin at multiples of four.
fn matches(set: &Set, element: &Element, key: &[Byte]) -> Truth {
    let mut truth = Truth::constant(true);
    let mut start = 0;
    for length in &set.parts {
        let end = start + length;
        let parts =
            (key.get(start..end), element.low.get(start..end), element.high.get(start..end));
        let (Some(key), Some(low), Some(high)) = parts else { return Truth::constant(false) };
        truth = truth.and(&between(key, low, high));
        start = end.next_multiple_of(4);
    }
    truth
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

fn bitwise(bytes: &[Byte], mask: &[u8], xor: &[u8]) -> Vec<Byte> {
    let one = |((byte, mask), xor): ((&Byte, &u8), &u8)| match (byte, mask, xor) {
        (Byte::Known(byte), ..) => Byte::Known((byte & mask) ^ xor),
        (_, 0, _) => Byte::Known(*xor),
        (byte, 0xff, 0) => *byte,
        _ => Byte::Unknown,
    };
    bytes.iter().zip(mask).zip(xor).map(one).collect()
}
