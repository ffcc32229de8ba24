//! One connection as a machine over bytes: input in, events out, and the
//! frames that the protocol itself wants appended to the output.
//!
//! Input may come in any pieces. Payloads of DATA are handed on as they are,
//! in ranges of the input; every other frame is looked at when it is whole.
//! Whoever uses it answers for each range with [`Session::release`] once its
//! bytes have gone where they belong, which is what opens the stream's window.

use super::frame::{Code, HEAD, Head, PAYLOAD, PREFACE, flag, kind};
use super::hpack::Decoder;
use flow::{Flow, Windows};
use std::collections::HashMap;
use std::ops::Range;

mod control;
mod flow;
mod outgoing;

/// The most of a request's header block. Lima's host sends less than 200 bytes.
const BLOCK: usize = 16 * 1024;

/// What the input meant.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A request has begun.
    Request {
        /// Its stream.
        stream: u32,
        /// Its fields.
        request: Request,
    },
    /// A part of the request's body. Its length counts against the window
    /// until it is released.
    Data {
        /// The stream.
        stream: u32,
        /// Where in the input the bytes are.
        range: Range<usize>,
    },
    /// The host has sent all of its half.
    Ended {
        /// The stream.
        stream: u32,
    },
    /// The stream is gone, whatever was on it.
    Reset {
        /// The stream.
        stream: u32,
    },
    /// Windows have opened: what waits to be sent may go on.
    Unblocked,
}

/// The fields of a request that matter here.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `/Service/Method`.
    pub path: Vec<u8>,
    /// Whether the body is said to be gRPC.
    pub grpc: bool,
}

/// The connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Fault {
    /// What to tell the host.
    pub code: Code,
    /// What to tell people.
    pub reason: &'static str,
}

const fn fault(code: Code, reason: &'static str) -> Fault {
    Fault { code, reason }
}

const fn broken(reason: &'static str) -> Fault {
    fault(Code::Protocol, reason)
}

type Step = Result<Option<Event>, Fault>;

/// The state of a connection.
#[derive(Debug)]
pub struct Session {
    /// Bytes of the preface that have come, all at the end.
    preface: usize,
    decoder: Decoder,
    block: Option<Block>,
    data: Option<Data>,
    streams: HashMap<u32, Flow>,
    windows: Windows,
    limit: usize,
    last: u32,
    draining: bool,
}

/// A header block of which more is to come.
#[derive(Debug)]
struct Block {
    stream: u32,
    ends: bool,
    bytes: Vec<u8>,
}

/// What is left of a DATA frame, at least its end.
#[derive(Debug, Clone, Copy)]
struct Data {
    stream: u32,
    left: usize,
    padding: usize,
    ends: bool,
    /// The stream is no longer there: its bytes are passed over.
    dead: bool,
}

impl Session {
    /// A connection with at most `limit` streams at once; appends our side's
    /// first frames.
    pub fn new(limit: u32, out: &mut Vec<u8>) -> Self {
        Self {
            preface: 0,
            decoder: Decoder::default(),
            block: None,
            data: None,
            streams: HashMap::new(),
            windows: Windows::new(limit, out),
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            last: 0,
            draining: false,
        }
    }

    /// Takes what it can from the start of `input`: returns how many bytes and
    /// what they meant. Nothing taken and no event: more input is needed.
    ///
    /// # Errors
    /// The host broke the protocol; say so with [`Session::goaway`] and close.
    pub fn receive(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<Event>), Fault> {
        if self.preface < PREFACE.len() {
            return self.greet(input).map(|taken| (taken, None));
        }
        if let Some(data) = self.data {
            return Ok(self.pass(data, input));
        }
        let Some(head) = Head::read(input) else { return Ok((0, None)) };
        if head.length > PAYLOAD {
            return Err(fault(Code::FrameSize, "a frame above 16 KiB"));
        }
        let body = input.get(HEAD..).unwrap_or_default();
        if head.kind == kind::DATA && self.block.is_none() {
            return self.data(head, body, out);
        }
        let Some(payload) = body.get(..head.length) else { return Ok((0, None)) };
        Ok((HEAD + head.length, self.control(head, payload, out)?))
    }

    /// Whether the host has greeted: until then it may be anything.
    pub fn greeted(&self) -> bool {
        self.preface == PREFACE.len()
    }

    fn greet(&mut self, input: &[u8]) -> Result<usize, Fault> {
        let expected = PREFACE.get(self.preface..).unwrap_or_default();
        let length = input.len().min(expected.len());
        if input.get(..length) != expected.get(..length) {
            return Err(broken("the peer does not speak HTTP/2"));
        }
        self.preface += length;
        Ok(length)
    }

    /// Passes on a part of a payload, or its padding, or its end.
    fn pass(&mut self, mut data: Data, input: &[u8]) -> (usize, Option<Event>) {
        let stream = data.stream;
        let body = data.left.min(input.len());
        let padding = if data.left == body { data.padding.min(input.len() - body) } else { 0 };
        data.left -= body;
        data.padding -= padding;
        // The end is an event of its own, so after bytes it waits for the next call.
        self.data = data.unless_over(body);
        let event = match body {
            _ if data.dead => None,
            0 if self.data.is_none() && data.ends => self.half_close(stream),
            0 => None,
            length => Some(Event::Data { stream, range: 0..length }),
        };
        (body + padding, event)
    }

    /// The head of a DATA frame; its payload follows by and by.
    fn data(
        &mut self,
        head: Head,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(usize, Option<Event>), Fault> {
        let (before, padding) = match (head.has(flag::PADDED), body.first()) {
            (true, None) if head.length > 0 => return Ok((0, None)),
            (true, pad) => (1, pad.copied().map_or(0, usize::from)),
            (false, _) => (0, 0),
        };
        let left = head.length.checked_sub(before + padding);
        let left = left.ok_or(broken("padding above the frame"))?;
        self.windows.take(head.length, out)?;
        let flow = self.streams.get_mut(&head.stream);
        let allowed = flow.map(|flow| self.windows.hold(flow, head.length, out));
        if allowed == Some(false) {
            self.reset(head.stream, Code::FlowControl, out);
            self.data = rest(head, left, padding, true);
            return Ok((HEAD + before, Some(Event::Reset { stream: head.stream })));
        }
        let dead = allowed.is_none();
        if dead && !self.was(head.stream) {
            return Err(broken("data on a stream that never began"));
        }
        self.data = rest(head, left, padding, dead);
        self.release(head.stream, before + padding, out);
        Ok((HEAD + before, None))
    }

    /// Whether a stream began and has ended.
    fn was(&self, stream: u32) -> bool {
        stream % 2 == 1 && stream <= self.last
    }

    fn half_close(&mut self, stream: u32) -> Option<Event> {
        self.streams.get_mut(&stream)?.ended = true;
        Some(Event::Ended { stream })
    }
}

/// What follows the head of a DATA frame, if anything does.
fn rest(head: Head, left: usize, padding: usize, dead: bool) -> Option<Data> {
    let ends = head.has(flag::END_STREAM);
    Data { stream: head.stream, left, padding, ends, dead }.unless_over(1)
}

impl Data {
    /// Itself, if more calls are to see it after one that passed `body` bytes.
    fn unless_over(self, body: usize) -> Option<Self> {
        let end_to_tell = self.ends && !self.dead && body > 0;
        (self.left + self.padding > 0 || end_to_tell).then_some(self)
    }
}

#[cfg(test)]
mod tests;
