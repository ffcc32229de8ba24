//! Makes the requests of Lima's host acceptable to a strict HTTP/2 server.
//!
//! Lima's host creates its client with an empty target, so every request has
//! `:authority` with an empty value. RFC 9113 8.3.1 lets a client leave the
//! field out; an empty one is what `h2` calls a malformed request, and it
//! resets the stream before any service sees it.
//!
//! The primer needed here (RFC 9113, RFC 7541): a client sends a 24-byte
//! preface, then frames of a 9-byte head (length 24 bits, type, flags, stream)
//! and a payload. HEADERS (type 1) carries a header block, after an optional
//! pad length (flag 0x8) and priority (flag 0x20), before the padding;
//! CONTINUATION (type 9) is header block only. The header block is HPACK, read
//! by [`hpack`], where the empty `:authority` is one byte that is exchanged in
//! place for an equally long, harmless field. Lengths never change, so nothing
//! is buffered and payloads of other frames pass untouched.
//!
//! This is a pure state machine over bytes; [`stream`] puts it on a socket.
//! Bytes that are not HTTP/2 pass as they are: to judge them is the server's
//! task. No input makes it panic or hold back more than one byte.

pub mod hpack;
pub mod stream;

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
const PRIORITY_LENGTH: u32 = 5;

/// Whether bytes may follow those that are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// More can come: a byte whose meaning hangs on its successor may wait.
    Possible,
    /// Nothing more comes: everything is to be passed on.
    Nothing,
}

/// Walks the client's half of one HTTP/2 connection.
#[derive(Debug, Default)]
pub struct AuthorityFilter {
    state: State,
    block: hpack::Walker,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// So many bytes of the preface have matched.
    Preface(usize),
    Head(Head),
    /// The pad length comes next, in a HEADERS frame of this length and flags.
    PadLength(u32, u8),
    /// Priority bytes that remain, then header block and padding.
    Priority(u32, u32, u32),
    /// Header block bytes that remain, then padding.
    Block(u32, u32),
    /// Bytes that remain of a payload that does not concern us.
    Opaque(u32),
    /// Not HTTP/2: the rest of the connection.
    Foreign,
}

#[derive(Debug, Default, Clone, Copy)]
struct Head {
    seen: u8,
    length: u32,
    kind: u8,
    flags: u8,
}

impl Default for State {
    fn default() -> Self {
        Self::Preface(0)
    }
}

impl AuthorityFilter {
    /// Rewrites what the client sent and returns how many of the bytes may be
    /// passed on: all, or with [`Ahead::Possible`] all but the last one. That
    /// one must be the first of the next call.
    pub fn rewrite(&mut self, bytes: &mut [u8], ahead: Ahead) -> usize {
        let mut done = 0;
        while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.step(rest, ahead) {
                0 => break,
                taken => done += taken,
            }
        }
        done
    }

    /// Takes at least one byte of a non-empty slice, or none to wait for one more.
    fn step(&mut self, bytes: &mut [u8], ahead: Ahead) -> usize {
        let first = bytes.first().copied().unwrap_or_default();
        let (next, taken) = match self.state {
            State::Preface(matched) => (preface(matched, first), 1),
            State::Head(head) => (self.head(head, first), 1),
            State::PadLength(length, flags) => (padded(length, flags, first), 1),
            State::Priority(left, block, padding) => {
                let taken = clamp(bytes.len(), left);
                (priority(left - size(taken), block, padding), taken)
            }
            State::Block(left, padding) => {
                let taken = self.walk(bytes, left, ahead);
                (block(left - size(taken), padding), taken)
            }
            State::Opaque(left) => {
                let taken = clamp(bytes.len(), left);
                (opaque(left - size(taken)), taken)
            }
            State::Foreign => (State::Foreign, bytes.len()),
        };
        self.state = next;
        taken
    }

    fn walk(&mut self, bytes: &mut [u8], left: u32, ahead: Ahead) -> usize {
        let here = clamp(bytes.len(), left);
        let cut = here == bytes.len() && size(here) < left;
        let ahead = if cut { ahead } else { Ahead::Nothing };
        bytes.get_mut(..here).map_or(0, |fragment| self.block.step(fragment, ahead))
    }

    fn head(&mut self, head: Head, byte: u8) -> State {
        let mut head = Head { seen: head.seen + 1, ..head };
        match head.seen {
            1..=3 => head.length = head.length << 8 | u32::from(byte),
            4 => head.kind = byte,
            5 => head.flags = byte,
            9 => return self.payload(head),
            _ => {}
        }
        State::Head(head)
    }

    fn payload(&mut self, head: Head) -> State {
        match head.kind {
            HEADERS => {
                self.block = hpack::Walker::default();
                if head.flags & PADDED != 0 && head.length > 0 {
                    State::PadLength(head.length, head.flags)
                } else {
                    headers(head.length, head.flags, 0)
                }
            }
            CONTINUATION => block(head.length, 0),
            _ => opaque(head.length),
        }
    }
}

fn preface(matched: usize, byte: u8) -> State {
    match PREFACE.get(matched) {
        Some(expected) if *expected == byte && matched + 1 == PREFACE.len() => opaque(0),
        Some(expected) if *expected == byte => State::Preface(matched + 1),
        _ => State::Foreign,
    }
}

fn padded(length: u32, flags: u8, padding: u8) -> State {
    headers(length - 1, flags, u32::from(padding))
}

/// A frame whose lengths contradict each other is an error that the server
/// finds by itself; here it only has to be skipped.
fn headers(length: u32, flags: u8, padding: u32) -> State {
    let before = if flags & PRIORITY == 0 { 0 } else { PRIORITY_LENGTH };
    match length.checked_sub(before + padding) {
        Some(left) => priority(before, left, padding),
        None => opaque(length),
    }
}

fn priority(left: u32, fragment: u32, padding: u32) -> State {
    if left > 0 { State::Priority(left, fragment, padding) } else { block(fragment, padding) }
}

fn block(left: u32, padding: u32) -> State {
    if left > 0 { State::Block(left, padding) } else { opaque(padding) }
}

fn opaque(left: u32) -> State {
    if left > 0 { State::Opaque(left) } else { State::Head(Head::default()) }
}

/// The smaller of two lengths; the result fits both types.
fn clamp(here: usize, left: u32) -> usize {
    usize::try_from(left).map_or(here, |left| here.min(left))
}

fn size(taken: usize) -> u32 {
    u32::try_from(taken).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
