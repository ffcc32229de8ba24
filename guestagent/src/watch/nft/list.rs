//! The tables of nftables that translate addresses, by netlink.
//!
//! Three lists: the chains, of which those of type `nat` at the hooks
//! prerouting and output name the tables; the rules of these tables; the sets
//! that they look things up in. A message is `nfgenmsg` (family, version, two
//! bytes) and attributes.

use super::expression::{number, rule, text};
use super::set::Reading;
use crate::watch::netlink::{Netlink, attribute, find};
use crate::watch::rules::{Expression, Hook, Set, Table, Version};
use rustix::net::netlink::NETFILTER;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// `NFNL_SUBSYS_NFTABLES`, and what is asked of it.
const SUBSYSTEM: u16 = 10 << 8;
const CHAINS: u16 = SUBSYSTEM | 0x04;
const RULES: u16 = SUBSYSTEM | 0x07;
const SETS: u16 = SUBSYSTEM | 0x0a;
const ELEMENTS: u16 = SUBSYSTEM | 0x0d;
const HEAD: usize = 4;
/// `NFPROTO_`: of these families packets can be dialled.
const INET: u8 = 1;
const IPV4: u8 = 2;
const IPV6: u8 = 10;
/// Rules that are kept.
const MOST_RULES: usize = 50_000;

/// A table: family and name.
type Key = (u8, String);

/// The tables, and whether there are more rules than are kept.
///
/// # Errors
/// The kernel has no nftables, or they changed while they were read.
pub fn read() -> io::Result<(Vec<Table>, bool)> {
    let mut netlink = Netlink::open(Some(NETFILTER))?;
    collect(&mut |kind, body, each| netlink.dump(kind, body, each))
}

/// Asks for a list: its type, the body of the request, and who takes each
/// message.
type Dump<'a> = &'a mut dyn FnMut(u16, &[u8], &mut dyn FnMut(&[u8])) -> io::Result<()>;

/// The tables, from whoever answers.
///
/// # Errors
/// Those of the answers.
pub fn collect(dump: Dump<'_>) -> io::Result<(Vec<Table>, bool)> {
    let mut tables = BTreeMap::new();
    dump(CHAINS, &[0; HEAD], &mut |message| {
        if let Some((key, base)) = base(message) {
            tables.entry(key).or_insert_with_key(named).bases.push(base);
        }
    })?;
    let mut rules = 0;
    for (key, table) in &mut tables {
        dump(RULES, &request(key, &[]), &mut |message| {
            rules += 1;
            add_rule(key, table, message, rules);
        })?;
        table.sets = sets(dump, key, table)?;
    }
    Ok((tables.into_values().collect(), rules > MOST_RULES))
}

fn named((family, name): &Key) -> Table {
    let (text, versions) = match *family {
        IPV4 => ("ip", vec![Version::V4]),
        IPV6 => ("ip6", vec![Version::V6]),
        _ => ("inet", vec![Version::V4, Version::V6]),
    };
    Table { name: format!("{text} {name}"), versions, ..Table::default() }
}

/// Its family and table, and the rest, of a message that belongs to any.
fn parts(message: &[u8]) -> Option<(Key, &[u8])> {
    let (family, attributes) = (*message.first()?, message.get(HEAD..)?);
    let known = matches!(family, INET | IPV4 | IPV6);
    known.then_some(((family, text(find(attributes, 1)?)), attributes))
}

/// Table, hook and name of a chain that a hook begins with.
fn base(message: &[u8]) -> Option<(Key, (Hook, String))> {
    let (key, chain) = parts(message)?;
    let hook = match number(find(chain, 4)?, 1)? {
        0 => Hook::Prerouting,
        3 => Hook::Output,
        _ => return None,
    };
    let translates = text(find(chain, 7)?) == "nat";
    translates.then_some((key, (hook, text(find(chain, 3)?))))
}

/// Older kernels give the rules of all tables, whatever is asked.
fn add_rule(key: &Key, table: &mut Table, message: &[u8], count: usize) {
    let Some((_, attributes)) = parts(message).filter(|(found, _)| found == key) else { return };
    let Some(chain) = find(attributes, 2).filter(|_| count <= MOST_RULES) else { return };
    let expressions = rule(find(attributes, 4).unwrap_or_default());
    table.chains.entry(text(chain)).or_default().push(expressions);
}

/// The sets that the rules use.
fn sets(dump: Dump<'_>, key: &Key, table: &Table) -> io::Result<BTreeMap<String, Set>> {
    let used: BTreeSet<_> = table.chains.values().flatten().flatten().filter_map(used).collect();
    if used.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut readings = Vec::new();
    dump(SETS, &request(key, &[]), &mut |message| {
        let found = parts(message).filter(|(found, _)| found == key);
        let reading = found.and_then(|(_, attributes)| Reading::new(attributes));
        readings.extend(reading.filter(|(_, set)| used.contains(set.name.as_str())));
    })?;
    let mut sets = BTreeMap::new();
    for (_, mut reading) in readings {
        let name = reading.name.clone();
        let body = request(key, &attribute(2, &terminated(&name)));
        dump(ELEMENTS, &body, &mut |message| {
            reading.add(message.get(HEAD..).unwrap_or_default());
        })?;
        sets.insert(name, reading.finish(true));
    }
    Ok(sets)
}

fn used(expression: &Expression) -> Option<&str> {
    if let Expression::Lookup { set, .. } = expression { Some(set) } else { None }
}

/// Family and table, and more attributes.
fn request((family, table): &Key, more: &[u8]) -> Vec<u8> {
    let head = [*family, 0, 0, 0];
    [&head[..], &attribute(1, &terminated(table)), more].concat()
}

fn terminated(name: &str) -> Vec<u8> {
    [name.as_bytes(), &[0]].concat()
}
