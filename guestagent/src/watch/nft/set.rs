//! Sets and maps of nftables.
//!
//! A set of ranges has, in no promised order, an element for each start and
//! one, marked as an end, for the number after each end. Where keys have several
//! parts, an element has both ends itself. `whole` stays false if there is
//! something that we do not read, so that the set may match anything.

use super::expression::{Data, bytes, number, text, value};
use crate::watch::netlink::{attributes, find};
use crate::watch::rules::{Element, Set, Value};

/// `NFT_SET_INTERVAL`.
const INTERVAL: u32 = 4;
/// `NFT_SET_ELEM_INTERVAL_END` and `NFT_SET_ELEM_CATCHALL`.
const END: u32 = 1;
const CATCH_ALL: u32 = 2;
const KEY: u16 = 1;
const DATA: u16 = 2;
const FLAGS: u16 = 3;
const KEY_END: u16 = 10;
/// Elements that are kept of one set.
const MOST: usize = 20_000;

/// A set while its elements are read.
#[derive(Debug, Default)]
pub struct Reading {
    /// What users call it.
    pub name: String,
    flags: u32,
    key_length: usize,
    parts: Vec<usize>,
    elements: Vec<(u32, Element)>,
    strange: bool,
}

impl Reading {
    /// From the attributes of a set: its table and what there is before its
    /// elements are read.
    pub fn new(set: &[u8]) -> Option<(String, Self)> {
        let length = |number: Option<u32>| usize::try_from(number?).ok();
        let concatenation = find(set, 9).and_then(|description| find(description, 2));
        let parts = attributes(concatenation.unwrap_or_default());
        let reading = Self {
            name: text(find(set, 2)?),
            flags: number(set, 3).unwrap_or(0),
            key_length: length(number(set, 5))?,
            parts: parts.filter_map(|(_, part)| length(number(part, 1))).collect(),
            ..Self::default()
        };
        Some((text(find(set, 1)?), reading))
    }

    /// Takes a message with elements.
    pub fn add(&mut self, message: &[u8]) {
        let list = find(message, 3).unwrap_or_default();
        for (_, element) in attributes(list) {
            match read(element).filter(|_| self.elements.len() < MOST) {
                Some(element) => self.elements.push(element),
                None => self.strange = true,
            }
        }
    }

    /// The set, when all messages are there.
    pub fn finish(self, complete: bool) -> Set {
        let whole = complete && !self.strange;
        let ranges = self.flags & INTERVAL != 0 && self.parts.len() < 2;
        let parts = if self.parts.is_empty() { vec![self.key_length] } else { self.parts };
        let elements = if ranges { joined(self.elements) } else { plain(self.elements) };
        Set { parts, elements, whole }
    }
}

/// Flags and element; nothing for one without a key.
fn read(element: &[u8]) -> Option<(u32, Element)> {
    let flags = number(element, FLAGS).unwrap_or(0);
    let low = bytes(find(element, KEY)?).filter(|_| flags & CATCH_ALL == 0)?;
    let high = find(element, KEY_END).and_then(bytes).unwrap_or_else(|| low.clone());
    let value = find(element, DATA).and_then(value).map(|data| match data {
        Data::Verdict(verdict) => Value::Verdict(verdict),
        Data::Bytes(bytes) => Value::Bytes(bytes),
    });
    Some((flags, Element { low, high, value }))
}

/// In the order of keys, so that the same rules always give the same answer.
fn plain(elements: Vec<(u32, Element)>) -> Vec<Element> {
    let mut plain: Vec<_> = elements.into_iter().map(|(_, element)| element).collect();
    plain.sort_by(|a, b| a.low.cmp(&b.low));
    plain
}

/// Each start goes on to just before the next element, or to the greatest key.
fn joined(mut elements: Vec<(u32, Element)>) -> Vec<Element> {
    elements.sort_by(|(a_flags, a), (b_flags, b)| {
        (&a.low, b_flags & END).cmp(&(&b.low, a_flags & END))
    });
    let nexts: Vec<_> = elements.iter().skip(1).map(|(_, next)| next.low.clone()).collect();
    let mut nexts = nexts.into_iter();
    let mut ranges = Vec::new();
    for (flags, mut element) in elements {
        element.high = match nexts.next() {
            Some(next) => before(next),
            None => vec![u8::MAX; element.low.len()],
        };
        if flags & END == 0 {
            ranges.push(element);
        }
    }
    ranges
}

/// The number before this one, which is not zero: something smaller was seen.
fn before(mut number: Vec<u8>) -> Vec<u8> {
    for byte in number.iter_mut().rev() {
        let (less, borrow) = byte.overflowing_sub(1);
        *byte = less;
        if !borrow {
            break;
        }
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_and_ends_become_ranges() {
        let element = |flags, low: [u8; 2]| {
            (flags, Element { low: low.to_vec(), high: low.to_vec(), value: None })
        };
        let given = vec![element(0, [1, 0]), element(END, [0, 90]), element(0, [0, 80])];
        let ranges: Vec<_> = joined(given).into_iter().map(|e| (e.low, e.high)).collect();
        let expected = [(vec![0, 80], vec![0, 89]), (vec![1, 0], vec![255, 255])];
        assert_eq!(ranges, expected);
        let adjacent = vec![element(END, [0, 90]), element(0, [0, 90]), element(0, [0, 80])];
        let ranges: Vec<_> = joined(adjacent).into_iter().map(|e| (e.low, e.high)).collect();
        assert_eq!(ranges[0], (vec![0, 80], vec![0, 89]));
    }
}
