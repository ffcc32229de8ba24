//! From the host to the guest's program.

use super::decode::Part;
use super::socket::Kind;
use super::{State, Tunnel};
use crate::grpc::Status;
use crate::server::wire::Wire;
use std::io::IoSlice;
use std::ops::Range;
use std::task::{Context, Poll};
use tokio::time::Instant;

/// No datagram is larger.
const DATAGRAM: usize = 65_535;

impl Tunnel {
    /// Reads a part of the request's body, which is at `range` of `inbox`.
    /// Bytes for the program are added to `pieces`, to be written together.
    ///
    /// # Errors
    /// Not a tunnel's message, or a target that is refused.
    pub fn read(
        &mut self,
        inbox: &[u8],
        range: Range<usize>,
        pieces: &mut Vec<Range<usize>>,
        wire: &mut Wire<'_>,
    ) -> Result<(), Status> {
        let (mut at, mut passed) = (range.start, 0);
        loop {
            let rest = inbox.get(at..range.end).unwrap_or_default();
            let (taken, part) = self.decoder.next(rest)?;
            match part {
                Some(Part::Data(data)) => {
                    self.asked = true;
                    pieces.push(at + data.start..at + data.end);
                }
                Some(Part::End) => self.message_ends(inbox, pieces, wire)?,
                None if taken == 0 => break,
                None => passed += taken,
            }
            at += taken;
        }
        wire.release(passed);
        Ok(())
    }

    fn message_ends(
        &mut self,
        inbox: &[u8],
        pieces: &mut Vec<Range<usize>>,
        wire: &mut Wire<'_>,
    ) -> Result<(), Status> {
        if let State::Greeting = self.state {
            self.greet()?;
            self.connect(wire)?;
        }
        if self.kind() == Some(Kind::Datagram) {
            self.write(inbox, pieces, wire);
            pieces.clear();
            self.datagram(wire);
        }
        Ok(())
    }

    /// Writes pieces of `inbox` to the program; keeps what does not go.
    pub fn write(&mut self, inbox: &[u8], pieces: &[Range<usize>], wire: &mut Wire<'_>) {
        let slice = |piece: &Range<usize>| inbox.get(piece.clone()).unwrap_or_default();
        let length: usize = pieces.iter().map(Range::len).sum();
        if self.finished || length == 0 {
            return wire.release(length);
        }
        if self.kind() == Some(Kind::Datagram) {
            // One byte too many is enough to know that it is too large.
            let room = (DATAGRAM + 1).saturating_sub(self.backlog.len());
            self.backlog.extend(pieces.iter().flat_map(slice).take(room));
            return wire.release(length);
        }
        let mut slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(slice(piece))).collect();
        let left = if self.backlog.is_empty() { self.push(&mut slices, wire) } else { &slices };
        if self.finished {
            return wire.release(left.iter().map(|slice| slice.len()).sum());
        }
        for slice in left {
            self.backlog.extend(slice.iter());
        }
    }

    /// Writes as much as goes, and returns the rest. A program that takes no
    /// more may still have said something, which the download will find.
    fn push<'s, 'b>(
        &mut self,
        mut slices: &'s mut [IoSlice<'b>],
        wire: &mut Wire<'_>,
    ) -> &'s [IoSlice<'b>] {
        let State::Open(socket) = &mut self.state else { return slices };
        while !slices.is_empty() {
            match socket.poll_write(&mut Context::from_waker(wire.waker), slices) {
                Poll::Pending => break,
                Poll::Ready(Ok(written)) => {
                    IoSlice::advance_slices(&mut slices, written);
                    wire.release(written);
                }
                Poll::Ready(Err(error)) => {
                    tracing::debug!(%error, "program takes no more");
                    self.finished = true;
                    break;
                }
            }
        }
        slices
    }

    /// Writes the backlog, and passes on the host's end when all has gone.
    pub(super) fn upload(&mut self, wire: &mut Wire<'_>) {
        if self.kind() != Some(Kind::Stream) {
            return;
        }
        if !self.backlog.is_empty() {
            let backlog = std::mem::take(&mut self.backlog);
            let (first, second) = backlog.as_slices();
            let mut slices = [IoSlice::new(first), IoSlice::new(second)];
            let left = self.push(&mut slices, wire);
            let kept = left.iter().map(|slice| slice.len()).sum::<usize>();
            self.keep(backlog, kept, wire);
        }
        if self.ended && self.backlog.is_empty() && !self.finished {
            self.finished = true;
            if let State::Open(socket) = &self.state {
                socket.finish();
            }
        }
    }

    /// Keeps the last bytes of a backlog, if there is still somebody for them.
    fn keep(
        &mut self,
        mut backlog: std::collections::VecDeque<u8>,
        kept: usize,
        wire: &mut Wire<'_>,
    ) {
        if self.finished {
            wire.release(kept);
        } else if kept > 0 {
            backlog.drain(..backlog.len() - kept);
            self.backlog = backlog;
        }
    }

    /// Sends a whole datagram. Nobody there now, no room for it or too large:
    /// lost, as UDP may be. An empty one is not sent: the host has none.
    fn datagram(&mut self, wire: &mut Wire<'_>) {
        let datagram = std::mem::take(&mut self.backlog);
        let State::Open(socket) = &mut self.state else { return };
        if datagram.is_empty() || datagram.len() > DATAGRAM {
            return;
        }
        self.active = Instant::now();
        let (first, second) = datagram.as_slices();
        let slices = [IoSlice::new(first), IoSlice::new(second)];
        if let Poll::Ready(Err(error)) =
            socket.poll_write(&mut Context::from_waker(wire.waker), &slices)
        {
            tracing::trace!(%error, "datagram lost");
        }
    }

    /// The host has sent all.
    pub fn end(&mut self) {
        self.ended = true;
    }
}
