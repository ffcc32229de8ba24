//! What a call may do with its stream: send, end, and open its window.

use super::outbox::Outbox;
use crate::grpc::{self, Status};
use crate::http2::frame::{Head, PAYLOAD, kind};
use crate::http2::session::Session;
use std::task::Waker;

/// One stream of a connection, for as long as its call is looked at.
pub struct Wire<'a> {
    /// The protocol's state.
    pub session: &'a mut Session,
    /// Where frames of calls go.
    pub outbox: &'a mut Outbox,
    /// Frames of the protocol itself, which go after those of calls.
    pub control: &'a mut Vec<u8>,
    /// Whether the answer has begun.
    pub answered: &'a mut bool,
    /// The stream.
    pub stream: u32,
    /// Wakes the call.
    pub waker: &'a Waker,
}

/// What keeps a call from going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It waits, and has left its waker where that will be noticed.
    Idle,
    /// Nothing: it only lets others have their turn.
    Again,
    /// The host reads too slowly: there is no room for more.
    NoRoom,
    /// The stream's window, or the connection's, is closed.
    NoWindow,
    /// The stream is over; the call may have something left to do without it.
    Over,
}

impl Wire<'_> {
    /// Begins the answer, once.
    pub fn answer(&mut self) {
        let frame = self.first_frame();
        self.outbox.append(&frame);
        *self.answered = true;
    }

    /// What is to precede the first message; nothing once it has been sent.
    pub fn first_frame(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        if !*self.answered {
            grpc::put_headers(&mut frame, self.stream);
        }
        frame
    }

    /// Ends the stream.
    pub fn end(&mut self, status: &Status) {
        let mut frame = Vec::with_capacity(64);
        if *self.answered {
            grpc::put_trailers(&mut frame, self.stream, status);
        } else {
            grpc::put_only_trailers(&mut frame, self.stream, status);
        }
        self.outbox.append(&frame);
        self.session.finish(self.stream, self.control);
    }

    /// Says that bytes of the request have gone on their way.
    pub fn release(&mut self, length: usize) {
        self.session.release(self.stream, length, self.control);
    }

    /// Bytes that the stream's windows allow.
    pub fn window(&self) -> usize {
        self.session.room(self.stream)
    }
}

/// Messages of an answer that wait for windows and room.
#[derive(Debug, Default)]
pub struct Body {
    bytes: Vec<u8>,
    at: usize,
}

impl Body {
    /// Adds a message, prefix included.
    pub fn push(&mut self, message: &[u8]) {
        self.bytes.extend(message);
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Sends what goes now; what is in the way, if not all of it went.
    pub fn send(&mut self, wire: &mut Wire<'_>) -> Option<Turn> {
        wire.answer();
        while let Some(rest) = self.bytes.get(self.at..).filter(|rest| !rest.is_empty()) {
            let (window, room) = (wire.window(), wire.outbox.room());
            let length = rest.len().min(PAYLOAD).min(window).min(room);
            match rest.get(..length) {
                _ if window == 0 => return Some(Turn::NoWindow),
                None | Some([]) => return Some(Turn::NoRoom),
                Some(part) => {
                    let head = Head { length, kind: kind::DATA, flags: 0, stream: wire.stream };
                    wire.outbox.append(&head.bytes());
                    wire.outbox.append(part);
                }
            }
            wire.session.sent(wire.stream, length);
            self.at += length;
        }
        *self = Self::default();
        None
    }
}
