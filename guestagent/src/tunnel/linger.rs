//! What is left of a tunnel whose stream is over: bytes that were received and
//! have not been written, for at most a second.
//!
//! A host that ended its half and then cancelled, which is how Lima's closes,
//! means an end: the program gets all bytes and the end of its input. What the
//! program still says is thrown away, until it closes too: closing with unread
//! bytes would be a reset, and could cost it what it has not read yet. A host
//! that only cancelled means a reset, after the bytes.

use super::socket::Socket;
use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;

/// How long the bytes are offered to the program.
const PATIENCE: Duration = Duration::from_secs(1);
/// The kernel does not tell when the program's side has taken all.
const LOOK: Duration = Duration::from_millis(5);

/// A socket on its way out.
#[derive(Debug)]
pub struct Linger {
    socket: Socket,
    backlog: VecDeque<u8>,
    ended: bool,
    finished: bool,
    until: Instant,
}

/// Whether it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// There is something to wait for, at most until then.
    Until(Instant),
    /// It may be closed.
    Nothing,
}

impl Linger {
    /// Takes over a stream's socket. `ended`: the host has sent all;
    /// `finished`: the program knows.
    pub fn new(socket: Socket, backlog: VecDeque<u8>, ended: bool, finished: bool) -> Self {
        Self { socket, backlog, ended, finished, until: Instant::now() + PATIENCE }
    }

    /// Goes on; to be called again when woken or at the time that it says.
    pub fn poll(&mut self, waker: &Waker) -> Left {
        let mut context = Context::from_waker(waker);
        if Instant::now() >= self.until || self.write(&mut context).is_err() {
            return Left::Nothing;
        }
        if !self.backlog.is_empty() {
            return Left::Until(self.until);
        }
        if self.ended { self.drain(&mut context) } else { self.watch() }
    }

    /// Closes: with a reset if the host did not end its half.
    pub fn close(self) {
        if !self.ended {
            self.socket.abort();
        }
    }

    fn write(&mut self, context: &mut Context<'_>) -> std::io::Result<()> {
        while !self.backlog.is_empty() {
            let (first, second) = self.backlog.as_slices();
            let slices = [IoSlice::new(first), IoSlice::new(second)];
            match self.socket.poll_write(context, &slices)? {
                Poll::Pending => return Ok(()),
                Poll::Ready(written) => drop(self.backlog.drain(..written)),
            }
        }
        Ok(())
    }

    /// Tells the end, then waits for the program's.
    fn drain(&mut self, context: &mut Context<'_>) -> Left {
        if !std::mem::replace(&mut self.finished, true) {
            self.socket.finish();
        }
        let mut sink = [0; 4096];
        for _ in 0..16 {
            match self.socket.poll_read(context, &mut [IoSliceMut::new(&mut sink)]) {
                Poll::Pending => return Left::Until(self.until),
                Poll::Ready(Ok(0) | Err(_)) => return Left::Nothing,
                Poll::Ready(Ok(_)) => {}
            }
        }
        Left::Until(self.until.min(Instant::now()))
    }

    /// A reset would overtake bytes that the other side has not taken.
    fn watch(&self) -> Left {
        if self.socket.unsent() == 0 {
            return Left::Nothing;
        }
        Left::Until(self.until.min(Instant::now() + LOOK))
    }
}
