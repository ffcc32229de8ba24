//! The `nat` tables of iptables-legacy and ip6tables-legacy, from the kernel's
//! own form to our model.
//!
//! The kernel gives a row of `ipt_entry` or `ip6t_entry`: conditions on the IP
//! header, with the places of the target and of the next entry; then matches
//! and one target, each 32 bytes (size, name, revision) and its own data. A
//! user's chain begins after an entry whose target is `ERROR` and has its name;
//! jumps are places in the row. Layouts are those of 64-bit kernels; a 32-bit
//! program would be given others by the kernel and reads nothing here.
//!
//! Conditions begin with addresses of A bytes each: source, destination, their
//! masks; then names of interfaces, in and out, their masks, of 16 bytes each;
//! then the protocol (a half). The rest is [`Layout`].

use crate::watch::field;
use crate::watch::nft::expression::text;
use crate::watch::rules::{
    Comparison, Expression, Field, Hook, Register, Rule, Table, Verdict, Version, xt,
};
use std::collections::BTreeMap;

/// What differs between the versions of IP.
struct Layout {
    /// `sizeof(struct ipt_entry)`.
    entry: usize,
    /// Where the places of the target and of the next entry are.
    places: usize,
    /// The length of an address.
    address: usize,
    /// Where the IP header has the addresses.
    header: usize,
    /// Where the flags are; what is inverted is the byte after them.
    flags: usize,
    /// The flags that say "fragments only", "go, do not jump" and, if there is
    /// one, "of this protocol".
    fragment: u8,
    goto: u8,
    protocol: Option<u8>,
}

const V4: Layout = Layout {
    entry: 112,
    places: 88,
    address: 4,
    header: 12,
    flags: 82,
    fragment: 1,
    goto: 2,
    protocol: None,
};
/// In place of a flag for fragments there is a match.
const V6: Layout = Layout {
    entry: 168,
    places: 140,
    address: 16,
    header: 8,
    flags: 131,
    fragment: 0,
    goto: 4,
    protocol: Some(1),
};

/// `sizeof(struct xt_entry_match)`, and of the name of an interface.
const PART: usize = 32;
const INTERFACE: usize = 16;
/// `NF_INET_PRE_ROUTING` and `NF_INET_LOCAL_OUT`.
const PREROUTING: usize = 0;
const OUTPUT: usize = 3;
/// `IPT_INV_`.
const NOT_IN: u8 = 1;
const NOT_OUT: u8 = 2;
const NOT_SOURCE: u8 = 8;
const NOT_DESTINATION: u8 = 0x10;
const NOT_PROTOCOL: u8 = 0x40;
/// Rules that are kept.
const MOST_RULES: usize = 50_000;

/// One entry of the row.
struct Entry<'a> {
    layout: &'static Layout,
    /// Where it begins, and where the next does.
    at: usize,
    next: usize,
    head: &'a [u8],
    matches: &'a [u8],
    target: &'a [u8],
}

/// The table, from the row and the places where each hook begins. Ends at what
/// makes no sense; whether all of it was read is said too.
pub fn table(version: Version, row: &[u8], hooks: &[u32; 5]) -> (Table, bool) {
    let layout = match version {
        Version::V4 => &V4,
        Version::V6 => &V6,
    };
    let begins = |hook: usize| hooks.get(hook).and_then(|at| usize::try_from(*at).ok());
    let (prerouting, output) = (begins(PREROUTING), begins(OUTPUT));
    let mut starts = BTreeMap::new();
    starts.extend(prerouting.map(|at| (at, "PREROUTING".to_owned())));
    starts.extend(output.map(|at| (at, "OUTPUT".to_owned())));
    starts.extend(
        entries(layout, row).filter_map(|entry| entry.chain().map(|name| (entry.next, name))),
    );
    let mut table = Table {
        name: "nat".into(),
        versions: vec![version],
        bases: vec![(Hook::Prerouting, "PREROUTING".into()), (Hook::Output, "OUTPUT".into())],
        ..Table::default()
    };
    let (mut chain, mut count, mut end) = (String::new(), 0, 0);
    for entry in entries(layout, row).take(MOST_RULES) {
        if let Some(name) = starts.get(&entry.at) {
            chain.clone_from(name);
        }
        let rules = table.chains.entry(chain.clone()).or_default();
        rules.push(entry.rule(&starts));
        (count, end) = (count + 1, entry.next);
    }
    (table, count < MOST_RULES && end == row.len())
}

fn entries<'a>(layout: &'static Layout, row: &'a [u8]) -> impl Iterator<Item = Entry<'a>> {
    let (size, places) = (layout.entry, layout.places);
    let mut at = 0;
    std::iter::from_fn(move || {
        let bytes = row.get(at..)?;
        let target = usize::from(u16::from_ne_bytes(field(bytes, places)?));
        let length = usize::from(u16::from_ne_bytes(field(bytes, places + 2)?));
        let entry = Entry {
            layout,
            at,
            next: at + length,
            head: bytes.get(..size)?,
            matches: bytes.get(size..target)?,
            target: bytes.get(target..length)?,
        };
        at += length.max(size);
        Some(entry)
    })
}

