//! The `nat` table of iptables-legacy, from the kernel's own form to our model.
//!
//! The kernel gives a row of `ipt_entry`: 112 bytes of conditions on the IP
//! header, with the places of the target and of the next entry; then matches
//! and one target, each 32 bytes (size, name, revision) and its own data. A
//! user's chain begins after an entry whose target is `ERROR` and has its name;
//! jumps are places in the row. Layouts are those of 64-bit kernels; a 32-bit
//! program would be given others by the kernel and reads nothing here.

use crate::watch::field;
use crate::watch::nft::expression::text;
use crate::watch::rules::{
    Comparison, Expression, Field, Hook, Register, Rule, Table, Verdict, Version, xt,
};
use std::collections::BTreeMap;

/// `sizeof(struct ipt_entry)` and `sizeof(struct xt_entry_match)`.
const ENTRY: usize = 112;
const PART: usize = 32;
/// `NF_INET_PRE_ROUTING` and `NF_INET_LOCAL_OUT`.
const PREROUTING: usize = 0;
const OUTPUT: usize = 3;
/// `IPT_F_FRAG`, `IPT_F_GOTO`.
const FRAGMENT: u8 = 1;
const GOTO: u8 = 2;
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
    /// Where it begins, and where the next does.
    at: usize,
    next: usize,
    head: &'a [u8],
    matches: &'a [u8],
    target: &'a [u8],
}

/// The table, from the row and the places where each hook begins. Ends at what
/// makes no sense; whether all of it was read is said too.
pub fn table(row: &[u8], hooks: &[u32; 5]) -> (Table, bool) {
    let begins = |hook: usize| hooks.get(hook).and_then(|at| usize::try_from(*at).ok());
    let (prerouting, output) = (begins(PREROUTING), begins(OUTPUT));
    let mut starts = BTreeMap::new();
    starts.extend(prerouting.map(|at| (at, "PREROUTING".to_owned())));
    starts.extend(output.map(|at| (at, "OUTPUT".to_owned())));
    starts.extend(entries(row).filter_map(|entry| entry.chain().map(|name| (entry.next, name))));
    let mut table = Table {
        name: "nat".into(),
        versions: vec![Version::V4],
        bases: vec![(Hook::Prerouting, "PREROUTING".into()), (Hook::Output, "OUTPUT".into())],
        ..Table::default()
    };
    let (mut chain, mut count, mut end) = (String::new(), 0, 0);
    for entry in entries(row).take(MOST_RULES) {
        if let Some(name) = starts.get(&entry.at) {
            chain.clone_from(name);
        }
        let rules = table.chains.entry(chain.clone()).or_default();
        rules.push(entry.rule(&starts));
        (count, end) = (count + 1, entry.next);
    }
    (table, count < MOST_RULES && end == row.len())
}

fn entries(row: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let bytes = row.get(at..)?;
        let target = usize::from(u16::from_ne_bytes(field(bytes, 88)?));
        let length = usize::from(u16::from_ne_bytes(field(bytes, 90)?));
        let entry = Entry {
            at,
            next: at + length,
            head: bytes.get(..ENTRY)?,
            matches: bytes.get(ENTRY..target)?,
            target: bytes.get(target..length)?,
        };
        at += length.max(ENTRY);
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

    /// Source and destination at 0, their masks at 8, names of interfaces at
    /// 16, their masks at 48, the protocol at 80, flags at 82 and 83.
    fn conditions(&self) -> Rule {
        let byte = |at: usize| self.head.get(at).copied().unwrap_or_default();
        let (flags, not) = (byte(82), byte(83));
        let mut rule = Rule::new();
        self.masked(&mut rule, Field::Network(12), (0, 8, 4), not & NOT_SOURCE);
        self.masked(&mut rule, Field::Network(16), (4, 12, 4), not & NOT_DESTINATION);
        self.masked(&mut rule, Field::InterfaceIn, (16, 48, 16), not & NOT_IN);
        self.masked(&mut rule, Field::InterfaceOut, (32, 64, 16), not & NOT_OUT);
        if let Some([number, 0]) =
            field(self.head, 80).map(u16::from_ne_bytes).map(u16::to_le_bytes)
            && number != 0
        {
            rule.extend(xt::protocol(number, comparison(not & NOT_PROTOCOL)));
        }
        if flags & FRAGMENT != 0 {
            rule.push(Expression::Maybe);
        }
        rule
    }

    /// A part of the packet that is compared under a mask.
    fn masked(&self, rule: &mut Rule, what: Field, place: (usize, usize, usize), not: u8) {
        let (value, mask, length) = place;
        let bytes = |at: usize| self.head.get(at..at + length).unwrap_or_default();
        let (value, mask) = (bytes(value), bytes(mask));
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
        let goto = self.head.get(82).is_some_and(|flags| flags & GOTO != 0);
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
            table(&row, &hooks);
            // Places that make sense lead further in.
            for entry in row.chunks_mut(152) {
                if entry.len() > 92 {
                    entry[88..92].copy_from_slice(&[112_u16.to_ne_bytes(), 152_u16.to_ne_bytes()].concat());
                }
            }
            let (table, _) = table(&row, &[0; 5]);
            translated(&[table], &[[10, 0, 0, 1].into()].into());
        }
    }
}
