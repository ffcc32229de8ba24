//! One connection as a machine over bytes: input in, events out, and the
//! frames that the protocol itself wants appended to the output.
//!
//! Input may come in any pieces. Payloads of DATA are handed on as they are,
//! in ranges of the input; every other frame is looked at when it is whole.
//! Whoever uses it answers for each range with [`Session::release`] once its
//! bytes have gone where they belong, which is what opens the stream's window.

use super::frame::{Code, HEAD, Head, PAYLOAD, PREFACE, kind};
use super::hpack::Decoder;
use super::streams::Streams;
use data::Data;
use event::{broken, fault};
use flow::{Flow, Windows};

mod control;
mod data;
mod event;
mod flow;
mod outgoing;

pub use event::{Event, Fault, Request};

/// The most of a request's header block. Lima's host sends less than 200 bytes.
const BLOCK: usize = 16 * 1024;

type Step = Result<Option<Event>, Fault>;

/// The state of a connection.
#[derive(Debug)]
pub struct Session {
    /// Bytes of the preface that have come, all at the end.
    preface: usize,
    decoder: Decoder,
    block: Option<Block>,
    data: Option<Data>,
    streams: Streams<Flow>,
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

impl Session {
    /// A connection with at most `limit` streams at once; appends our side's
    /// first frames.
    pub fn new(limit: u32, out: &mut Vec<u8>) -> Self {
        Self {
            preface: 0,
            decoder: Decoder::default(),
            block: None,
            data: None,
            streams: Streams::default(),
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

    /// Whether a stream began and has ended.
    fn was(&self, stream: u32) -> bool {
        stream % 2 == 1 && stream <= self.last
    }

    fn half_close(&mut self, stream: u32) -> Option<Event> {
        self.streams.get_mut(&stream)?.ended = true;
        Some(Event::Ended { stream })
    }
}

#[cfg(test)]
mod tests;
