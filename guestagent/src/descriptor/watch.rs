//! What the event loop is asked about one descriptor.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::task::{Context, Poll};
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

/// Nothing, reading, or both. Its descriptor must outlive it.
#[derive(Debug, Default)]
pub struct Watch(Option<Events>);

#[derive(Debug)]
struct Events {
    fd: AsyncFd<RawFd>,
    writes: bool,
}

type Event<'a> = io::Result<AsyncFdReadyGuard<'a, RawFd>>;

impl Watch {
    /// Waits until it can be read.
    pub fn poll_read(&mut self, fd: &OwnedFd, context: &mut Context<'_>) -> Poll<Event<'_>> {
        if self.0.is_none() {
            self.0 = Some(watch(fd, Interest::READABLE)?);
        }
        match &self.0 {
            Some(events) => events.fd.poll_read_ready(context),
            None => Poll::Pending,
        }
    }

    /// Waits until it can be written to.
    pub fn poll_write(&mut self, fd: &OwnedFd, context: &mut Context<'_>) -> Poll<Event<'_>> {
        if !self.0.as_ref().is_some_and(|events| events.writes) {
            self.exchange(fd, Interest::READABLE | Interest::WRITABLE, context)?;
        }
        match &self.0 {
            Some(events) => events.fd.poll_write_ready(context),
            None => Poll::Pending,
        }
    }

    /// Waits to read only, if it waited for both.
    pub fn forget_writing(&mut self, fd: &OwnedFd, context: &mut Context<'_>) -> io::Result<()> {
        if self.0.as_ref().is_some_and(|events| events.writes) {
            self.exchange(fd, Interest::READABLE, context)?;
        }
        Ok(())
    }

    /// Whether it waits for writing too, if it waits at all.
    #[cfg(test)]
    pub fn for_writing(&self) -> Option<bool> {
        self.0.as_ref().map(|events| events.writes)
    }

    /// The event loop takes a descriptor only once, so the old watch goes first.
    /// What it had seen of arrivals, the new one sees again.
    fn exchange(
        &mut self,
        fd: &OwnedFd,
        interest: Interest,
        context: &mut Context<'_>,
    ) -> io::Result<()> {
        self.0 = None;
        let events = watch(fd, interest)?;
        // Who waited to read goes on waiting: it is the same task that writes.
        // Nothing has been seen yet, so there is no answer to look at.
        let _ = events.fd.poll_read_ready(context);
        self.0 = Some(events);
        Ok(())
    }
}

fn watch(fd: &OwnedFd, interest: Interest) -> io::Result<Events> {
    // SAFETY: the number names an open descriptor, and whoever holds the watch
    // keeps it open and the same until after the watch is dropped.
    let events = unsafe { AsyncFd::register_with_interest(fd.as_raw_fd(), interest) }?;
    Ok(Events { fd: events, writes: interest.is_writable() })
}
