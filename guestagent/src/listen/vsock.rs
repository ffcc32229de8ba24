//! The vsock port. Any process of the guest can reach it through the loopback
//! CID, so only the host's CID may connect.

use std::io;
use tokio_vsock::{
    VMADDR_CID_ANY, VMADDR_CID_HOST, VMADDR_CID_LOCAL, VsockAddr, VsockListener, VsockStream,
};

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
        let listener = VsockListener::bind(VsockAddr::new(VMADDR_CID_ANY, port))?;
        Ok(Self { listener, peers })
    }

    /// The next connection of a peer that may connect.
    ///
    /// # Errors
    /// As of `accept(2)`.
    pub async fn accept(&self) -> io::Result<VsockStream> {
        loop {
            let (stream, peer) = self.listener.accept().await?;
            match peer.cid() {
                VMADDR_CID_HOST => return Ok(stream),
                VMADDR_CID_LOCAL if self.peers == Peers::HostAndLocal => return Ok(stream),
                cid => tracing::warn!(cid, "connection from another machine refused"),
            }
        }
    }
}
