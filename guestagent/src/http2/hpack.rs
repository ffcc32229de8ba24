//! Walks an HPACK header block far enough to exchange an empty `:authority`.
//!
//! RFC 7541 6: a field starts with a byte whose high bits tell its kind:
//! `1` an indexed field (7-bit index), `01` a literal that enters the dynamic
//! table (6-bit index of its name), `001` a change of the table's size (5 bit),
//! `0000` and `0001` other literals (4 bit). An index that fills its prefix goes
//! on in bytes with the high bit set, but for the last. Name index 0 means that
//! the name follows as a string; a string is a 7-bit length and its bytes.
//! So fields can be told apart without any table.
//!
//! Index 1 is `:authority`, empty. What replaces it is as long:
//!
//! | on the wire | becomes | why |
//! |---|---|---|
//! | `81` | `93` | index 19, `accept`, empty |
//! | `41 00` | `77 00` | literal `set-cookie`, empty: a name of ten bytes like `:authority`, so that both dynamic tables evict alike |
//! | `01 00`, `11 00` | `93 93` | no literal with a 4-bit index is a regular field |
//!
//! Only the first is known to occur (Go finds the field in the static table).
//! A literal whose two bytes are parted by a frame's head is left as it is.

use super::Ahead;

const EMPTY_AUTHORITY: u8 = 0x81;
const EMPTY_ACCEPT: u8 = 0x93;
const INDEXED_LITERAL_AUTHORITY: u8 = 0x41;
const INDEXED_LITERAL_SET_COOKIE: u8 = 0x77;
/// An empty string, plain or in Huffman code.
const LENGTH_MASK: u8 = 0x7f;

/// A position in a header block, kept over frames.
#[derive(Debug, Default)]
pub struct Walker {
    at: At,
}

#[derive(Debug, Default, Clone, Copy)]
enum At {
    /// A field starts.
    #[default]
    Field,
    /// More bytes of an index, then what follows it.
    Index(Follow),
    /// The first byte of a string's length.
    Length(Part),
    /// More bytes of a length: its value so far and the next shift.
    LengthMore(Part, u64, u32),
    /// Bytes of a string that remain.
    Text(Part, u64),
}

#[derive(Debug, Clone, Copy)]
enum Follow {
    Nothing,
    Value,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Name,
    Value,
}

impl Walker {
    /// Takes at least one byte of a non-empty slice, or none to wait for one
    /// more, which is only done with [`Ahead::Possible`] and a single byte.
    pub fn step(&mut self, bytes: &mut [u8], ahead: Ahead) -> usize {
        let length = bytes.len();
        let Some((first, rest)) = bytes.split_first_mut() else { return 0 };
        let (next, taken) = match self.at {
            At::Field => match field(first, rest.first_mut(), ahead) {
                Some(found) => found,
                None => return 0,
            },
            At::Index(follow) => (index(*first, follow), 1),
            At::Length(part) => (length_start(*first, part), 1),
            At::LengthMore(part, sum, shift) => (length_more(*first, part, sum, shift), 1),
            At::Text(part, left) => {
                let taken = usize::try_from(left).map_or(length, |left| left.min(length));
                (text(part, left.saturating_sub(taken as u64)), taken)
            }
        };
        self.at = next;
        taken
    }
}

/// The start of a field: what comes next and the bytes taken, or none to wait.
fn field(first: &mut u8, second: Option<&mut u8>, ahead: Ahead) -> Option<(At, usize)> {
    match *first {
        EMPTY_AUTHORITY => {
            *first = EMPTY_ACCEPT;
            Some((At::Field, 1))
        }
        INDEXED_LITERAL_AUTHORITY | 0x01 | 0x11 => match second {
            Some(length) if *length & LENGTH_MASK == 0 => Some((replace_literal(first, length), 2)),
            None if ahead == Ahead::Possible => None,
            _ => Some((At::Length(Part::Value), 1)),
        },
        byte => Some((kind(byte), 1)),
    }
}

fn replace_literal(first: &mut u8, length: &mut u8) -> At {
    if *first == INDEXED_LITERAL_AUTHORITY {
        *first = INDEXED_LITERAL_SET_COOKIE;
    } else {
        *first = EMPTY_ACCEPT;
        *length = EMPTY_ACCEPT;
    }
    At::Field
}

fn kind(byte: u8) -> At {
    let (mask, follow) = match byte {
        0x80.. => (0x7f, Follow::Nothing),
        0x40..=0x7f => (0x3f, Follow::Value),
        0x20..=0x3f => (0x1f, Follow::Nothing),
        0x00..=0x1f => (0x0f, Follow::Value),
    };
    match (byte & mask, follow) {
        (low, _) if low == mask => At::Index(follow),
        (_, Follow::Nothing) => At::Field,
        (0, Follow::Value) => At::Length(Part::Name),
        (_, Follow::Value) => At::Length(Part::Value),
    }
}

fn index(byte: u8, follow: Follow) -> At {
    match follow {
        _ if byte & 0x80 != 0 => At::Index(follow),
        Follow::Nothing => At::Field,
        Follow::Value => At::Length(Part::Value),
    }
}

fn length_start(byte: u8, part: Part) -> At {
    match byte & LENGTH_MASK {
        LENGTH_MASK => At::LengthMore(part, u64::from(LENGTH_MASK), 0),
        length => text(part, u64::from(length)),
    }
}

/// A length beyond 64 bits stays at the greatest: the block ends long before.
fn length_more(byte: u8, part: Part, sum: u64, shift: u32) -> At {
    let more = u64::from(byte & LENGTH_MASK);
    let added = if shift < 56 { more << shift } else { u64::MAX };
    let sum = if more == 0 { sum } else { sum.saturating_add(added) };
    if byte & 0x80 == 0 {
        text(part, sum)
    } else {
        At::LengthMore(part, sum, shift.saturating_add(7))
    }
}

fn text(part: Part, left: u64) -> At {
    match part {
        _ if left > 0 => At::Text(part, left),
        Part::Name => At::Length(Part::Value),
        Part::Value => At::Field,
    }
}
