//! What a tunnel may reach, and reaching it.
//!
//! TCP and UDP by address only: the host always has one, since it had it from
//! us. `0.0.0.0` and `::` connect to this machine's loopback on Linux. A Unix
//! socket is reached by its path, where the owner of the agent may open it:
//! the kernel decides that, since it is the owner who connects.

use super::decode::Handshake;
use super::owner::Owner;
use super::socket::Socket;
use crate::grpc::Status;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;

mod error;
mod spare;
mod target;

pub use error::DialError;
pub use spare::Spares;
pub use target::Target;

/// Begins to connect, with the owner's rights.
///
/// # Errors
/// The rights could not be taken, or the kernel refused at once.
pub fn dial(target: &Target, owner: &Rc<Owner>, spares: &Spares) -> Result<Socket, DialError> {
    let begun = match target {
        Target::Tcp(address) => spares
            .take(owner, family(*address))
            .map(|made| made.and_then(|fd| begin(net::connect(&fd, address), fd))),
        Target::Udp(address) => owner.act(|| udp(*address)),
        Target::Unix(path) => owner.act(|| unix(path)),
    };
    let fd = begun.map_err(|source| DialError::Rights { source })?;
    let failed = |source| DialError::Connect { target: target.to_string(), source };
    fd.map(|fd| Socket::new(fd, target.kind())).map_err(failed)
}

/// Connected without being bound first: a bound socket would for a moment be
/// one that listens, and be announced.
fn udp(address: SocketAddr) -> io::Result<OwnedFd> {
    let fd = socket(family(address), SocketType::DGRAM)?;
    begin(net::connect(&fd, &address), fd)
}

fn unix(path: &Path) -> io::Result<OwnedFd> {
    let fd = socket(AddressFamily::UNIX, SocketType::STREAM)?;
    begin(net::connect(&fd, &SocketAddrUnix::new(path)?), fd)
}

fn socket(family: AddressFamily, kind: SocketType) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(net::socket_with(family, kind, flags, None)?)
}

fn family(address: SocketAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 }
}

fn begin(connecting: rustix::io::Result<()>, fd: OwnedFd) -> io::Result<OwnedFd> {
    match connecting {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(fd),
        Err(error) => Err(error.into()),
    }
}

/// The end of a tunnel whose connection was begun and has failed.
pub fn refused(wanted: &Handshake, source: io::Error) -> Status {
    let target = format!("{} {}", wanted.protocol, wanted.target);
    tracing::debug!(target, error = %source, "tunnel not connected");
    Status::from(&DialError::Connect { target, source })
}

/// The text of an error as Go's tools and their users know it.
pub fn text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}
