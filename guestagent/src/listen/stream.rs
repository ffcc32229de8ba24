//! One connection, whatever the transport.

use super::VirtioStream;
use super::fd_stream::FdStream;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection of the host.
#[derive(Debug)]
pub enum Stream {
    /// Over a Unix socket or vsock.
    Socket(FdStream),
    /// Over a virtio-serial port.
    Virtio(VirtioStream),
}

/// The same call on whatever it is.
macro_rules! each {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self {
            Self::Socket($stream) => $call,
            Self::Virtio($stream) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        each!(stream, stream => Pin::new(stream).poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        each!(stream, stream => Pin::new(stream).poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        each!(stream, stream => Pin::new(stream).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        each!(stream, stream => Pin::new(stream).poll_shutdown(context))
    }
}
