//! Expressions of nftables' rules, from netlink to our model.
//!
//! An expression is a name and attributes that depend on it. Numbers are in
//! the network's order. Registers have two names: 1 to 4 are 16 bytes each, 8
//! to 23 are the same 64 bytes in fours; 0 is the verdict.

use crate::watch::field;
use crate::watch::netlink::{attributes, find};
use crate::watch::rules::{
    Comparison, Expression, Field, Found, REGISTERS, Register, Rule, Sense, Target, Verdict,
    Version, xt,
};

const LIST_ELEMENT: u16 = 1;
const NAME: u16 = 1;
const DATA: u16 = 2;
const VALUE: u16 = 1;
const VERDICT: u16 = 2;
/// The most that a register or a value of a rule can be.
const LONGEST: usize = REGISTERS;

/// The rule in `NFTA_RULE_EXPRESSIONS`. What is not understood is perhaps
/// true, and what only counts or marks is left out.
pub fn rule(list: &[u8]) -> Rule {
    let elements = attributes(list).filter(|(kind, _)| *kind == LIST_ELEMENT);
    elements.flat_map(|(_, element)| expression(element)).collect()
}

fn expression(element: &[u8]) -> Vec<Expression> {
    let name = find(element, NAME).map(text).unwrap_or_default();
    let data = find(element, DATA).unwrap_or_default();
    let known = match name.as_str() {
        "payload" => payload(data),
        "meta" => meta(data),
        "fib" => fib(data),
        "ct" => connection(data),
        "immediate" => immediate(data),
        "bitwise" => bitwise(data),
        "byteorder" => reorder(data),
        "cmp" => compare(data),
        "range" => range(data),
        "lookup" => lookup(data),
        "nat" => return translate(data),
        "match" => return xt_match(data),
        "target" => Some(xt_target(data)),
        "redir" | "masq" | "reject" | "queue" | "tproxy" | "synproxy" => Some(end()),
        "counter" | "log" | "last" | "notrack" | "dup" => return Vec::new(),
        _ => None,
    };
    vec![known.unwrap_or(Expression::Maybe)]
}

fn end() -> Expression {
    Expression::Verdict(Verdict::End)
}

/// Destination register, base (1 network, 2 transport), offset, length. With a
/// source register it writes to the packet instead.
fn payload(data: &[u8]) -> Option<Expression> {
    const SOURCE: u16 = 5;
    if find(data, SOURCE).is_some() {
        return None;
    }
    let offset = usize::try_from(number(data, 3)?).ok()?;
    let length = usize::try_from(number(data, 4)?).ok()?;
    let field = match number(data, 2)? {
        1 => Field::Network(offset),
        2 => Field::Transport(offset),
        _ => Field::Unknown,
    };
    load(field, data, 1, length)
}

/// Destination register and key. With a source register it sets a mark.
fn meta(data: &[u8]) -> Option<Expression> {
    let (field, length) = match number(data, 2)? {
        1 => (Field::EtherType, 2),
        6 => (Field::InterfaceIn, 16),
        7 => (Field::InterfaceOut, 16),
        15 => (Field::Family, 1),
        16 => (Field::Protocol, 1),
        _ => return unknown(data),
    };
    load(field, data, 1, length)
}

/// Destination register, result (3 is the kind of address), flags (1 source, 2
/// destination; others ask for a certain interface).
fn fib(data: &[u8]) -> Option<Expression> {
    let field = match (number(data, 2)?, number(data, 3)?) {
        (3, 1) => Field::SourceKind,
        (3, 2) => Field::DestinationKind,
        _ => Field::Unknown,
    };
    load(field, data, 1, 4)
}

/// Destination register and key (0 is the state).
fn connection(data: &[u8]) -> Option<Expression> {
    match number(data, 2)? {
        0 => load(Field::State, data, 1, 4),
        _ => unknown(data),
    }
}

/// Something of at most 16 bytes.
fn unknown(data: &[u8]) -> Option<Expression> {
    let start = register(data, 1, 1)?.start;
    let length = (REGISTERS - start).min(16);
    Some(Expression::Load(Field::Unknown, Register { start, length }))
}

fn load(field: Field, data: &[u8], kind: u16, length: usize) -> Option<Expression> {
    Some(Expression::Load(field, register(data, kind, length)?))
}

/// Destination register and data: a verdict or a value.
fn immediate(data: &[u8]) -> Option<Expression> {
    match value(find(data, 2)?)? {
        Data::Verdict(verdict) => Some(Expression::Verdict(verdict)),
        Data::Bytes(bytes) => Some(Expression::Value(register(data, 1, bytes.len())?.start, bytes)),
    }
}

/// Source, destination, length, mask, exclusive or. Shifts are not followed.
fn bitwise(data: &[u8]) -> Option<Expression> {
    let length = usize::try_from(number(data, 3)?).ok()?;
    let (from, to) = (register(data, 1, length)?, register(data, 2, length)?.start);
    let mask = find(data, 4).and_then(bytes);
    match (number(data, 6).unwrap_or(0), mask, find(data, 5).and_then(bytes)) {
        (0, Some(mask), Some(xor)) => Some(Expression::Bitwise { from, to, mask, xor }),
        _ => Some(Expression::Load(Field::Unknown, Register { start: to, length })),
    }
}

