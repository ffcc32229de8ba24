//! Where the host connects: Unix sockets, vsock, virtio-serial ports, and
//! sockets that systemd hands over; several at a time.
//!
//! An [`Address`] says where, an [`Endpoint`] is the open listener, a
//! [`Stream`] one connection with the [`Peer`] at its other end. Who that is
//! is checked before a byte is read.

use std::io;

mod activation;
mod address;
mod fd_stream;
mod keeper;
mod peer;
mod reactor;
mod stream;
mod unix;
mod virtio;
mod vsock;

pub use activation::{Activated, activated};
pub use address::{Address, AddressError};
pub use keeper::open;
pub use peer::Peer;
pub use stream::Stream;
pub use unix::UnixEndpoint;
pub use virtio::{VirtioEndpoint, VirtioStream};
pub use vsock::{Peers, VsockEndpoint};

/// An open listener.
#[derive(Debug)]
pub enum Endpoint {
    /// On a Unix socket.
    Unix(UnixEndpoint),
    /// On vsock.
    Vsock(VsockEndpoint),
    /// On a virtio-serial port.
    Virtio(VirtioEndpoint),
}

impl Endpoint {
    /// Opens the listener, in one attempt. A virtio-serial port is only opened
    /// by [`Self::accept`], which waits for the device if it is not there yet.
    ///
    /// # Errors
    /// The socket cannot be made, bound or given to its owner.
    pub fn open(address: &Address) -> Result<Self, ListenError> {
        let opened = match address {
            Address::Unix { path, owner } => UnixEndpoint::open(path, *owner).map(Self::Unix),
            Address::Vsock { port, peers } => VsockEndpoint::open(*port, *peers).map(Self::Vsock),
            Address::Virtio { name } => Ok(Self::Virtio(VirtioEndpoint::new(name))),
        };
        opened.map_err(|source| ListenError { address: address.clone(), source })
    }

    /// The next connection of a peer that may connect. Others are closed.
    ///
    /// # Errors
    /// The listener is broken, or resources are short.
    pub async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Unix(endpoint) => {
                let (stream, peer) = endpoint.accept().await?;
                Ok((Stream::Socket(stream), peer))
            }
            Self::Vsock(endpoint) => {
                let (stream, peer) = endpoint.accept().await?;
                Ok((Stream::Socket(stream), peer))
            }
            Self::Virtio(endpoint) => {
                let (stream, peer) = endpoint.accept().await?;
                Ok((Stream::Virtio(stream), peer))
            }
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
