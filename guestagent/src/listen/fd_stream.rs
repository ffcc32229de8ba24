//! A connection known only by its descriptor, with vectored writes: what tokio
//! offers for TCP and Unix sockets, for sockets that it does not know.

use super::reactor;
use rustix::io::Errno;
use rustix::net::Shutdown;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

/// A connected stream socket.
#[derive(Debug)]
pub struct FdStream(AsyncFd<OwnedFd>);

impl FdStream {
    /// Takes a socket that does not block.
    ///
    /// # Errors
    /// The event loop does not take it.
    pub fn new(socket: OwnedFd) -> io::Result<Self> {
        reactor::register(socket, Interest::READABLE | Interest::WRITABLE).map(Self)
    }

    fn poll_send(
        &self,
        context: &mut Context<'_>,
        send: impl Fn(&OwnedFd) -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.0.poll_write_ready(context))?;
            match send(self.0.get_ref()) {
                Err(Errno::WOULDBLOCK) => ready.clear_ready(),
                Err(Errno::INTR) => {}
                result => return Poll::Ready(result.map_err(Into::into)),
            }
        }
    }
}

impl AsyncRead for FdStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.0.poll_read_ready(context))?;
            match rustix::io::read(self.0.get_ref(), buffer.initialize_unfilled()) {
                Ok(length) => {
                    buffer.advance(length);
                    return Poll::Ready(Ok(()));
                }
                Err(Errno::WOULDBLOCK) => ready.clear_ready(),
                Err(Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}

impl AsyncWrite for FdStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(context, |socket| rustix::io::write(socket, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(context, |socket| rustix::io::writev(socket, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing is kept back.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(rustix::net::shutdown(self.0.get_ref(), Shutdown::Write).map_err(Into::into))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn slices_go_out_in_order_and_the_end_is_passed_on() {
        let (here, there) = std::os::unix::net::UnixStream::pair().expect("sockets");
        here.set_nonblocking(true).expect("mode");
        there.set_nonblocking(true).expect("mode");
        let mut here = FdStream::new(here.into()).expect("stream");
        let mut there = FdStream::new(there.into()).expect("stream");
        let slices = [IoSlice::new(b"one "), IoSlice::new(b"two")];
        assert_eq!(here.write_vectored(&slices).await.expect("sent"), 7);
        here.shutdown().await.expect("end");
        let mut text = String::new();
        there.read_to_string(&mut text).await.expect("read");
        assert_eq!(text, "one two");
    }
}
