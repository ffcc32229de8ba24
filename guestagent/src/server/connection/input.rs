//! What the host sends, and what it starts.

use super::{Connection, Entry, HELD, OWN, Phase};
use crate::http2::frame::Code;
use crate::http2::session::{Event, Fault};
use crate::rpc::Method;
use crate::server::call::Call;
use crate::server::ready::CallWaker;
use std::ops::Range;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

impl<T: AsyncRead + AsyncWrite> Connection<T> {
    /// Reads once, and acts on what was read.
    pub(super) fn receive(&mut self, context: &mut Context<'_>) -> bool {
        if !matches!(self.phase, Phase::Serving | Phase::Stopping) || self.outbox.overflows() {
            return false;
        }
        let mut buffer = ReadBuf::new(self.inbox.get_mut(self.filled..).unwrap_or_default());
        match self.io.as_mut().poll_read(context, &mut buffer) {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                self.filled += buffer.filled().len();
            }
            Poll::Ready(ended) => {
                self.disconnected(ended);
                return true;
            }
        }
        if let Err(fault) = self.act() {
            tracing::warn!(reason = fault.reason, "connection refused");
            self.session.goaway(fault.code, &mut self.control);
            self.leave(Phase::Refusing);
        }
        true
    }

    pub(super) fn act(&mut self) -> Result<(), Fault> {
        let mut at = 0;
        loop {
            let input = self.inbox.get(at..self.filled).unwrap_or_default();
            let (taken, event) = self.session.receive(input, &mut self.control)?;
            match event {
                Some(Event::Data { stream, range }) => {
                    self.data(stream, at + range.start..at + range.end);
                }
                Some(event) => {
                    self.write();
                    self.handle(event);
                }
                None if taken == 0 => break,
                None => {}
            }
            at += taken;
        }
        self.write();
        self.inbox.copy_within(at..self.filled, 0);
        self.filled -= at;
        if self.session.greeted() && self.phase == Phase::Serving {
            self.timers.set(OWN, None);
        }
        Ok(())
    }

    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Request { stream, request } => {
                let method = Method::of(&request.path).filter(|_| request.grpc);
                let queue = CallWaker::new(&self.ready, stream);
                let waker = Waker::from(queue.clone());
                let call = Call::new(method, &self.agent, &self.peer);
                let entry = Entry { call, queue, waker, answered: false, queued: false };
                self.calls.insert(stream, entry);
                self.enqueue(stream);
            }
            Event::Ended { stream } => {
                if let Some(entry) = self.calls.get_mut(&stream) {
                    entry.call.end();
                }
                self.enqueue(stream);
            }
            Event::Reset { stream } => self.over(stream),
            Event::Unblocked => {
                for stream in std::mem::take(&mut self.blocked) {
                    self.enqueue(stream);
                }
            }
            Event::Data { .. } => {}
        }
    }

    /// Gathers a call's data; those of one stream in a row are written at once.
    pub(super) fn data(&mut self, stream: u32, range: Range<usize>) {
        if self.pieces.stream != stream {
            self.write();
            self.pieces.stream = stream;
        }
        let mut pieces = std::mem::take(&mut self.pieces.ranges);
        let (length, mut read) = (range.len(), None);
        self.with(stream, |call, inbox, wire| {
            read = Some(call.data(inbox, range, &mut pieces, wire));
        });
        self.pieces.ranges = pieces;
        match read {
            Some(Ok(())) => self.enqueue(stream),
            Some(Err(status)) => self.end(stream, &status),
            None => self.session.release(stream, length, &mut self.control),
        }
        if self.session.held() > HELD
            && let Some(hog) = self.session.hog()
        {
            tracing::warn!("a stalled tunnel ended, since too much is held by all of them");
            self.session.reset(hog, Code::EnhanceYourCalm, &mut self.control);
            self.over(hog);
        }
    }

    pub(super) fn write(&mut self) {
        let ranges = std::mem::take(&mut self.pieces.ranges);
        if !ranges.is_empty() {
            self.with(self.pieces.stream, |call, inbox, wire| call.write(inbox, &ranges, wire));
        }
        self.pieces.ranges = ranges;
        self.pieces.ranges.clear();
    }
}
