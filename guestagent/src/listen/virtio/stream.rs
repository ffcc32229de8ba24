//! One session on the port.

use super::Line;
use super::frames::Frames;
use super::port::Port;
use super::resync::PREFACE;
use rustix::io::Errno;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, Sleep};

/// A session. It holds the port; the next one begins when it is dropped.
#[derive(Debug)]
pub struct VirtioStream {
    line: OwnedMutexGuard<Line>,
    /// What was read while its beginning was looked for.
    early: Vec<u8>,
    frames: Frames,
    /// The host has gone, or begun anew: nothing more is read or written.
    over: bool,
    begun: Instant,
    doubt: Option<Pin<Box<Sleep>>>,
}

/// The kernel takes note of who comes and goes on another way than of data, and
/// later: a hang-up in the first moment of a session can be that of the host
/// before, and is believed only if it lasts.
const YOUTH: Duration = Duration::from_secs(1);
const BELIEF: Duration = Duration::from_millis(200);

impl VirtioStream {
    pub(super) fn new(line: OwnedMutexGuard<Line>, first: &[u8]) -> Self {
        let (early, frames, begun) = (Vec::new(), Frames::default(), Instant::now());
        let mut stream = Self { line, early, frames, over: false, begun, doubt: None };
        let (preface, rest) = first.split_at(PREFACE.len().min(first.len()));
        let ours = stream.divide(rest);
        stream.early = [preface, rest.get(..ours).unwrap_or_default()].concat();
        stream
    }

    fn take_early(&mut self, buffer: &mut ReadBuf<'_>) {
        let length = self.early.len().min(buffer.remaining());
        buffer.put_slice(self.early.get(..length).unwrap_or_default());
        self.early.drain(..length);
    }

    fn poll_device(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let Some(port) = &self.line.port else { return Poll::Ready(Ok(0)) };
            match port.read(buffer.initialize_unfilled()) {
                Ok(0) => {
                    if self.poll_gone(context).is_ready() {
                        return Poll::Ready(Ok(0));
                    }
                }
                Err(Errno::WOULDBLOCK) => self.doubt = None,
                // The device is gone: the next session finds out what to do.
                Err(Errno::NODEV) => return Poll::Ready(Ok(0)),
                result => return Poll::Ready(result.map_err(Into::into)),
            }
            let Some(port) = &self.line.port else { return Poll::Ready(Ok(0)) };
            ready!(port.poll_input(context))?;
        }
    }

    /// Waits until a hang-up is to be believed; it is none if the host is there
    /// again by then.
    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.begun.elapsed() > YOUTH {
            return Poll::Ready(());
        }
        let doubt = self.doubt.get_or_insert_with(|| Box::pin(tokio::time::sleep(BELIEF)));
        ready!(doubt.as_mut().poll(context));
        self.doubt = None;
        match &self.line.port {
            Some(port) if !port.is_hung_up() => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }

    /// How many of these bytes belong to this session. The rest is kept for the
    /// next one.
    fn divide(&mut self, bytes: &[u8]) -> usize {
        let ours = self.frames.walk(bytes);
        if ours < bytes.len() {
            self.over = true;
            let resync = &mut self.line.resync;
            resync.feed(self.frames.begun());
            resync.feed(bytes.get(ours..).unwrap_or_default());
        }
        ours
    }

    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        send: impl Fn(&Port) -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let gone = || Poll::Ready(Err(io::Error::new(ErrorKind::BrokenPipe, "the host has gone")));
        loop {
            let Some(port) = self.line.port.as_ref().filter(|_| !self.over) else { return gone() };
            // The device takes nothing when it is full, and nothing when nobody
            // is there.
            let hung_up = match send(port) {
                Ok(0) | Err(Errno::WOULDBLOCK) => port.is_hung_up(),
                result => return Poll::Ready(result.map_err(Into::into)),
            };
            if hung_up && self.poll_gone(context).is_ready() {
                return gone();
            }
            let Some(port) = &self.line.port else { return gone() };
            ready!(port.poll_output(context))?;
        }
    }
}

impl AsyncRead for VirtioStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = &mut *self;
        if !stream.early.is_empty() {
            stream.take_early(buffer);
        } else if !stream.over && buffer.remaining() > 0 {
            let length = ready!(stream.poll_device(context, buffer))?;
            let ours = stream.divide(buffer.initialize_unfilled_to(length));
            buffer.advance(ours);
            stream.over |= length == 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for VirtioStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(context, |port| port.write(bytes))
    }

    /// Nothing is kept back.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// A wire has no half-close; the protocol's own farewell has been said.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