impl Entry<'_> {
    /// The name of the user's chain that begins after this entry.
    fn chain(&self) -> Option<String> {
        let (name, _, data) = part(self.target)?;
        (name == "ERROR").then(|| text(data))
    }

    fn rule(&self, starts: &BTreeMap<usize, String>) -> Rule {
        let mut rule = self.conditions();
        let mut rest = self.matches;
        while let Some(size) = field(rest, 0).map(u16::from_ne_bytes).map(usize::from) {
            let Some((name, revision, info)) = rest.get(..size).and_then(part) else { break };
            rule.extend(xt::conditions(&name, revision, info));
            rest = rest.get(size..).unwrap_or_default();
        }
        rule.push(self.end(starts));
        rule
    }

    fn conditions(&self) -> Rule {
        let Layout { address, header, .. } = *self.layout;
        let (flags, not) = (self.flags(), self.byte(self.layout.flags + 1));
        let mut rule = Rule::new();
        let (source, destination) = (Field::Network(header), Field::Network(header + address));
        let mask = 2 * address;
        self.masked(&mut rule, source, (0, mask, address), not & NOT_SOURCE);
        self.masked(&mut rule, destination, (address, mask, address), not & NOT_DESTINATION);
        let (names, mask) = (4 * address, 2 * INTERFACE);
        self.masked(&mut rule, Field::InterfaceIn, (names, mask, INTERFACE), not & NOT_IN);
        let name = names + INTERFACE;
        self.masked(&mut rule, Field::InterfaceOut, (name, mask, INTERFACE), not & NOT_OUT);
        rule.extend(self.protocol(flags, not).into_iter().flatten());
        if flags & self.layout.fragment != 0 {
            rule.push(Expression::Maybe);
        }
        rule
    }

    fn protocol(&self, flags: u8, not: u8) -> Option<[Expression; 2]> {
        let counts = self.layout.protocol.is_none_or(|flag| flags & flag != 0);
        let number = field(self.head, 4 * self.layout.address + 4 * INTERFACE)?;
        let [number, 0] = u16::from_ne_bytes(number).to_le_bytes() else { return None };
        let how = comparison(not & NOT_PROTOCOL);
        (counts && number != 0).then(|| xt::protocol(number, how))
    }

    fn flags(&self) -> u8 {
        self.byte(self.layout.flags)
    }

    fn byte(&self, at: usize) -> u8 {
        self.head.get(at).copied().unwrap_or_default()
    }

    /// A part of the packet that is compared under a mask: where the value is,
    /// how far behind it the mask, and how long they are.
    fn masked(&self, rule: &mut Rule, what: Field, place: (usize, usize, usize), not: u8) {
        let (value, behind, length) = place;
        let bytes = |at: usize| self.head.get(at..at + length).unwrap_or_default();
        let (value, mask) = (bytes(value), bytes(value + behind));
        if mask.iter().all(|byte| *byte == 0) {
            return;
        }
        let register = Register { start: 0, length };
        let (mask, xor) = (mask.to_vec(), vec![0; length]);
        rule.push(Expression::Load(what, register));
        rule.push(Expression::Bitwise { from: register, to: 0, mask, xor });
        rule.push(Expression::Compare(register, comparison(not), value.to_vec()));
    }

    /// A target without a name is a verdict: a place, or less than zero.
    fn end(&self, starts: &BTreeMap<usize, String>) -> Expression {
        let Some((name, revision, info)) = part(self.target) else {
            return Expression::Verdict(Verdict::End);
        };
        let verdict = match name.as_str() {
            "" => field(info, 0)
                .map_or(Verdict::End, |code| self.verdict(i32::from_ne_bytes(code), starts)),
            "MARK" | "CONNMARK" | "LOG" | "NFLOG" | "TRACE" => Verdict::Continue,
            _ => match xt::destination(&name, revision, info) {
                Some(target) => return Expression::Translate(target),
                None => Verdict::End,
            },
        };
        Expression::Verdict(verdict)
    }

    fn verdict(&self, code: i32, starts: &BTreeMap<usize, String>) -> Verdict {
        const RETURN: i32 = -5;
        let goto = self.flags() & self.layout.goto != 0;
        match (usize::try_from(code), goto) {
            (Err(_), _) if code == RETURN => Verdict::Return,
            (Err(_), _) => Verdict::End,
            (Ok(place), false) if place == self.next => Verdict::Continue,
            (Ok(place), goto) => match (starts.get(&place).cloned(), goto) {
                (Some(chain), true) => Verdict::Goto(chain),
                (Some(chain), false) => Verdict::Jump(chain),
                (None, _) => Verdict::End,
            },
        }
    }
}

fn comparison(not: u8) -> Comparison {
    if not == 0 { Comparison::Equal } else { Comparison::NotEqual }
}

/// Name, revision and data of a match or target.
fn part(bytes: &[u8]) -> Option<(String, u32, &[u8])> {
    Some((text(bytes.get(2..31)?), u32::from(*bytes.get(31)?), bytes.get(PART..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::rules::translated::translated;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_end(mut row in proptest::collection::vec(any::<u8>(), 0..1000), hooks: [u32; 5]) {
            for (version, layout) in [(Version::V4, V4), (Version::V6, V6)] {
                table(version, &row, &hooks);
                // Places that make sense lead further in.
                let (size, places) = (layout.entry + 40, layout.places);
                for entry in row.chunks_exact_mut(size) {
                    let ends = [layout.entry, size].map(|at| u16::try_from(at).expect("small"));
                    entry[places..places + 4].copy_from_slice(&ends.map(u16::to_ne_bytes).concat());
                }
                let (table, _) = table(version, &row, &[0; 5]);
                translated(&[table], &[[10, 0, 0, 1].into(), [0xfd; 16].into()].into());
            }
        }
    }
}
