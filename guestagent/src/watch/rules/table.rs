//! Where rules are kept: tables with chains, sets and maps.

use super::{Rule, Verdict};
use std::collections::BTreeMap;

/// One element of a set or map: a key from `low` to `high`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// The least value of each part of the key, padded as registers are.
    pub low: Vec<u8>,
    /// The greatest.
    pub high: Vec<u8>,
    /// What a map has for it.
    pub value: Option<Value>,
}

/// What a map has for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A verdict.
    Verdict(Verdict),
    /// Bytes for registers.
    Bytes(Vec<u8>),
}

/// A set or map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// The lengths of the parts of a key, in bytes. Each part begins at a
    /// multiple of four.
    pub parts: Vec<usize>,
    /// Its elements, as far as they are known.
    pub elements: Vec<Element>,
    /// Whether these are all.
    pub whole: bool,
}

/// A hook that `nat` chains are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Packets from outside.
    Prerouting,
    /// Packets from inside.
    Output,
}

/// The IP version of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// The chains that can call each other, and their sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// How users call it, as `ip nat`.
    pub name: String,
    /// Whose packets it sees.
    pub versions: Vec<Version>,
    /// Where it begins: hook and chain.
    pub bases: Vec<(Hook, String)>,
    /// The chains.
    pub chains: BTreeMap<String, Vec<Rule>>,
    /// The sets and maps.
    pub sets: BTreeMap<String, Set>,
}
