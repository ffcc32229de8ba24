//! Reads tunnel messages as they arrive, without putting them together.
//!
//! A message (`proto/guestservice.proto`) is a gRPC prefix of five bytes and
//! fields: a key (number and wire type) as a varint, and for texts and bytes a
//! length and as many bytes. Field 3, the data, is handed on in place. Of the
//! first message the fields 1, 2 and 4 are kept, which say where to; all else
//! is passed over, as protobuf wants it of what it does not know.

use crate::grpc::{self, Code, PREFIX, Status};
use std::ops::Range;
use texts::{DATA, Texts, UNKNOWN};
use varint::{Step, Varint};

mod texts;
mod varint;

pub use texts::Handshake;

/// A part of the input.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// Bytes for the guest's program, at this place of the input.
    Data(Range<usize>),
    /// A message is over.
    End,
}

/// The reader of one tunnel.
#[derive(Debug, Default)]
pub struct Decoder {
    at: At,
    /// Bytes of the message that have not come.
    left: usize,
    texts: Texts,
}

#[derive(Debug, Clone, Copy)]
enum At {
    Prefix([u8; PREFIX], usize),
    Key(Varint),
    Length(u32, Varint),
    Number(Varint),
    Body(u32, usize),
}

impl Default for At {
    fn default() -> Self {
        Self::Prefix([0; PREFIX], 0)
    }
}

impl Decoder {
    /// For a stream's first message, whose texts are kept.
    pub fn new() -> Self {
        Self { texts: Texts::wanted(), ..Self::default() }
    }

    /// The fields of the first message. Later ones are passed over.
    ///
    /// # Errors
    /// A text that is not UTF-8.
    pub fn handshake(&mut self) -> Result<Handshake, Status> {
        std::mem::take(&mut self.texts).handshake()
    }

    /// Takes some of the input: how many bytes, and what they are. Nothing
    /// taken and no part: more input is needed.
    ///
    /// # Errors
    /// Not a message, or one that is too large.
    pub fn next(&mut self, input: &[u8]) -> Result<(usize, Option<Part>), Status> {
        if self.left == 0 && matches!(self.at, At::Key(varint) if varint.is_new()) {
            self.at = At::default();
            return Ok((0, Some(Part::End)));
        }
        let Some(first) = input.first().copied() else { return Ok((0, None)) };
        if let At::Prefix(prefix, seen) = self.at {
            return Ok((self.prefix(prefix, seen, input)?, None));
        }
        let (taken, part) = match self.at {
            At::Body(field, left) => self.body(field, left, input)?,
            at => {
                self.at = self.step(at, first)?;
                (1, None)
            }
        };
        self.left = self.left.checked_sub(taken).ok_or_else(malformed)?;
        Ok((taken, part))
    }

    /// Bytes of a prefix, of which some may have been seen; how many they are.
    fn prefix(
        &mut self,
        mut prefix: [u8; PREFIX],
        seen: usize,
        input: &[u8],
    ) -> Result<usize, Status> {
        let places = prefix.iter_mut().skip(seen);
        let taken = places.zip(input).map(|(place, byte)| *place = *byte).count();
        if seen + taken < PREFIX {
            self.at = At::Prefix(prefix, seen + taken);
        } else {
            self.left = grpc::length(prefix)?;
            self.at = At::Key(Varint::default());
        }
        Ok(taken)
    }

    /// One byte of what is not a text.
    fn step(&mut self, at: At, byte: u8) -> Result<At, Status> {
        Ok(match at {
            At::Key(varint) => match varint.push(byte)? {
                Step::More(varint) => At::Key(varint),
                Step::Done(key) => Self::field(key)?,
            },
            At::Length(field, varint) => match varint.push(byte)? {
                Step::More(varint) => At::Length(field, varint),
                Step::Done(length) => self.text(field, length)?,
            },
            At::Number(varint) => match varint.push(byte)? {
                Step::More(varint) => At::Number(varint),
                Step::Done(_) => At::Key(Varint::default()),
            },
            At::Prefix(..) | At::Body(..) => at,
        })
    }

    /// What follows a key depends on its wire type.
    fn field(key: u64) -> Result<At, Status> {
        let field = u32::try_from(key >> 3).map_err(|_| malformed())?;
        match key & 7 {
            _ if field == 0 => Err(malformed()),
            0 => Ok(At::Number(Varint::default())),
            1 => Ok(At::Body(UNKNOWN, 8)),
            2 => Ok(At::Length(field, Varint::default())),
            5 => Ok(At::Body(UNKNOWN, 4)),
            _ => Err(malformed()),
        }
    }

    fn text(&mut self, field: u32, length: u64) -> Result<At, Status> {
        let length = usize::try_from(length).map_err(|_| malformed())?;
        // The byte that ended the length is still counted as left.
        if length >= self.left {
            return Err(malformed());
        }
        self.texts.begin(field, length)?;
        Ok(if length == 0 { At::Key(Varint::default()) } else { At::Body(field, length) })
    }

    fn body(
        &mut self,
        field: u32,
        left: usize,
        input: &[u8],
    ) -> Result<(usize, Option<Part>), Status> {
        if left > self.left {
            return Err(malformed());
        }
        let taken = left.min(input.len());
        let rest = left - taken;
        self.at = if rest == 0 { At::Key(Varint::default()) } else { At::Body(field, rest) };
        if field == DATA {
            return Ok((taken, Some(Part::Data(0..taken))));
        }
        self.texts.push(field, input.get(..taken).unwrap_or_default());
        Ok((taken, None))
    }
}

fn malformed() -> Status {
    Status::new(Code::Internal, "a tunnel message that cannot be read")
}

#[cfg(test)]
mod tests;
