//! Where the kernel keeps the fields of its structures, as it says itself in
//! `/sys/kernel/btf/vmlinux`. Pure.
//!
//! The file is a head of 24 bytes, types, and texts that end in a zero byte. A
//! type is 12 bytes (its name's place among the texts; a word with the number of
//! its parts in the lower 16 bits, its kind in bits 24 to 28, and a flag at the
//! top; its size or the type it refers to) and parts, whose length its kind
//! tells. Types are numbered from 1 on. A part of a structure is 12 bytes: name,
//! type, offset in bits; if the structure has the flag, the upper eight bits of
//! the offset are the bits that the part has, zero if it is no bit field. Parts
//! of a structure or union without a name count as those of what it is in.

use crate::watch::field;

/// Where it is.
pub const FILE: &str = "/sys/kernel/btf/vmlinux";

const MAGIC: u16 = 0xeb9f;
const HEAD: usize = 12;
const PART: usize = 12;
const STRIDE: usize = 64;
/// Structures within structures that are looked into.
const DEPTH: u32 = 16;

const INTEGER: u32 = 1;
const POINTER: u32 = 2;
const STRUCTURE: u32 = 4;
const UNION: u32 = 5;
/// Names for a type, and words before it: `const` and the like.
const ALIASES: [u32; 5] = [8, 9, 10, 11, 18];

/// The types of a kernel.
#[derive(Debug)]
pub struct Btf<'a> {
    types: &'a [u8],
    texts: &'a [u8],
    /// Where in `types` every [`STRIDE`]th type is, from type 1 on: an index of
    /// all would be a megabyte.
    places: Vec<usize>,
}

/// One type.
#[derive(Clone, Copy)]
struct Type<'a> {
    name: u32,
    kind: u32,
    flag: bool,
    /// Its size, or the type it refers to.
    value: u32,
    parts: &'a [u8],
}

/// A part of a structure.
#[derive(Clone, Copy)]
struct Part {
    name: u32,
    kind: u32,
    offset: u32,
}

impl<'a> Btf<'a> {
    /// Reads the bytes of the file; nothing if they are not whole.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let number = |at| usize::try_from(u32::from_ne_bytes(field(bytes, at)?)).ok();
        if u16::from_ne_bytes(field(bytes, 0)?) != MAGIC {
            return None;
        }
        let rest = bytes.get(number(4)?..)?;
        let section = |at, length| rest.get(number(at)?..)?.get(..number(length)?);
        let (types, texts) = (section(8, 12)?, section(16, 20)?);
        let mut btf = Self { types, texts, places: Vec::new() };
        let (mut at, mut count) = (0, 0_usize);
        while at < types.len() {
            if count.is_multiple_of(STRIDE) {
                btf.places.push(at);
            }
            at += HEAD + btf.at(at)?.parts.len();
            count += 1;
        }
        Some(btf)
    }

    /// Where in the structure of this name a field is, in bytes, if it has this
    /// size. The path leads through structures within it.
    pub fn offset(&self, structure: &str, path: &[&str], size: u32) -> Option<u32> {
        let mut named = self.from(0).filter(|found| {
            found.kind == STRUCTURE && self.is_named(found.name, structure) && found.has_parts()
        });
        // Two of one name are possible; the first that has the field is it.
        named.find_map(|found| {
            let (bits, last) = path.iter().try_fold((0_u32, found), |(bits, within), name| {
                let part = self.part(within, name, DEPTH)?;
                Some((bits.checked_add(part.offset)?, self.resolved(part.kind)?))
            })?;
            (bits % 8 == 0 && last.size() == Some(size)).then_some(bits / 8)
        })
    }

    /// The part of this name, at its offset from the start of `within`.
    fn part(&self, within: Type<'a>, name: &str, depth: u32) -> Option<Part> {
        let depth = depth.checked_sub(1)?;
        within.list().find_map(|part| {
            if self.is_named(part.name, name) {
                return (!within.flag || part.offset >> 24 == 0).then_some(part);
            }
            let nameless = part.name == 0 && part.offset >> 24 == 0;
            let nested = nameless.then(|| self.resolved(part.kind)).flatten()?;
            let inner = self.part(nested, name, depth)?;
            Some(Part { offset: inner.offset.checked_add(part.offset)?, ..inner })
        })
    }

    fn resolved(&self, mut number: u32) -> Option<Type<'a>> {
        for _ in 0..DEPTH {
            let index = usize::try_from(number.checked_sub(1)?).ok()?;
            let before = *self.places.get(index / STRIDE)?;
            let found = self.from(before).nth(index % STRIDE)?;
            if !ALIASES.contains(&found.kind) {
                return Some(found);
            }
            number = found.value;
        }
        None
    }

    /// All types from a place on.
    fn from(&self, mut place: usize) -> impl Iterator<Item = Type<'a>> {
        std::iter::from_fn(move || {
            let found = self.at(place)?;
            place += HEAD + found.parts.len();
            Some(found)
        })
    }

    fn at(&self, place: usize) -> Option<Type<'a>> {
        let bytes = self.types.get(place..)?;
        let number = |at| field(bytes, at).map(u32::from_ne_bytes);
        let (name, word, value) = (number(0)?, number(4)?, number(8)?);
        let (kind, count) = (word >> 24 & 0x1f, usize::try_from(word & 0xffff).ok()?);
        let length = match kind {
            INTEGER | 14 | 17 => 4,
            3 => 12,
            STRUCTURE | UNION | 15 | 19 => PART * count,
            6 | 13 => 8 * count,
            POINTER | 7..=12 | 16 | 18 => 0,
            _ => return None,
        };
        let parts = bytes.get(HEAD..)?.get(..length)?;
        Some(Type { name, kind, flag: word >> 31 == 1, value, parts })
    }

    fn is_named(&self, place: u32, name: &str) -> bool {
        let text = usize::try_from(place).ok().and_then(|at| self.texts.get(at..));
        let rest = text.and_then(|text| text.strip_prefix(name.as_bytes()));
        rest.is_some_and(|rest| rest.first() == Some(&0))
    }
}

impl Type<'_> {
    fn list(&self) -> impl Iterator<Item = Part> {
        let structure = [STRUCTURE, UNION].contains(&self.kind);
        let parts = if structure { self.parts } else { &[] };
        parts.chunks_exact(PART).filter_map(|bytes| {
            let number = |at| field(bytes, at).map(u32::from_ne_bytes);
            Some(Part { name: number(0)?, kind: number(4)?, offset: number(8)? })
        })
    }

    fn has_parts(&self) -> bool {
        !self.parts.is_empty()
    }

    fn size(&self) -> Option<u32> {
        match self.kind {
            INTEGER | STRUCTURE | UNION => Some(self.value),
            POINTER => u32::try_from(size_of::<usize>()).ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
