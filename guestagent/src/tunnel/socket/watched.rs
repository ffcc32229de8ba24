//! A descriptor and when it can go on, as the event loop tells it.
//!
//! Most tunnels never wait for room to write, and a socket that is watched for
//! that tells at once that there is room, which wakes its task for nothing. So
//! nothing is watched before it is waited for: to read when a read first would
//! have to wait, and to write when a write first did.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

/// A descriptor that does not block.
#[derive(Debug)]
pub struct Watched {
    // Before the descriptor, since it must go first.
    watch: Option<Watch>,
    fd: OwnedFd,
}

#[derive(Debug)]
struct Watch {
    events: AsyncFd<RawFd>,
    /// Also for writing.
    writes: bool,
}

/// A descriptor that can go on.
#[derive(Debug)]
pub struct Ready<'a> {
    /// Itself.
    pub fd: BorrowedFd<'a>,
    event: AsyncFdReadyGuard<'a, RawFd>,
}

impl Ready<'_> {
    /// It cannot any more: the next event tells when it can again.
    pub fn clear(&mut self) {
        self.event.clear_ready();
    }
}

impl Watched {
    /// Takes a descriptor, and asks nothing of it yet.
    pub fn new(fd: OwnedFd) -> Self {
        Self { watch: None, fd }
    }

    /// Waits until there is something to read, or the end of it.
    pub fn poll_read_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Ready<'_>>> {
        if self.watch.is_none() {
            self.watch = Some(self.watch(Interest::READABLE)?);
        }
        let Some(watch) = &self.watch else { return Poll::Pending };
        let event = ready!(watch.events.poll_read_ready(context))?;
        Poll::Ready(Ok(Ready { fd: self.fd.as_fd(), event }))
    }

    /// Waits until there is room to write, or nobody who would take it.
    pub fn poll_write_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Ready<'_>>> {
        if !self.watch.as_ref().is_some_and(|watch| watch.writes) {
            // The event loop takes a descriptor only once.
            self.watch = None;
            let watch = self.watch(Interest::READABLE | Interest::WRITABLE)?;
            // Whoever waited to read goes on waiting. Nothing is known yet, so
            // there is no answer to look at.
            let _ = watch.events.poll_read_ready(context);
            self.watch = Some(watch);
        }
        let Some(watch) = &self.watch else { return Poll::Pending };
        let event = ready!(watch.events.poll_write_ready(context))?;
        Poll::Ready(Ok(Ready { fd: self.fd.as_fd(), event }))
    }

    fn watch(&self, interest: Interest) -> io::Result<Watch> {
        // SAFETY: the descriptor stays open for as long as `self.fd` owns it, and
        // `self.watch` is dropped before that.
        let events = unsafe { AsyncFd::register_with_interest(self.fd.as_raw_fd(), interest) }?;
        Ok(Watch { events, writes: interest.is_writable() })
    }
}

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Watched {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}
