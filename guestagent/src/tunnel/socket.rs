//! The guest's end of a tunnel: a socket that never blocks.

use rustix::io::Errno;
use rustix::net::{self, SendFlags, Shutdown, sockopt};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use watched::Watched;

mod watched;

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
    fd: Watched,
    kind: Kind,
    /// No write has had to wait: the next one need not ask first.
    writable: bool,
}

impl Socket {
    /// Takes a socket that was told not to block and to connect.
    pub fn new(fd: OwnedFd, kind: Kind) -> Self {
        Self { fd: Watched::new(fd), kind, writable: false }
    }

    /// What it carries.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Waits for the connection, or for its failure.
    pub fn poll_connected(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // On one machine it is there before the call that asks for it returns.
        loop {
            if net::getpeername(&self.fd).is_ok() {
                self.writable = true;
                return Poll::Ready(Ok(()));
            }
            sockopt::socket_error(&self.fd)??;
            ready!(self.fd.poll_write_ready(context))?.clear();
        }
    }

    /// Reads into several places: nothing is the end of a stream. An empty
    /// datagram reads as nothing, too.
    pub fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        places: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.fd.poll_read_ready(context))?;
            match rustix::io::readv(ready.fd, places) {
                Err(Errno::AGAIN) => ready.clear(),
                Err(Errno::INTR) => {}
                // After a short read of a stream there is no more: the next
                // arrival is a new event.
                Ok(length) if self.kind == Kind::Stream && short(length, places) => {
                    ready.clear();
                    return Poll::Ready(Ok(length));
                }
                result => return Poll::Ready(result.map_err(Into::into)),
            }
        }
    }

    /// Writes from several places, as much as goes at once.
    pub fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        places: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            let sent = if self.writable {
                send(self.fd.as_fd(), places)
            } else {
                let mut ready = ready!(self.fd.poll_write_ready(context))?;
                send(ready.fd, places).inspect_err(|error| {
                    if *error == Errno::AGAIN {
                        ready.clear();
                    }
                })
            };
            self.writable = sent.is_ok();
            match sent {
                Err(Errno::AGAIN | Errno::INTR) => {}
                result => return Poll::Ready(result.map_err(Into::into)),
            }
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

fn short(length: usize, places: &[IoSliceMut<'_>]) -> bool {
    length > 0 && length < places.iter().map(|place| place.len()).sum()
}

/// `SIOCOUTQ`, which on every architecture is `TIOCOUTQ`.
fn unacknowledged(fd: &Watched) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the kernel writes one `int` at this address for this request.
    let status = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if status == 0 {
        Ok(usize::try_from(bytes).unwrap_or(0))
    } else {
        Err(io::Error::last_os_error())
    }
}
