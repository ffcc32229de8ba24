//! A connection over a stream socket, whatever its family.

use crate::descriptor::{Descriptor, Left};
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connected stream socket.
#[derive(Debug)]
pub struct FdStream(Descriptor);

impl FdStream {
    /// Takes a socket that does not block.
    pub fn new(socket: OwnedFd) -> Self {
        Self(Descriptor::new(socket))
    }
}

impl AsyncRead for FdStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let space = buffer.initialize_unfilled();
        let length = ready!(self.0.poll_read(context, |fd| {
            let (length, _) = recv(fd, &mut *space, RecvFlags::empty())?;
            Ok((length, Left::after(length, space.len())))
        }))?;
        buffer.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for FdStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(context, |fd| send(fd, bytes, SendFlags::NOSIGNAL))
    }

    /// Nothing is kept back.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(shutdown(&self.0, Shutdown::Write).map_err(Into::into))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn bytes_go_out_in_order_and_the_end_is_passed_on() {
        let (here, there) = std::os::unix::net::UnixStream::pair().expect("sockets");
        here.set_nonblocking(true).expect("mode");
        there.set_nonblocking(true).expect("mode");
        let mut here = FdStream::new(here.into());
        let mut there = FdStream::new(there.into());
        here.write_all(b"one ").await.expect("sent");
        here.write_all(b"two").await.expect("sent");
        here.shutdown().await.expect("end");
        let mut text = String::new();
        there.read_to_string(&mut text).await.expect("read");
        assert_eq!(text, "one two");
    }
}
