//! A socket in the event loop, asked for no more than is waited for.
//!
//! A socket that is watched for writing says at once that there is room, and a
//! Unix socket says so again whenever its peer has read: each time its task wakes
//! for nothing. Most sockets never wait for room. So nothing is watched before
//! it is waited for: to read when a read first has to wait, and to write when a
//! write first had to, until many have not.

use rustix::io::{Errno, Result as Outcome};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::task::{Context, Poll, ready};
use watch::Watch;

mod watch;

/// Writes in a row that did not wait: then it is not watched for that any more.
const CALM: u32 = 256;

/// A descriptor that does not block.
#[derive(Debug)]
pub struct Descriptor {
    // Before what it watches, since it must go first.
    watch: Watch,
    fd: OwnedFd,
    /// The last write had to wait.
    full: bool,
    /// Writes since one had to wait.
    calm: u32,
}

/// Whether a read has left anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It may have.
    Perhaps,
    /// It has not: the next arrival is a new event.
    Nothing,
}

impl Left {
    /// After a read of so many bytes into so much room of a stream. The end of
    /// it is told again at every read.
    pub fn after(read: usize, room: usize) -> Self {
        if read > 0 && read < room { Self::Nothing } else { Self::Perhaps }
    }
}

impl Descriptor {
    /// Takes a descriptor, and asks nothing of it yet.
    pub fn new(fd: OwnedFd) -> Self {
        Self { watch: Watch::default(), fd, full: false, calm: 0 }
    }

    /// Reads once there is something, or the end of it.
    pub fn poll_read<T>(
        &mut self,
        context: &mut Context<'_>,
        mut read: impl FnMut(BorrowedFd<'_>) -> Outcome<(T, Left)>,
    ) -> Poll<io::Result<T>> {
        loop {
            let mut event = ready!(self.watch.poll_read(&self.fd, context))?;
            match read(self.fd.as_fd()) {
                Err(Errno::AGAIN) => event.clear_ready(),
                Err(Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
                Ok((value, left)) => {
                    if left == Left::Nothing {
                        event.clear_ready();
                    }
                    return Poll::Ready(Ok(value));
                }
            }
        }
    }

    /// Writes; waits for room first if the last write found none.
    pub fn poll_write<T>(
        &mut self,
        context: &mut Context<'_>,
        mut write: impl FnMut(BorrowedFd<'_>) -> Outcome<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            let event = if self.full {
                Some(ready!(self.watch.poll_write(&self.fd, context))?)
            } else {
                None
            };
            match (write(self.fd.as_fd()), event) {
                (Err(Errno::AGAIN), Some(mut event)) => event.clear_ready(),
                (Err(Errno::AGAIN), None) => (self.full, self.calm) = (true, 0),
                (Err(Errno::INTR), _) => {}
                (result, _) => {
                    self.went(context)?;
                    return Poll::Ready(result.map_err(Into::into));
                }
            }
        }
    }

    /// Waits for room, or for a connection or its failure, as if a write had
    /// found none.
    pub fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.watch.poll_write(&self.fd, context))?.clear_ready();
        Poll::Ready(Ok(()))
    }

    /// A write did not wait.
    fn went(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        self.full = false;
        self.calm = self.calm.saturating_add(1);
        if self.calm == CALM {
            self.watch.forget_writing(&self.fd, context)?;
        }
        Ok(())
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

#[cfg(test)]
mod tests;
