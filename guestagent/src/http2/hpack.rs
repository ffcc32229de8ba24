//! Reads HPACK header blocks (RFC 7541).
//!
//! A field starts with a byte whose high bits tell its kind: `1` an indexed
//! field (7-bit index), `01` a literal that enters the dynamic table (6-bit
//! index of its name), `001` a new size of that table (5 bits), `0000` and
//! `0001` other literals (4 bits). An index that fills its prefix goes on in
//! bytes with the high bit set, but for the last. Name index 0 means that the
//! name follows as a string: a 7-bit length whose high bit says that the bytes
//! are in Huffman code.
//!
//! There is no writer: our answers are few and the same, so they are constants
//! (`http2::frame`), without index or Huffman code.

use std::collections::VecDeque;

mod huffman;
mod table;

/// What a field costs in the table besides its bytes (RFC 7541 4.1).
const OVERHEAD: usize = 32;
/// The size of the dynamic table that we let the host use: HTTP/2's own first
/// value, which holds before any agreement.
const TABLE: usize = 4096;
/// The most that one header block may decode to. The host sends 200 bytes.
const LIST: usize = 16 * 1024;

/// The block breaks RFC 7541, or is larger than any request of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("header block that cannot be read")]
pub struct Malformed;

/// The reader of one connection, with what earlier blocks left in its table.
#[derive(Debug)]
pub struct Decoder {
    /// The newest first.
    entries: VecDeque<Field>,
    size: usize,
    limit: usize,
}

#[derive(Debug, Clone)]
struct Field {
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { entries: VecDeque::new(), size: 0, limit: TABLE }
    }
}

impl Decoder {
    /// Hands each field of a whole block to `each`, as name and value.
    ///
    /// # Errors
    /// The block is malformed. The connection cannot go on: the table is no
    /// longer the host's.
    pub fn decode(
        &mut self,
        block: &[u8],
        mut each: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), Malformed> {
        let mut input = Input(block);
        let mut total = 0;
        while let Some(first) = input.peek() {
            if first & 0xe0 == 0x20 {
                self.resize(input.integer(5)?)?;
                continue;
            }
            let field = self.field(first, &mut input)?;
            total += field.cost();
            if total > LIST {
                return Err(Malformed);
            }
            each(&field.name, &field.value);
            if first & 0xc0 == 0x40 {
                self.insert(field);
            }
        }
        Ok(())
    }

    fn field(&self, first: u8, input: &mut Input<'_>) -> Result<Field, Malformed> {
        if first & 0x80 != 0 {
            return self.entry(input.integer(7)?);
        }
        let prefix = if first & 0x40 != 0 { 6 } else { 4 };
        let name = match input.integer(prefix)? {
            0 => input.text()?,
            index => self.entry(index)?.name,
        };
        Ok(Field { name, value: input.text()? })
    }

    /// The static table, from 1, then the dynamic one.
    fn entry(&self, index: usize) -> Result<Field, Malformed> {
        let before = index.checked_sub(1).ok_or(Malformed)?;
        if let Some((name, value)) = table::STATIC.get(before) {
            return Ok(Field { name: (*name).into(), value: (*value).into() });
        }
        self.entries.get(before - table::STATIC.len()).cloned().ok_or(Malformed)
    }

    fn insert(&mut self, field: Field) {
        let cost = field.cost();
        self.evict(self.limit.saturating_sub(cost));
        if cost <= self.limit {
            self.size += cost;
            self.entries.push_front(field);
        }
    }

    fn resize(&mut self, limit: usize) -> Result<(), Malformed> {
        if limit > TABLE {
            return Err(Malformed);
        }
        self.limit = limit;
        self.evict(limit);
        Ok(())
    }

    fn evict(&mut self, room: usize) {
        while self.size > room
            && let Some(oldest) = self.entries.pop_back()
        {
            self.size -= oldest.cost();
        }
    }
}

impl Field {
    fn cost(&self) -> usize {
        self.name.len() + self.value.len() + OVERHEAD
    }
}

/// What is left of a block.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*first)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// An integer with so many bits in its first byte. None of ours needs more
    /// than four bytes after it.
    fn integer(&mut self, prefix: u32) -> Result<usize, Malformed> {
        let mask = (1_usize << prefix) - 1;
        let mut value = usize::from(self.byte()?) & mask;
        if value < mask {
            return Ok(value);
        }
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            value += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    fn text(&mut self) -> Result<Vec<u8>, Malformed> {
        let coded = self.peek().ok_or(Malformed)? & 0x80 != 0;
        let length = self.integer(7)?;
        let bytes = self.take(length)?;
        if coded { huffman::decode(bytes, LIST) } else { Ok(bytes.into()) }
    }
}

#[cfg(test)]
mod tests;
