//! Bytes on their way to the host.
//!
//! One buffer for all streams of a connection, with a bound: who wants to read
//! from a program's socket first asks for room here, and reads into it. So
//! what waits for the host does not grow with the number of streams.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// Enough that a local host is never without work while we read on.
const BOUND: usize = 256 * 1024;

/// The buffer. Storage that was used once stays initialised.
#[derive(Debug, Default)]
pub struct Outbox {
    storage: Vec<u8>,
    start: usize,
    end: usize,
}

impl Outbox {
    /// Bytes that wait.
    pub fn pending(&self) -> usize {
        self.end - self.start
    }

    /// How much may be added for it to stay within its bound.
    pub fn room(&self) -> usize {
        BOUND.saturating_sub(self.pending())
    }

    /// Whether the host lags so far behind that nothing more is taken from it.
    pub fn overflows(&self) -> bool {
        self.pending() > 4 * BOUND
    }

    /// Adds whole frames.
    pub fn append(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len()).copy_from_slice(bytes);
        self.commit(bytes.len());
    }

    /// Space for so many bytes at the end, with anything in it.
    pub fn reserve(&mut self, length: usize) -> &mut [u8] {
        if self.end + length > self.storage.len() {
            self.storage.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            self.storage.resize(self.storage.len().max(self.end + length), 0);
        }
        self.storage.get_mut(self.end..self.end + length).unwrap_or_default()
    }

    /// Adds what was written into the space.
    pub fn commit(&mut self, length: usize) {
        self.end = (self.end + length).min(self.storage.len());
    }

    /// Writes what waits; ready when all is written. Whether anything moved is
    /// to be seen in [`Outbox::pending`].
    pub fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        mut io: Pin<&mut impl AsyncWrite>,
    ) -> Poll<io::Result<()>> {
        while self.start < self.end {
            let waiting = self.storage.get(self.start..self.end).unwrap_or_default();
            match ready!(io.as_mut().poll_write(context, waiting))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.start += written,
            }
        }
        (self.start, self.end) = (0, 0);
        // A burst of answers above the bound is not kept in memory for ever.
        if self.storage.len() > 2 * BOUND {
            self.storage = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    /// Takes so many bytes at each call.
    struct Slow(Vec<u8>, usize);

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let length = bytes.len().min(std::mem::take(&mut self.1));
            self.0.extend(&bytes[..length]);
            if length == 0 { Poll::Pending } else { Poll::Ready(Ok(length)) }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn bytes_leave_in_order_and_room_comes_back() {
        let mut context = Context::from_waker(Waker::noop());
        let (mut outbox, mut slow) = (Outbox::default(), Slow(Vec::new(), 0));
        let mut expected = Vec::new();
        for round in 0..200_u8 {
            outbox.append(&[round; 3000]);
            expected.extend([round; 3000]);
            slow.1 = 2500;
            assert!(outbox.poll_flush(&mut context, Pin::new(&mut slow)).is_pending());
        }
        assert_eq!(outbox.pending(), 100_000);
        assert_eq!(outbox.room(), BOUND - 100_000);
        assert!(outbox.storage.len() < 110_000);
        while outbox.pending() > 0 {
            slow.1 = 40_000;
            let _ = outbox.poll_flush(&mut context, Pin::new(&mut slow));
        }
        assert_eq!(slow.0, expected);
        assert_eq!(outbox.room(), BOUND);
    }
}
