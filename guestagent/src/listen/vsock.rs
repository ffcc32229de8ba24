//! The vsock port. Any process of the guest can reach it through the loopback
//! CID, so only the host's CID may connect.

use super::Peer;
use super::fd_stream::FdStream;
use std::io;
use std::os::fd::OwnedFd;
use tokio_vsock::{VMADDR_CID_ANY, VMADDR_CID_HOST, VMADDR_CID_LOCAL, VsockAddr, VsockListener};

/// Who may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peers {
    /// The host only.
    Host,
    /// The host, and processes of this machine: for tests without a host.
    HostAndLocal,
}

/// A listener on vsock.
#[derive(Debug)]
pub struct VsockEndpoint {
    listener: VsockListener,
    peers: Peers,
}

impl VsockEndpoint {
    /// Listens on a port of whatever CID this guest has, now or later.
    ///
    /// # Errors
    /// No vsock in this kernel, or the port is taken.
    pub fn open(port: u32, peers: Peers) -> io::Result<Self> {
        let listener = VsockListener::bind(VsockAddr::new(VMADDR_CID_ANY, port));
        Ok(Self { listener: listener.map_err(|error| explained(error, port))?, peers })
    }

    /// Takes a socket that listens already and does not block.
    pub(super) fn inherited(socket: OwnedFd) -> Self {
        Self { listener: VsockListener::from(socket), peers: Peers::Host }
    }

    /// The port it listens on.
    pub(super) fn port(&self) -> io::Result<u32> {
        Ok(self.listener.local_addr()?.port())
    }

    /// The next connection of a peer that may connect.
    ///
    /// # Errors
    /// As of `accept(2)`.
    pub async fn accept(&self) -> io::Result<(FdStream, Peer)> {
        loop {
            let (stream, peer) = self.listener.accept().await?;
            let name = match peer.cid() {
                VMADDR_CID_HOST => "vsock host",
                VMADDR_CID_LOCAL if self.peers == Peers::HostAndLocal => "vsock guest",
                cid => {
                    tracing::warn!(
                        cid,
                        port = peer.port(),
                        "vsock connection refused: not the host"
                    );
                    continue;
                }
            };
            return Ok((FdStream::new(OwnedFd::from(stream)), Peer::named(name)));
        }
    }
}

/// Whoever listens there may be another guest agent, and says nothing.
fn explained(error: io::Error, port: u32) -> io::Error {
    match error.kind() {
        io::ErrorKind::AddrInUse => io::Error::new(
            error.kind(),
            format!("another program listens on vsock port {port}; `ss --vsock -lp` names it"),
        ),
        _ => error,
    }
}
