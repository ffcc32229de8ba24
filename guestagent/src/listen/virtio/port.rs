//! The open device, and waiting for it.
//!
//! While the host is away the device reports a hang-up. epoll gives that to
//! whoever waits for anything, and tokio takes it for the end of the stream,
//! for good: its `AsyncFd` on the device would never wait again. So the device
//! is in an epoll set of its own, edge-triggered, which is readable when
//! something has changed, and tokio waits for that set. One set each for reading
//! and writing, as each remembers one waiting task.

use crate::listen::reactor;
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// An open port.
#[derive(Debug)]
pub struct Port {
    device: OwnedFd,
    input: Edges,
    output: Edges,
}

impl Port {
    /// Opens the device. Only one program may have it open.
    ///
    /// # Errors
    /// As of `open(2)`; EBUSY if another program has it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Self::new(rustix::fs::open(path, flags, Mode::empty())?)
    }

    fn new(device: OwnedFd) -> io::Result<Self> {
        let input = Edges::of(&device, epoll::EventFlags::IN)?;
        let output = Edges::of(&device, epoll::EventFlags::OUT)?;
        Ok(Self { device, input, output })
    }

    /// What has arrived; nothing at all when the host is away.
    pub fn read(&self, buffer: &mut [u8]) -> rustix::io::Result<usize> {
        rustix::io::retry_on_intr(|| rustix::io::read(&self.device, &mut *buffer))
    }

    /// Sends as much as there is room for.
    pub fn write(&self, bytes: &[u8]) -> rustix::io::Result<usize> {
        rustix::io::retry_on_intr(|| rustix::io::write(&self.device, bytes))
    }

    /// Whether nobody is at the other end.
    pub fn is_hung_up(&self) -> bool {
        let mut device = [PollFd::new(&self.device, PollFlags::empty())];
        let polled = poll(&mut device, Some(&Timespec::default()));
        polled.is_err() || device.iter().any(|device| device.revents().contains(PollFlags::HUP))
    }

    /// Waits until there is something to read, or the host has come or gone.
    /// That it has come is an edge of writing only.
    pub async fn changed(&self) -> io::Result<()> {
        let either = |context: &mut Context<'_>| match self.poll_input(context) {
            Poll::Pending => self.poll_output(context),
            changed @ Poll::Ready(_) => changed,
        };
        poll_fn(either).await
    }

    /// Waits until there is something to read, or the host has gone.
    pub fn poll_input(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input.poll(context)
    }

    /// Waits until there is room, or the host has come or gone.
    pub fn poll_output(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.output.poll(context)
    }
}

/// Changes of a device since it was last asked.
#[derive(Debug)]
struct Edges(AsyncFd<OwnedFd>);

impl Edges {
    fn of(device: impl AsFd, what: epoll::EventFlags) -> io::Result<Self> {
        let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&set, device, epoll::EventData::new_u64(0), what | epoll::EventFlags::ET)?;
        reactor::register(set, Interest::READABLE).map(Self)
    }

    /// Takes the edge; the next wait is for the next one.
    fn poll(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.0.poll_read_ready(context))?;
            let mut events = Vec::with_capacity(1);
            let now = Some(&Timespec::default());
            let taken = epoll::wait(self.0.get_ref(), spare_capacity(&mut events), now);
            ready.clear_ready();
            match taken {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Poll::Ready(Ok(())),
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    /// A port on one end of a socket pair, which is like it but for coming back.
    pub fn pair() -> (Port, UnixStream) {
        let (here, host) = UnixStream::pair().expect("sockets");
        here.set_nonblocking(true).expect("mode");
        (Port::new(here.into()).expect("port"), host)
    }

    #[tokio::test]
    async fn hang_up_is_a_change_for_reading_and_one_for_writing_and_no_more() {
        let (port, host) = pair();
        drop(host);
        port.changed().await.expect("change");
        assert_eq!(port.read(&mut [0; 1]), Ok(0));
        assert!(port.is_hung_up());
        port.changed().await.expect("change");
        let again = tokio::time::timeout(std::time::Duration::from_millis(50), port.changed());
        assert!(again.await.is_err(), "the same hang-up was reported again");
    }
}
