//! One connection or UDP flow of the host to a port of the guest.
//!
//! The first message names the target; there is no positive answer, a refusal
//! is the status of the call. Then data flows both ways. The host's end of
//! stream is a half-close: the guest's program sees the end of its input and
//! may still answer. The other way there is no half-close: when the guest's
//! program has finished, the call ends, and with it both directions.
//!
//! The download is read from the socket only when the host has room for it,
//! into a buffer that all tunnels share, so an idle or stalled tunnel holds no
//! data. The upload is a task; each of the two ends the other by one token.

use crate::proto::TunnelMessage;
use bytes::Bytes;
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;
use tonic::{Status, Streaming};

pub mod dial;
mod upload;

use dial::Socket;

/// The most that is read at once: no UDP datagram is larger.
const CHUNK: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; CHUNK].into());
}

/// What both directions share.
#[derive(Debug)]
struct Tunnel {
    id: String,
    socket: Socket,
    activity: upload::Activity,
    ended: CancellationToken,
}

/// Reads the first message, connects, and starts the upload.
///
/// # Errors
/// A target that is not allowed, or a connection that failed.
pub async fn open(
    mut messages: Streaming<TunnelMessage>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Download, Status> {
    let Some(first) = messages.message().await? else { return Ok(Download::finished()) };
    let socket = dial::dial(&first.protocol, &first.guest_addr).await.inspect_err(|error| {
        tracing::debug!(target = first.guest_addr, %error, "tunnel refused");
    })?;
    let tunnel = Arc::new(Tunnel {
        id: first.id,
        socket,
        activity: upload::Activity::default(),
        ended: CancellationToken::new(),
    });
    tasks.spawn(upload::run(tunnel.clone(), first.data, messages, stop.clone()));
    Ok(Download::of(tunnel))
}

/// What the guest's program sends, as messages.
#[derive(Debug)]
pub struct Download {
    /// None when nothing more is sent.
    tunnel: Option<Arc<Tunnel>>,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Download {
    fn of(tunnel: Arc<Tunnel>) -> Self {
        let ended = Box::pin(tunnel.ended.clone().cancelled_owned());
        Self { tunnel: Some(tunnel), ended }
    }

    /// For a host that closed before it named a target.
    fn finished() -> Self {
        Self { tunnel: None, ended: Box::pin(CancellationToken::new().cancelled_owned()) }
    }

    fn poll_data(&self, context: &mut Context<'_>) -> Poll<Option<Result<TunnelMessage, Status>>> {
        let Some(tunnel) = &self.tunnel else { return Poll::Ready(None) };
        let received = SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            let polled = tunnel.socket.poll_receive(context, &mut buffer);
            polled.map_ok(|()| Bytes::copy_from_slice(buffer.filled()))
        });
        Poll::Ready(match ready!(received) {
            Ok(data) if data.is_empty() => None,
            Ok(data) => {
                tunnel.activity.now();
                Some(Ok(TunnelMessage { id: tunnel.id.clone(), data, ..TunnelMessage::default() }))
            }
            Err(error) => Some(Err(Status::unknown(format!("read: {}", dial::text(&error))))),
        })
    }

    fn finish(&mut self) {
        if let Some(tunnel) = self.tunnel.take() {
            tunnel.ended.cancel();
        }
    }
}

impl futures_core::Stream for Download {
    type Item = Result<TunnelMessage, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = match self.poll_data(context) {
            Poll::Ready(message) => message,
            Poll::Pending => {
                ready!(self.ended.as_mut().poll(context));
                None
            }
        };
        if !matches!(message, Some(Ok(_))) {
            self.finish();
        }
        Poll::Ready(message)
    }
}

/// The host has cancelled the call or gone away: close at once.
impl Drop for Download {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Socket {
    /// Data, or nothing at the end. Empty datagrams are passed over: the host
    /// takes an empty message for the end of the flow. So are refused ones:
    /// the program may come back, and until then nothing is lost by waiting.
    fn poll_receive(
        &self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => loop {
                ready!(stream.poll_read_ready(context))?;
                match stream.try_read_buf(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return Poll::Ready(result.map(drop)),
                }
            },
            Self::Udp(socket) => loop {
                match ready!(socket.poll_recv(context, buffer)) {
                    Ok(()) if buffer.filled().is_empty() => {}
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                    result => return Poll::Ready(result),
                }
            },
        }
    }
}
