//! From the guest's program to the host.

use super::socket::Kind;
use super::{State, Tunnel, dial};
use crate::grpc::{Code, Status};
use crate::server::wire::{Turn, Wire};
use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSliceMut};
use std::task::{Context, Poll};
use tokio::time::Instant;

/// The most that is read from a program at once.
const CHUNK: usize = 64 * 1024;
/// Less room than this is not worth a call of the kernel.
const LEAST: usize = 4 * 1024;
/// Datagrams in a row before others have their turn.
const BURST: usize = 16;

thread_local! {
    /// No datagram is larger than 64 KiB.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Tunnel {
    /// Sends what the program has said, as far as the host can take it.
    ///
    /// # Errors
    /// The end of the call, a good one included.
    pub(super) fn download(&mut self, wire: &mut Wire<'_>) -> Result<Turn, Status> {
        match self.kind() {
            Some(Kind::Datagram) => self.datagrams(wire),
            _ => self.bytes(wire),
        }
    }

    fn bytes(&mut self, wire: &mut Wire<'_>) -> Result<Turn, Status> {
        let State::Open(socket) = &mut self.state else { return Ok(Turn::Idle) };
        let window = wire.window().saturating_sub(self.encoder.overhead());
        if window == 0 {
            return Ok(Turn::NoWindow);
        }
        let room = wire.outbox.room();
        if room < self.encoder.space(LEAST) {
            return Ok(Turn::NoRoom);
        }
        // What the frames' heads take is at most this.
        let most = room - self.encoder.space(0) - room / 1024;
        let length = CHUNK.min(window).min(most);
        let first = wire.first_frame();
        let space = wire.outbox.reserve(first.len() + self.encoder.space(length));
        let (before, space) = space.split_at_mut_checked(first.len()).unwrap_or_default();
        let mut places = self.encoder.places(space);
        match socket.poll_read(&mut Context::from_waker(wire.waker), &mut places) {
            Poll::Pending => Ok(Turn::Idle),
            Poll::Ready(Ok(0)) => {
                self.closed = true;
                wire.answer();
                Err(Status::ok())
            }
            Poll::Ready(Ok(read)) => {
                before.copy_from_slice(&first);
                let (sent, counted) = self.encoder.finish(space, wire.stream, read);
                wire.outbox.commit(first.len() + sent);
                *wire.answered = true;
                self.confirm = None;
                wire.session.sent(wire.stream, counted);
                Ok(Turn::Again)
            }
            Poll::Ready(Err(error)) => Err(broken(&error)),
        }
    }

    fn datagrams(&mut self, wire: &mut Wire<'_>) -> Result<Turn, Status> {
        if self.ended {
            return Err(Status::ok());
        }
        for _ in 0..BURST {
            if let Some(turn) = self.answer.send(wire) {
                return Ok(turn);
            }
            match self.receive(wire) {
                Poll::Pending => return Ok(Turn::Idle),
                Poll::Ready(result) => result.map_err(|error| broken(&error))?,
            }
        }
        Ok(Turn::Again)
    }

    /// Empty datagrams are passed over: the host takes an empty message for the
    /// end of the flow. So are refusals: the program may come back, and until
    /// then nothing is lost by waiting.
    fn receive(&mut self, wire: &mut Wire<'_>) -> Poll<io::Result<()>> {
        let State::Open(socket) = &mut self.state else { return Poll::Pending };
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.resize(64 * 1024, 0);
            let mut places = [IoSliceMut::new(scratch)];
            let read = socket.poll_read(&mut Context::from_waker(wire.waker), &mut places);
            read.map(|read| match read {
                Ok(0) => Ok(()),
                Ok(length) => {
                    self.active = Instant::now();
                    let data = scratch.get(..length).unwrap_or_default();
                    self.answer.push(&self.encoder.message(data));
                    Ok(())
                }
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
                Err(error) => Err(error),
            })
        })
    }
}

fn broken(error: &io::Error) -> Status {
    Status::new(Code::Unknown, format!("read: {}", dial::text(error)))
}
