//! What a tunnel may reach, and reaching it.
//!
//! Only TCP and UDP, and only by address: whoever reaches the agent must not
//! get at sockets of root that are files (GHSA-2j9v-p4xj-cjw2), and the host
//! always has an address, since it had it from us. `0.0.0.0` and `::` connect
//! to this machine's loopback on Linux.

use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpStream, UdpSocket};
use tonic::Status;

/// Longer than the kernel's first few attempts, shorter than a user's patience.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to a program of the guest.
#[derive(Debug)]
pub enum Socket {
    /// A stream.
    Tcp(TcpStream),
    /// A connected datagram socket.
    Udp(UdpSocket),
}

/// Connects to `address`, which is `host:port` with IPv6 in brackets.
///
/// # Errors
/// Another protocol, no address, or nobody there.
pub async fn dial(protocol: &str, address: &str) -> Result<Socket, DialError> {
    let connect = |target: SocketAddr| async move {
        match protocol {
            "tcp" | "tcp4" | "tcp6" => tcp(target).await.map(Socket::Tcp),
            _ => udp(target).map(Socket::Udp),
        }
    };
    if !matches!(protocol, "tcp" | "tcp4" | "tcp6" | "udp" | "udp4" | "udp6") {
        return Err(DialError::Protocol(protocol.into()));
    }
    let target = address.parse().map_err(|_| DialError::Address(address.into()))?;
    connect(target).await.map_err(|source| DialError::Connect {
        protocol: protocol.into(),
        address: address.into(),
        source,
    })
}

async fn tcp(target: SocketAddr) -> io::Result<TcpStream> {
    let stream = tokio::time::timeout(PATIENCE, TcpStream::connect(target))
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "i/o timeout")))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Connected without being bound first: a bound socket would for a moment be
/// one that listens, and be announced.
fn udp(target: SocketAddr) -> io::Result<UdpSocket> {
    let family = if target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(family, SocketType::DGRAM, flags, None)?;
    net::connect(&socket, &target)?;
    UdpSocket::from_std(socket.into())
}

/// The text of an error as Go's tools and their users know it.
pub fn text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}

/// Why a tunnel was not opened.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Neither TCP nor UDP.
    #[error("dial {0}: only tcp and udp are allowed in a tunnel")]
    Protocol(String),
    /// Not an address and a port.
    #[error("dial: {0:?} is not an IP address with a port")]
    Address(String),
    /// Nobody answered there.
    #[error("dial {protocol} {address}: connect: {}", text(source))]
    Connect {
        /// As the host wrote it.
        protocol: String,
        /// As the host wrote it.
        address: String,
        /// What the kernel says.
        source: io::Error,
    },
}

impl From<DialError> for Status {
    fn from(error: DialError) -> Self {
        let text = error.to_string();
        match error {
            DialError::Protocol(_) => Self::permission_denied(text),
            DialError::Address(_) => Self::invalid_argument(text),
            // Lima's own agent gives no better code, and hosts know this one.
            DialError::Connect { .. } => Self::unknown(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(protocol: &str, address: &str, code: tonic::Code, expected: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let dialed = runtime.expect("runtime").block_on(dial(protocol, address));
        let status = Status::from(dialed.expect_err("refused"));
        assert_eq!((status.code(), status.message()), (code, expected));
    }

    #[test]
    fn refusals_say_why() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("port");
        let address = closed.local_addr().expect("address").to_string();
        drop(closed);
        check(
            "tcp",
            &address,
            tonic::Code::Unknown,
            &format!("dial tcp {address}: connect: connection refused"),
        );
        check(
            "unix",
            "/run/docker.sock",
            tonic::Code::PermissionDenied,
            "dial unix: only tcp and udp are allowed in a tunnel",
        );
        check(
            "tcp",
            "localhost:80",
            tonic::Code::InvalidArgument,
            "dial: \"localhost:80\" is not an IP address with a port",
        );
    }
}
