//! iptables' matches and targets (`xt`), as they are in the kernel.
//!
//! iptables-nft puts them into rules of nftables where that has nothing of its
//! own for them, iptables-legacy has nothing else. They are C structures, of
//! the same layout on every architecture with 64-bit pointers, named with a
//! revision. Numbers are in the machine's order unless they are of the network
//! (addresses, ports of `multiport` are not).

use super::packet::LOCAL;
use super::ranges::Ranges;
use super::{Comparison, Expression, Field, Register, Target};
use crate::watch::field;
use std::net::IpAddr;

/// `RTN_UNICAST`.
const UNICAST: u8 = 1;
/// `XT_ADDRTYPE_INVERT_SOURCE`, `XT_ADDRTYPE_INVERT_DEST`.
const INVERT_SOURCE: u32 = 1;
const INVERT_DESTINATION: u32 = 2;
/// `NF_NAT_RANGE_MAP_IPS`, `NF_NAT_RANGE_PROTO_SPECIFIED`.
const MAP_ADDRESS: u32 = 1;
const MAP_PORT: u32 = 2;
/// `XT_TCP_INV_DSTPT` and `XT_UDP_INV_DSTPT`.
const INVERT_PORTS: u8 = 2;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// The conditions of a match. What is not known is perhaps true.
pub fn conditions(name: &str, revision: u32, info: &[u8]) -> Vec<Expression> {
    let known = match (name, revision) {
        ("comment", _) => Some(Vec::new()),
        ("tcp", 0) => tcp(info),
        ("udp", 0) => udp(info),
        ("multiport", 1) => multiport(info),
        ("addrtype", _) => address_kinds(revision, info),
        _ => None,
    };
    known.unwrap_or_else(|| vec![Expression::Maybe])
}

/// The destination of a `DNAT` target; other targets have none.
pub fn destination(name: &str, revision: u32, info: &[u8]) -> Option<Target> {
    match (name, revision) {
        ("DNAT", 0) => Some(old_destination(info).unwrap_or(Target::Fixed(None, None))),
        ("DNAT", 1 | 2) => Some(range(info).unwrap_or(Target::Fixed(None, None))),
        _ => None,
    }
}

/// A comparison of the transport protocol.
pub fn protocol(number: u8, how: Comparison) -> [Expression; 2] {
    let register = Register { start: 0, length: 1 };
    [Expression::Load(Field::Protocol, register), Expression::Compare(register, how, vec![number])]
}

/// `xt_tcp`: source ports, destination ports, option, flags to look at and
/// their values, what is inverted.
fn tcp(info: &[u8]) -> Option<Vec<Expression>> {
    let (option, flags) = (info.get(8)?, info.get(9)?);
    let certain = *option == 0 && *flags == 0;
    ports_of(TCP, info, *info.get(11)?, certain)
}

/// `xt_udp`: source ports, destination ports, what is inverted.
fn udp(info: &[u8]) -> Option<Vec<Expression>> {
    ports_of(UDP, info, *info.get(8)?, true)
}

fn ports_of(number: u8, info: &[u8], inverted: u8, certain: bool) -> Option<Vec<Expression>> {
    let source = (half(info, 0)?, half(info, 2)?);
    let ports = Ranges::between(half(info, 4)?, half(info, 6)?);
    let ports = if inverted & INVERT_PORTS == 0 { ports } else { ports.inverted() };
    let mut conditions = Vec::from(protocol(number, Comparison::Equal));
    conditions.push(Expression::Ports(ports));
    if !certain || source != (0, u16::MAX) || inverted & !INVERT_PORTS != 0 {
        conditions.push(Expression::Maybe);
    }
    Some(conditions)
}

/// `xt_multiport_v1`: which ports (0 source, 1 destination, 2 either), how many
/// numbers, 15 numbers, 15 bytes that say "from this number to the next one",
/// inverted or not.
fn multiport(info: &[u8]) -> Option<Vec<Expression>> {
    let (which, count) = (*info.first()?, usize::from(*info.get(1)?));
    let numbers = (0..count.min(15)).map(|index| half(info, 2 + 2 * index));
    let numbers: Vec<u16> = numbers.collect::<Option<_>>()?;
    let to_next = info.get(32..47)?;
    let mut ranges = Vec::new();
    let mut rest = numbers.iter().zip(to_next);
    while let Some((low, more)) = rest.next() {
        let high = if *more == 0 { Some(low) } else { rest.next().map(|(high, _)| high) };
        ranges.push((*low, *high?));
    }
    let ports: Ranges = ranges.into_iter().collect();
    let ports = if *info.get(47)? == 0 { ports } else { ports.inverted() };
    (which == 1).then(|| vec![Expression::Ports(ports)])
}

/// `xt_addrtype_info_v1`: kinds of source and destination as bits, and flags.
/// The first revision has two numbers in place of the flags.
fn address_kinds(revision: u32, info: &[u8]) -> Option<Vec<Expression>> {
    let (source, destination) = (half(info, 0)?, half(info, 2)?);
    let flags = word(info, 4)?;
    let (invert_source, invert_destination) = match revision {
        0 => (flags != 0, word(info, 8)? != 0),
        _ => (flags & INVERT_SOURCE != 0, flags & INVERT_DESTINATION != 0),
    };
    let mut conditions = Vec::new();
    if source != 0 {
        conditions.extend(kind(Field::SourceKind, source, invert_source));
    }
    if destination != 0 {
        conditions.extend(kind(Field::DestinationKind, destination, invert_destination));
    }
    if revision != 0 && flags & !(INVERT_SOURCE | INVERT_DESTINATION) != 0 {
        conditions.push(Expression::Maybe);
    }
    Some(conditions)
}

/// The kinds of a dial's addresses are local or not known, so one comparison
/// stands for all bits.
fn kind(field: Field, bits: u16, inverted: bool) -> [Expression; 2] {
    let register = Register { start: 0, length: 4 };
    let wanted = if bits & (1 << LOCAL) == 0 { UNICAST } else { LOCAL };
    let how = if inverted { Comparison::NotEqual } else { Comparison::Equal };
    let value = u32::from(wanted).to_ne_bytes().to_vec();
    [Expression::Load(field, register), Expression::Compare(register, how, value)]
}

/// `nf_nat_ipv4_multi_range_compat`: how many ranges (always one), flags, two
/// addresses, two ports.
fn old_destination(info: &[u8]) -> Option<Target> {
    let flags = word(info, 4)?;
    let address = field::<4>(info, 8).map(IpAddr::from).filter(|_| flags & MAP_ADDRESS != 0);
    let port = field(info, 16).map(u16::from_be_bytes).filter(|_| flags & MAP_PORT != 0);
    Some(Target::Fixed(address, port))
}

/// `nf_nat_range`: flags, two addresses of 16 bytes each, two ports. An IPv4
/// address is the first four bytes; the others are zero, as in no IPv6 address
/// that a rule could name.
fn range(info: &[u8]) -> Option<Target> {
    let flags = word(info, 0)?;
    let bytes = field::<16>(info, 4)?;
    let address = match bytes {
        [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] => IpAddr::from([a, b, c, d]),
        _ => IpAddr::from(bytes),
    };
    let address = Some(address).filter(|_| flags & MAP_ADDRESS != 0);
    let port = field(info, 36).map(u16::from_be_bytes).filter(|_| flags & MAP_PORT != 0);
    Some(Target::Fixed(address, port))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    field(bytes, at).map(u16::from_ne_bytes)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    field(bytes, at).map(u32::from_ne_bytes)
}
