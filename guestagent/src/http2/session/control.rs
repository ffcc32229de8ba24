//! Frames that are looked at when they are whole: all but DATA.

use super::{BLOCK, Block, Data, Event, Request, Session, Step, broken, fault};
use crate::http2::frame::{self, Code, Head, flag, kind, setting};

impl Session {
    pub(super) fn control(&mut self, head: Head, payload: &[u8], out: &mut Vec<u8>) -> Step {
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

    pub(super) fn headers(&mut self, head: Head, payload: &[u8], out: &mut Vec<u8>) -> Step {
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

    pub(super) fn continuation(&mut self, head: Head, payload: &[u8], out: &mut Vec<u8>) -> Step {
        let block = self.block.as_mut().ok_or(broken("a continuation of nothing"))?;
        if block.bytes.len() + payload.len() > BLOCK {
            return Err(fault(Code::EnhanceYourCalm, "a header block above 16 KiB"));
        }
        block.bytes.extend(payload);
        if head.has(flag::END_HEADERS) { self.request(out) } else { Ok(None) }
    }

    /// A whole header block: a new request, or the trailers of one.
    pub(super) fn request(&mut self, out: &mut Vec<u8>) -> Step {
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

    pub(super) fn reset_by_host(&mut self, head: Head, payload: &[u8]) -> Step {
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

    pub(super) fn settings(&mut self, head: Head, payload: &[u8], out: &mut Vec<u8>) -> Step {
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

    pub(super) fn window_update(&mut self, head: Head, payload: &[u8], out: &mut Vec<u8>) -> Step {
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
