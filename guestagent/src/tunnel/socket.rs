//! The guest's end of a tunnel: a socket that never blocks.

use crate::descriptor::{Descriptor, Left};
use rustix::net::{self, SendFlags, Shutdown, sockopt};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// What a socket carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Bytes: TCP, or a Unix socket.
    Stream,
    /// Datagrams: UDP, each whole or not at all.
    Datagram,
}

/// A socket that connects or is connected.
#[derive(Debug)]
pub struct Socket {
    fd: Descriptor,
    kind: Kind,
}

impl Socket {
    /// Takes a socket that was told not to block and to connect.
    pub fn new(fd: OwnedFd, kind: Kind) -> Self {
        Self { fd: Descriptor::new(fd), kind }
    }

    /// What it carries.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Waits for the connection, or for its failure.
    pub fn poll_connected(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // On one machine it is there before the call that asks for it returns.
        while net::getpeername(&self.fd).is_err() {
            sockopt::socket_error(&self.fd)??;
            ready!(self.fd.poll_room(context))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads into several places: nothing is the end of a stream. An empty
    /// datagram reads as nothing, too.
    pub fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        places: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let room = places.iter().map(|place| place.len()).sum();
        let kind = self.kind;
        self.fd.poll_read(context, |fd| {
            let length = rustix::io::readv(fd, places)?;
            // One datagram does not tell of the next.
            let room = if kind == Kind::Stream { room } else { 0 };
            Ok((length, Left::after(length, room)))
        })
    }

    /// Writes from several places, as much as goes at once.
    pub fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        places: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.fd.poll_write(context, |fd| send(fd, places))
    }

    /// Tells the program's side now that the connection is there. Else it would
    /// learn it with the first bytes, or some 40 ms later.
    pub fn acknowledge(&self) {
        // A Unix socket refuses this, and has told already.
        if let Err(error) = sockopt::set_tcp_quickack(&self.fd, true) {
            tracing::trace!(%error, "acknowledgement");
        }
    }

    /// The program sees the end of its input.
    pub fn finish(&self) {
        // A peer that has gone already has seen more than that.
        if let Err(error) = net::shutdown(&self.fd, Shutdown::Write) {
            tracing::trace!(%error, "half-close");
        }
    }

    /// Bytes that the program's side has not acknowledged.
    pub fn unsent(&self) -> usize {
        unacknowledged(&self.fd).unwrap_or(0)
    }

    /// Closes with a reset: the program is not to take this for an end.
    pub fn abort(self) {
        if self.kind == Kind::Stream
            && let Err(error) = sockopt::set_socket_linger(&self.fd, Some(Duration::ZERO))
        {
            tracing::trace!(%error, "closed without a reset");
        }
    }
}

/// `MSG_NOSIGNAL`: a peer that has gone is an error, not a signal.
fn send(fd: BorrowedFd<'_>, places: &[IoSlice<'_>]) -> rustix::io::Result<usize> {
    net::sendmsg(fd, places, &mut net::SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)
}

/// `SIOCOUTQ`, which on every architecture is `TIOCOUTQ`.
fn unacknowledged(fd: &Descriptor) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the kernel writes one `int` at this address for this request.
    let status = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if status == 0 {
        Ok(usize::try_from(bytes).unwrap_or(0))
    } else {
        Err(io::Error::last_os_error())
    }
}
