//! Sockets that systemd listens on and hands over (`sd_listen_fds(3)`): the
//! unit's `.socket` decides where, with which mode and for whom.

use super::{Address, Endpoint, Peers, UnixEndpoint, VsockEndpoint};
use rustix::fs::OFlags;
use rustix::net::{AddressFamily, SocketType, sockopt};
use std::io::{self, ErrorKind};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

static TAKEN: AtomicBool = AtomicBool::new(false);

/// A listener that was handed over.
#[derive(Debug)]
pub struct Activated {
    /// Where it listens; none if it has no address of ours.
    pub address: Option<Address>,
    /// For logs: the name of the unit's `FileDescriptorName=`.
    pub name: String,
    /// The listener.
    pub endpoint: Endpoint,
}

/// All that were handed over, at the first call. One that is of no use is
/// logged and left out. `owner` may use the Unix sockets, besides root.
///
/// # Errors
/// What the service manager says of them makes no sense.
pub fn activated(owner: u32) -> io::Result<Vec<Activated>> {
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for (fd, name) in sd_notify::listen_fds_with_names()? {
        // SAFETY: the service manager opened these descriptors for this process
        // (`LISTEN_PID` was compared), nothing else here knows of them, and
        // `TAKEN` keeps a second call away.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        match take(socket, name.clone(), owner) {
            Ok(activated) => found.push(activated),
            Err(error) => tracing::error!(name, %error, "socket of the service manager not used"),
        }
    }
    Ok(found)
}

fn take(socket: OwnedFd, name: String, owner: u32) -> io::Result<Activated> {
    let unusable = |text| Err(io::Error::new(ErrorKind::InvalidInput, text));
    if sockopt::socket_type(&socket)? != SocketType::STREAM || !sockopt::socket_acceptconn(&socket)?
    {
        return unusable("it is no listening stream socket (Accept=no, ListenStream=)");
    }
    let flags = rustix::fs::fcntl_getfl(&socket)?;
    rustix::fs::fcntl_setfl(&socket, flags | OFlags::NONBLOCK)?;
    let (address, endpoint) = match sockopt::socket_domain(&socket)? {
        AddressFamily::UNIX => {
            let endpoint = UnixEndpoint::inherited(socket, owner)?;
            let address = endpoint.place()?.map(|path| Address::Unix { path, owner });
            (address, Endpoint::Unix(endpoint))
        }
        AddressFamily::VSOCK => {
            let endpoint = VsockEndpoint::inherited(socket);
            let port = endpoint.port()?;
            (Some(Address::Vsock { port, peers: Peers::Host }), Endpoint::Vsock(endpoint))
        }
        _ => return unusable("it is neither a Unix nor a vsock socket"),
    };
    Ok(Activated { address, name, endpoint })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixDatagram, UnixListener};

    #[tokio::test]
    async fn unix_listener_is_used_and_its_file_stays() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("a.sock");
        let socket = UnixListener::bind(&path).expect("socket");
        let activated = take(socket.into(), "ga".into(), 7).expect("taken");
        assert_eq!(activated.address, Some(Address::Unix { path: path.clone(), owner: 7 }));
        drop(activated);
        assert!(path.exists(), "the socket's file is systemd's");
    }

    #[tokio::test]
    async fn what_does_not_listen_is_refused() {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("socket");
        let (pair, _other) = std::os::unix::net::UnixStream::pair().expect("sockets");
        let datagram = UnixDatagram::unbound().expect("socket");
        for socket in [OwnedFd::from(tcp), pair.into(), datagram.into()] {
            let error = take(socket, "x".into(), 0).expect_err("unusable");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }
}
