//! The host's half of a tunnel, and the reasons for which a tunnel ends.

use super::{Socket, Tunnel};
use crate::proto::TunnelMessage;
use bytes::Bytes;
use rustix::net::Shutdown;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Streaming;

/// The host never ends a UDP flow, so the guest does after this silence; the
/// host then opens another one with the next datagram.
const UDP_IDLE: Duration = Duration::from_secs(90);
/// How long a tunnel may go on after the agent was told to stop.
const GRACE: Duration = Duration::from_secs(2);

/// When data last went through a tunnel.
#[derive(Debug)]
pub struct Activity {
    start: Instant,
    last: AtomicU64,
}

impl Default for Activity {
    fn default() -> Self {
        Self { start: Instant::now(), last: AtomicU64::new(0) }
    }
}

impl Activity {
    /// Data goes through at this moment.
    pub fn now(&self) {
        let elapsed = self.start.elapsed().as_millis();
        self.last.store(u64::try_from(elapsed).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.start + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }
}

/// Runs until the tunnel ends, for whatever reason.
pub async fn run(
    tunnel: Arc<Tunnel>,
    first: Bytes,
    messages: Streaming<TunnelMessage>,
    stop: CancellationToken,
) {
    let ended = tunnel.ended.clone();
    tokio::select! {
        () = ended.cancelled() => {}
        () = silence(&tunnel) => tracing::debug!(id = tunnel.id, "idle UDP flow ended"),
        () = grace(&stop) => tracing::debug!(id = tunnel.id, "tunnel closed to stop"),
        () = carry(&tunnel, first, messages) => {}
    }
    ended.cancel();
}

async fn silence(tunnel: &Tunnel) {
    match tunnel.socket {
        Socket::Tcp(_) => std::future::pending().await,
        Socket::Udp(_) => {
            let mut end = Instant::now() + UDP_IDLE;
            while end > Instant::now() {
                tokio::time::sleep_until(end).await;
                end = tunnel.activity.last() + UDP_IDLE;
            }
        }
    }
}

async fn grace(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

/// Returns when the tunnel is to be closed, not when the host has said all.
async fn carry(tunnel: &Tunnel, first: Bytes, mut messages: Streaming<TunnelMessage>) {
    let mut data = first;
    loop {
        if !data.is_empty() {
            tunnel.activity.now();
            if let Err(error) = send(&tunnel.socket, &data).await {
                tracing::debug!(id = tunnel.id, %error, "tunnel broke in the guest");
                return;
            }
        }
        match messages.message().await {
            Ok(Some(message)) => data = message.data,
            Ok(None) => break,
            Err(_) => return,
        }
    }
    half_close(&tunnel.socket).await;
}

async fn send(socket: &Socket, data: &[u8]) -> io::Result<()> {
    match socket {
        Socket::Tcp(stream) => write_all(stream, data).await,
        Socket::Udp(socket) => match socket.send(data).await {
            // Nobody there now, or a datagram too large: lost, as UDP may be.
            Err(error) if lost(&error) => Ok(()),
            result => result.map(drop),
        },
    }
}

fn lost(error: &io::Error) -> bool {
    let too_large = error.raw_os_error() == Some(libc::EMSGSIZE);
    too_large || error.kind() == io::ErrorKind::ConnectionRefused
}

async fn write_all(stream: &TcpStream, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        match stream.try_write(data) {
            Ok(written) => data = data.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The guest's program sees the end of its input and may go on answering; the
/// download ends the tunnel. A UDP flow has no such thing and ends now.
async fn half_close(socket: &Socket) {
    if let Socket::Tcp(stream) = socket
        && rustix::net::shutdown(stream, Shutdown::Write).is_ok()
    {
        std::future::pending::<()>().await;
    }
}
