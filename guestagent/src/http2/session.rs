//! One connection as a machine over bytes: input in, events out, and the
//! frames that the protocol itself wants appended to the output.
//!
//! Input may come in any pieces. Payloads of DATA are handed on as they are,
//! in ranges of the input; every other frame is looked at when it is whole.
//! Whoever uses it answers for each range with [`Session::release`] once its
//! bytes have gone where they belong, which is what opens the stream's window.

use super::frame::{self, Code, HEAD, Head, PAYLOAD, PREFACE, flag, kind, setting};
use super::hpack::Decoder;
use flow::{Flow, Windows};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

mod flow;

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

    fn control(&mut self, head: Head, payload: &[u8], out: &mut Vec<u8>) -> Step {
        if let Some(block) = &self.block
            && (head.kind, head.stream) != (kind::CONTINUATION, block.stream)
        {
            return Err(broken("a header block that is not continued"));
        }
        match head.kind {
            kind::HEADERS => self.headers(head, payload, out),
            kind::CONTINUATION => self.continuation(head, payload, out),
            kind::RST_STREAM => self.reset_by_host(head, payload),
            kind::SETTINGS => self.settings(head, payload, out),
            kind::PING => ping(head, payload, out),
            kind::WINDOW_UPDATE => self.window_update(head, payload, out),
            kind::PUSH_PROMISE => Err(broken("a promise of a client")),
            // PRIORITY and GOAWAY ask for nothing; unknown types are to be ignored.
            _ => Ok(None),
        }
    }

    fn headers(&mut self, head: Head, payload: &[u8], out: &mut Vec<u8>) -> Step {
        let mut bytes = payload;
        if head.has(flag::PADDED) {
            let (padding, rest) = bytes.split_first().ok_or(broken("no pad length"))?;
            let length = rest.len().checked_sub(usize::from(*padding));
            bytes = rest.get(..length.ok_or(broken("padding above the frame"))?).unwrap_or(rest);
        }
        if head.has(flag::PRIORITY) {
            bytes = bytes.get(5..).ok_or(broken("no priority"))?;
        }
        let ends = head.has(flag::END_STREAM);
        self.block = Some(Block { stream: head.stream, ends, bytes: bytes.into() });
        if head.has(flag::END_HEADERS) { self.request(out) } else { Ok(None) }
    }

    fn continuation(&mut self, head: Head, payload: &[u8], out: &mut Vec<u8>) -> Step {
        let block = self.block.as_mut().ok_or(broken("a continuation of nothing"))?;
        if block.bytes.len() + payload.len() > BLOCK {
            return Err(fault(Code::EnhanceYourCalm, "a header block above 16 KiB"));
        }
        block.bytes.extend(payload);
        if head.has(flag::END_HEADERS) { self.request(out) } else { Ok(None) }
    }

    /// A whole header block: a new request, or the trailers of one.
    fn request(&mut self, out: &mut Vec<u8>) -> Step {
        let Some(Block { stream, ends, bytes }) = self.block.take() else { return Ok(None) };
        let mut request = Request::default();
        let read = self.decoder.decode(&bytes, |name, value| match name {
            b":path" => request.path = value.into(),
            b"content-type" => request.grpc = value.starts_with(b"application/grpc"),
            _ => {}
        });
        read.map_err(|_| fault(Code::Compression, "a header block that cannot be read"))?;
        if self.streams.contains_key(&stream) {
            return if ends { Ok(self.half_close(stream)) } else { Err(broken("headers twice")) };
        }
        if self.was(stream) {
            return Ok(None);
        }
        if stream.is_multiple_of(2) {
            return Err(broken("a request on a stream that is not the client's"));
        }
        self.last = stream;
        if self.draining || self.streams.len() >= self.limit {
            frame::put_reset(out, stream, Code::Refused);
            return Ok(None);
        }
        self.streams.insert(stream, self.windows.stream());
        if ends {
            // A body of no bytes: its end is told after the request.
            self.data = Some(Data { stream, left: 0, padding: 0, ends, dead: false });
        }
        Ok(Some(Event::Request { stream, request }))
    }

    fn half_close(&mut self, stream: u32) -> Option<Event> {
        self.streams.get_mut(&stream)?.ended = true;
        Some(Event::Ended { stream })
    }

    fn reset_by_host(&mut self, head: Head, payload: &[u8]) -> Step {
        if payload.len() != 4 {
            return Err(fault(Code::FrameSize, "a reset of a wrong size"));
        }
        if let Some(flow) = self.streams.remove(&head.stream) {
            self.windows.gone(&flow);
            return Ok(Some(Event::Reset { stream: head.stream }));
        }
        if self.was(head.stream) {
            return Ok(None);
        }
        Err(broken("a reset of a stream that never began"))
    }

    fn settings(&mut self, head: Head, payload: &[u8], out: &mut Vec<u8>) -> Step {
        let (settings, rest) = payload.as_chunks::<6>();
        if head.stream != 0 || !rest.is_empty() || (head.has(flag::ACK) && !payload.is_empty()) {
            return Err(fault(Code::FrameSize, "settings of a wrong form"));
        }
        if head.has(flag::ACK) {
            self.windows.confirm(self.streams.values_mut());
            return Ok(None);
        }
        for [n, m, value @ ..] in settings {
            let value = u32::from_be_bytes(*value);
            if u16::from_be_bytes([*n, *m]) == setting::INITIAL_WINDOW_SIZE {
                self.windows.set_initial(value, self.streams.values_mut())?;
            }
        }
        frame::put(out, kind::SETTINGS, flag::ACK, 0, &[]);
        Ok(Some(Event::Unblocked))
    }

    fn window_update(&mut self, head: Head, payload: &[u8], out: &mut Vec<u8>) -> Step {
        let bytes = payload.first_chunk().filter(|_| payload.len() == 4);
        let bytes = bytes.ok_or(fault(Code::FrameSize, "a window update of a wrong size"))?;
        let increment = u32::from_be_bytes(*bytes) & 0x7fff_ffff;
        if head.stream == 0 {
            self.windows.open(increment)?;
            return Ok(Some(Event::Unblocked));
        }
        match self.streams.get_mut(&head.stream).map(|flow| flow.open(increment)) {
            Some(true) => Ok(Some(Event::Unblocked)),
            Some(false) => {
                self.reset(head.stream, Code::FlowControl, out);
                Ok(Some(Event::Reset { stream: head.stream }))
            }
            None if self.was(head.stream) => Ok(None),
            None => Err(broken("a window of a stream that never began")),
        }
    }

    /// Says that so many bytes of a stream's data have gone on their way.
    pub fn release(&mut self, stream: u32, length: usize, out: &mut Vec<u8>) {
        if let Entry::Occupied(mut flow) = self.streams.entry(stream)
            && let Some(increment) = self.windows.release(flow.get_mut(), length, out)
        {
            frame::put_window_update(out, stream, increment);
        }
    }

    /// How many bytes may be sent on a stream now.
    pub fn room(&self, stream: u32) -> usize {
        self.streams.get(&stream).map_or(0, |flow| self.windows.room(flow))
    }

    /// Counts data that is sent: of both windows.
    pub fn sent(&mut self, stream: u32, length: usize) {
        if let Some(flow) = self.streams.get_mut(&stream) {
            self.windows.sent(flow, length);
        }
    }

    /// Forgets a stream whose last frame from us has `END_STREAM`. A host that
    /// has not sent all is told that nobody listens.
    pub fn finish(&mut self, stream: u32, out: &mut Vec<u8>) {
        if let Some(flow) = self.streams.remove(&stream) {
            self.windows.gone(&flow);
            if !flow.ended {
                frame::put_reset(out, stream, Code::None);
            }
        }
    }

    /// Ends a stream without an answer.
    pub fn reset(&mut self, stream: u32, code: Code, out: &mut Vec<u8>) {
        if let Some(flow) = self.streams.remove(&stream) {
            self.windows.gone(&flow);
            frame::put_reset(out, stream, code);
        }
    }

    /// Says that no new request is taken, and why the connection ends.
    pub fn goaway(&mut self, code: Code, out: &mut Vec<u8>) {
        self.draining = true;
        frame::put_goaway(out, self.last, code);
    }

    /// Bytes of all streams that have not been released.
    pub fn held(&self) -> usize {
        self.windows.held()
    }

    /// The stream that holds most of them.
    pub fn hog(&self) -> Option<u32> {
        self.streams.iter().max_by_key(|(_, flow)| flow.held).map(|(stream, _)| *stream)
    }

    /// Streams that are open.
    pub fn open(&self) -> usize {
        self.streams.len()
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

fn ping(head: Head, payload: &[u8], out: &mut Vec<u8>) -> Step {
    if payload.len() != 8 || head.stream != 0 {
        return Err(fault(Code::FrameSize, "a ping of a wrong form"));
    }
    if !head.has(flag::ACK) {
        frame::put(out, kind::PING, flag::ACK, 0, payload);
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
