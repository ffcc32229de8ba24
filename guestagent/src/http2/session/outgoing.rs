//! What the user of a connection says: bytes gone on, bytes sent, streams ended.

use super::Session;
use crate::http2::frame::{self, Code};
use std::collections::hash_map::Entry;

impl Session {
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
