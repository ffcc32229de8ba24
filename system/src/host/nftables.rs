//! A table of nftables with a few redirects, spoken over netlink: `nft` need not be installed.
//!
//! One batch makes, removes and makes the table, so that the kernel exchanges an old one for the new
//! one in one step, and one that is not there is no fault. In the words of nft(8):
//!
//! ```text
//! table ip NAME {
//!   chain prerouting { type nat hook prerouting priority dstnat; RULES }
//!   chain output     { type nat hook output priority -100; RULES }
//! }
//! ip daddr 192.168.5.3 udp dport 53 dnat to 192.168.5.2:40053
//! ```
//!
//! A rule is a list of expressions that work on registers: load, compare, and at the end translate.
//! Numbers are those of `linux/netfilter/nf_tables.h`.

use std::io;

use rustix::net::netlink::NETFILTER;

use super::netlink::{ACK, APPEND, Batch, CREATE, attribute, nest, text};
use crate::{Change, NetworkError, Redirect, Transport};

const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
/// `NFNL_SUBSYS_NFTABLES` in the upper byte.
const NEW_TABLE: u16 = 0x0a00;
const DELETE_TABLE: u16 = 0x0a02;
const NEW_CHAIN: u16 = 0x0a03;
const NEW_RULE: u16 = 0x0a06;
const SUBSYSTEM: u16 = 10;
const IPV4: u8 = 2;
const PREROUTING: u32 = 0;
const OUTPUT: u32 = 3;
/// Before the routing decision, where all translations of destinations are.
const DSTNAT: i32 = -100;
const META_L4PROTO: u32 = 16;
const EQUAL: u32 = 0;
const DNAT: u32 = 1;

/// Registers of four bytes.
const FIRST: u32 = 8;
const SECOND: u32 = 9;

pub(super) fn redirect(name: &str, redirects: &[Redirect]) -> Result<Change, NetworkError> {
    let sent = table(name, redirects).send(Some(NETFILTER));
    sent.map(|()| Change::Changed).map_err(|source| fault(name, source))
}

/// A part that is missing in the kernel shows as one of these, whichever part it is.
fn fault(name: &str, source: io::Error) -> NetworkError {
    let name = name.to_owned();
    match source.raw_os_error() {
        Some(libc::EPROTONOSUPPORT | libc::EOPNOTSUPP | libc::ENOENT | libc::EAFNOSUPPORT) => {
            NetworkError::NoTables { name, source }
        }
        _ => NetworkError::Table { name, source },
    }
}

fn table(name: &str, redirects: &[Redirect]) -> Batch {
    let mut batch = Batch::default();
    batch.add(BATCH_BEGIN, 0, &head(0, SUBSYSTEM));
    // Each message names the table first.
    let mut add = |kind, flags, parts: &[Vec<u8>]| {
        let body = [head(IPV4, 0), text(1, name), parts.concat()].concat();
        batch.add(kind, flags | ACK, &body);
    };
    // Made first, so that there is always one to remove.
    add(NEW_TABLE, CREATE, &[]);
    add(DELETE_TABLE, 0, &[]);
    if !redirects.is_empty() {
        add(NEW_TABLE, CREATE, &[]);
        for (chain, hook) in [("prerouting", PREROUTING), ("output", OUTPUT)] {
            let hook = nest(4, &[number(1, hook), attribute(2, &DSTNAT.to_be_bytes())]);
            add(NEW_CHAIN, CREATE, &[text(3, chain), hook, text(7, "nat")]);
            for redirect in redirects {
                let rule = nest(4, &expressions(redirect));
                add(NEW_RULE, CREATE | APPEND, &[text(2, chain), rule]);
            }
        }
    }
    batch.add(BATCH_END, 0, &head(0, SUBSYSTEM));
    batch
}

/// `nfgenmsg`: family, version, and for the ends of a batch whom it is for.
fn head(family: u8, subsystem: u16) -> Vec<u8> {
    [[family, 0], subsystem.to_be_bytes()].concat()
}

/// Numbers of nftables are big-endian.
fn number(kind: u16, value: u32) -> Vec<u8> {
    attribute(kind, &value.to_be_bytes())
}

fn expressions(redirect: &Redirect) -> Vec<Vec<u8>> {
    let protocol = match redirect.protocol {
        Transport::Tcp => 6,
        Transport::Udp => 17,
    };
    // Where a header has it: the address at 16 of IP, the port at 2 of TCP and UDP.
    let (network, transport) = (1, 2);
    vec![
        load(network, 16, 4),
        compare(&redirect.from.ip().octets()),
        expression("meta", &[number(1, FIRST), number(2, META_L4PROTO)]),
        compare(&[protocol]),
        load(transport, 2, 2),
        compare(&redirect.from.port().to_be_bytes()),
        immediate(FIRST, &redirect.to.ip().octets()),
        immediate(SECOND, &redirect.to.port().to_be_bytes()),
        expression(
            "nat",
            &[number(1, DNAT), number(2, u32::from(IPV4)), number(3, FIRST), number(5, SECOND)],
        ),
    ]
}

fn expression(name: &str, parts: &[Vec<u8>]) -> Vec<u8> {
    nest(1, &[text(1, name), nest(2, parts)])
}

/// Bytes of a header into the first register.
fn load(header: u32, offset: u32, length: u32) -> Vec<u8> {
    expression(
        "payload",
        &[number(1, FIRST), number(2, header), number(3, offset), number(4, length)],
    )
}

/// The rule goes on only if the first register holds these bytes.
fn compare(bytes: &[u8]) -> Vec<u8> {
    expression("cmp", &[number(1, FIRST), number(2, EQUAL), nest(3, &[attribute(1, bytes)])])
}

fn immediate(register: u32, bytes: &[u8]) -> Vec<u8> {
    expression("immediate", &[number(1, register), nest(2, &[attribute(1, bytes)])])
}
