//! The filter on a socket: what is read passes through it, what is written is
//! left alone.

use super::{Ahead, AuthorityFilter};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection whose requests have an acceptable `:authority`.
#[derive(Debug)]
pub struct Http2Stream<S> {
    inner: S,
    filter: AuthorityFilter,
    /// A byte that was read and waits for its successor.
    held: Option<u8>,
}

impl<S> Http2Stream<S> {
    /// Wraps a connection of which nothing has been read.
    pub fn new(inner: S) -> Self {
        Self { inner, filter: AuthorityFilter::default(), held: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Http2Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            match ready!(this.poll_fill(context, buffer))? {
                Filled::Some => return Poll::Ready(Ok(())),
                Filled::Held => {}
            }
        }
    }
}

/// What one read came to.
enum Filled {
    /// The buffer has new bytes, or the connection has ended.
    Some,
    /// One byte was read and it waits: another read is needed.
    Held,
}

impl<S: AsyncRead + Unpin> Http2Stream<S> {
    fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<Filled>> {
        let start = buffer.filled().len();
        let held = self.held;
        // Without room for a successor the byte cannot wait for one.
        let roomy = buffer.remaining() > 1;
        if let Some(byte) = held {
            buffer.put_slice(&[byte]);
        }
        let before = buffer.filled().len();
        if held.is_none() || roomy {
            let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
            if !matches!(polled, Poll::Ready(Ok(()))) {
                buffer.set_filled(start);
                return polled.map_ok(|()| Filled::Some);
            }
        }
        let ended = buffer.filled().len() == before;
        let ahead = if ended || !roomy { Ahead::Nothing } else { Ahead::Possible };
        Poll::Ready(Ok(self.filter_from(start, buffer, ahead)))
    }

    fn filter_from(&mut self, start: usize, buffer: &mut ReadBuf<'_>, ahead: Ahead) -> Filled {
        let fresh = buffer.filled_mut().get_mut(start..).unwrap_or_default();
        let passed = self.filter.rewrite(fresh, ahead);
        self.held = fresh.get(passed).copied();
        let waits = passed == 0 && self.held.is_some();
        buffer.set_filled(start + passed);
        if waits { Filled::Held } else { Filled::Some }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Http2Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn bytes_that_come_one_by_one_are_rewritten() {
        let request = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x03\x01\x05\0\0\0\x01\x41\0\x81";
        for room in [1, 2, 64] {
            let (mut client, server) = tokio::io::duplex(1);
            let writer = tokio::spawn(async move { client.write_all(request).await });
            let mut server = Http2Stream::new(server);
            let mut read: Vec<u8> = Vec::new();
            let mut buffer = vec![0; room];
            while let Ok(count @ 1..) = server.read(&mut buffer).await {
                read.extend(&buffer[..count]);
            }
            writer.await.expect("joined").expect("written");
            assert_eq!(read.len(), request.len());
            let literal: &[u8] = if room == 1 { b"\x41\0" } else { b"\x77\0" };
            assert_eq!(read[33..], [literal, b"\x93"].concat(), "room {room}");
        }
    }
}
