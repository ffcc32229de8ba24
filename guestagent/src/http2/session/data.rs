//! Frames with a part of a request's body, handed on as they arrive.

use super::event::broken;
use super::{Event, Fault, Session};
use crate::http2::frame::{Code, HEAD, Head, flag};

/// What is left of a DATA frame, at least its end.
#[derive(Debug, Clone, Copy)]
pub struct Data {
    pub(super) stream: u32,
    pub(super) left: usize,
    pub(super) padding: usize,
    pub(super) ends: bool,
    /// The stream is no longer there: its bytes are passed over.
    pub(super) dead: bool,
}

impl Session {
    /// Passes on a part of a payload, or its padding, or its end.
    pub(super) fn pass(&mut self, mut data: Data, input: &[u8]) -> (usize, Option<Event>) {
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
    pub(super) fn data(
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