/// Source, destination, direction, length, size of each number.
fn reorder(data: &[u8]) -> Option<Expression> {
    let length = usize::try_from(number(data, 4)?).ok()?;
    let (from, to) = (register(data, 1, length)?, register(data, 2, length)?.start);
    let size = usize::try_from(number(data, 5)?).ok()?;
    Some(Expression::Reorder { from, to, size })
}

/// Source register, operator, value.
fn compare(data: &[u8]) -> Option<Expression> {
    let how = match number(data, 2)? {
        0 => Comparison::Equal,
        1 => Comparison::NotEqual,
        2 => Comparison::Less,
        3 => Comparison::LessOrEqual,
        4 => Comparison::Greater,
        5 => Comparison::GreaterOrEqual,
        _ => return None,
    };
    let value = bytes(find(data, 3)?)?;
    Some(Expression::Compare(register(data, 1, value.len())?, how, value))
}

/// Source register, operator (1 is "not"), from, to.
fn range(data: &[u8]) -> Option<Expression> {
    let (low, high) = (bytes(find(data, 3)?)?, bytes(find(data, 4)?)?);
    let from = register(data, 1, low.len())?;
    Some(Expression::Between(from, sense(number(data, 2)?), low, high))
}

/// Set, source register, destination register, number of the set, flags (1 is
/// "not"). How long the key is, the set knows; more than it needs is no harm.
fn lookup(data: &[u8]) -> Option<Expression> {
    let set = text(find(data, 1)?);
    let from = register(data, 2, 1)?;
    let from = Register { start: from.start, length: REGISTERS - from.start };
    let sense = sense(number(data, 5).unwrap_or(0) & 1);
    let to = match number(data, 3) {
        None => Found::Nothing,
        Some(0) => Found::Verdict,
        Some(_) => Found::Register(register(data, 3, 1)?.start),
    };
    Some(Expression::Lookup { set, from, sense, to })
}

/// Kind (1 is the destination), family, registers of the address and the port.
/// In a table of both IP versions it passes over packets of the other one.
fn translate(data: &[u8]) -> Vec<Expression> {
    let version = match number(data, 2) {
        Some(2) => Some(Version::V4),
        Some(10) => Some(Version::V6),
        _ => None,
    };
    let length = if version == Some(Version::V6) { 16 } else { 4 };
    let target = Target::Registers(register(data, 3, length), register(data, 5, 2));
    let destination = number(data, 1) == Some(1);
    let last = if destination { Expression::Translate(target) } else { end() };
    version.map(Expression::Version).into_iter().chain([last]).collect()
}

fn xt_match(data: &[u8]) -> Vec<Expression> {
    let (name, revision, info) = xt_parts(data);
    xt::conditions(&name, revision, info)
}

/// A target of iptables ends the rule, but for those that only mark or log.
fn xt_target(data: &[u8]) -> Expression {
    let (name, revision, info) = xt_parts(data);
    match name.as_str() {
        "MARK" | "CONNMARK" | "LOG" | "NFLOG" | "TRACE" | "TCPMSS" => {
            Expression::Verdict(Verdict::Continue)
        }
        _ => xt::destination(&name, revision, info).map_or_else(end, Expression::Translate),
    }
}

fn xt_parts(data: &[u8]) -> (String, u32, &[u8]) {
    let name = find(data, 1).map(text).unwrap_or_default();
    (name, number(data, 2).unwrap_or(0), find(data, 3).unwrap_or_default())
}

/// A value in `NFTA_DATA`.
#[derive(Debug, PartialEq, Eq)]
pub enum Data {
    /// A verdict.
    Verdict(Verdict),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// Reads a value.
pub fn value(data: &[u8]) -> Option<Data> {
    find(data, VERDICT)
        .map(|data| Data::Verdict(verdict(data)))
        .or_else(|| bytes(data).map(Data::Bytes))
}

/// Code and chain: 0 and more end it, less than 0 is a way to go.
fn verdict(data: &[u8]) -> Verdict {
    let chain = || find(data, 2).map(text).unwrap_or_default();
    match number(data, 1).map(u32::cast_signed) {
        Some(-1 | -2) => Verdict::Continue,
        Some(-3) => Verdict::Jump(chain()),
        Some(-4) => Verdict::Goto(chain()),
        Some(-5) => Verdict::Return,
        _ => Verdict::End,
    }
}

/// The bytes of a value, if they are no more than registers can hold.
pub fn bytes(data: &[u8]) -> Option<Vec<u8>> {
    find(data, VALUE).filter(|value| value.len() <= LONGEST).map(<[u8]>::to_vec)
}

/// A text that may end with a zero byte.
pub fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// A number of four bytes in the network's order.
pub fn number(data: &[u8], kind: u16) -> Option<u32> {
    field(find(data, kind)?, 0).map(u32::from_be_bytes)
}

fn sense(operator: u32) -> Sense {
    if operator == 0 { Sense::Plain } else { Sense::Inverted }
}

fn register(data: &[u8], kind: u16, length: usize) -> Option<Register> {
    let start = match usize::try_from(number(data, kind)?).ok()? {
        name @ 1..=4 => (name - 1) * 16,
        name @ 8..=23 => (name - 8) * 4,
        _ => return None,
    };
    (length > 0 && start + length <= REGISTERS).then_some(Register { start, length })
}
