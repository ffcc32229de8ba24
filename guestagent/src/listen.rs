//! Where the host connects: a Unix socket, or vsock.
//!
//! A listener checks who is at the other end before a byte is read.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio_vsock::VsockStream;

mod unix;
mod vsock;

pub use unix::UnixEndpoint;
pub use vsock::{Peers, VsockEndpoint};

/// Which transport to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket for root and one other user.
    Unix {
        /// Where the socket is made; an older one is removed.
        path: PathBuf,
        /// The user who may connect, besides root.
        owner: u32,
    },
    /// A vsock port, for the host.
    Vsock {
        /// The port, not 0.
        port: u32,
        /// Who else may connect.
        peers: Peers,
    },
}

impl Address {
    /// The user whom the command line names as the agent's owner.
    pub fn owner(&self) -> Option<u32> {
        match self {
            Self::Unix { owner, .. } => Some(*owner),
            Self::Vsock { .. } => None,
        }
    }
}

/// An open listener.
#[derive(Debug)]
pub enum Endpoint {
    /// On a Unix socket.
    Unix(UnixEndpoint),
    /// On vsock.
    Vsock(VsockEndpoint),
}

impl Endpoint {
    /// Opens the listener.
    ///
    /// # Errors
    /// The socket cannot be made, bound or given to its owner.
    pub fn open(address: &Address) -> Result<Self, ListenError> {
        let opened = match address {
            Address::Unix { path, owner } => UnixEndpoint::open(path, *owner).map(Self::Unix),
            Address::Vsock { port, peers } => VsockEndpoint::open(*port, *peers).map(Self::Vsock),
        };
        opened.map_err(|source| ListenError { address: address.clone(), source })
    }

    /// The next connection of a peer that may connect. Others are closed.
    ///
    /// # Errors
    /// The listener is broken, or resources are short.
    pub async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Unix(endpoint) => endpoint.accept().await.map(Stream::Unix),
            Self::Vsock(endpoint) => endpoint.accept().await.map(Stream::Vsock),
        }
    }
}

/// A listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("listening on {address}")]
pub struct ListenError {
    address: Address,
    source: io::Error,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix { path, .. } => write!(f, "{}", path.display()),
            Self::Vsock { port, .. } => write!(f, "vsock port {port}"),
        }
    }
}

/// A connection of the host.
#[derive(Debug)]
pub enum Stream {
    /// Over a Unix socket.
    Unix(UnixStream),
    /// Over vsock.
    Vsock(VsockStream),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Vsock(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Vsock(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
            Self::Vsock(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Vsock(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Vsock(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Unix(stream) => stream.is_write_vectored(),
            Self::Vsock(stream) => stream.is_write_vectored(),
        }
    }
}
