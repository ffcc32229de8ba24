//! What a tunnel may reach, and reaching it.
//!
//! TCP and UDP by address only: the host always has one, since it had it from
//! us. `0.0.0.0` and `::` connect to this machine's loopback on Linux. A Unix
//! socket is reached by its path, where the owner of the agent may open it:
//! the kernel decides that, since it is the owner who connects.

use super::decode::Handshake;
use super::lists;
use super::owner::Owner;
use super::socket::{Kind, Socket};
use crate::grpc::{Code, Status};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// Where a tunnel leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A UDP port.
    Udp(SocketAddr),
    /// The absolute path of a Unix socket.
    Unix(PathBuf),
}

impl Target {
    /// Reads what the host wrote: an address with a port (IPv6 in brackets),
    /// or a path.
    ///
    /// # Errors
    /// Another protocol, or no address or path.
    pub fn parse(protocol: &str, target: &str) -> Result<Self, DialError> {
        let address = || target.parse().map_err(|_| DialError::Address(target.into()));
        match protocol {
            "tcp" | "tcp4" | "tcp6" => Ok(Self::Tcp(address()?)),
            "udp" | "udp4" | "udp6" => Ok(Self::Udp(address()?)),
            // An abstract name (`@name`) has no owner and no mode to keep to.
            "unix" if lists::plain(target) => Ok(Self::Unix(target.into())),
            "unix" => Err(DialError::Path(target.into())),
            _ => Err(DialError::Protocol(protocol.into())),
        }
    }

    /// What its socket carries.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Udp(_) => Kind::Datagram,
            Self::Tcp(_) | Self::Unix(_) => Kind::Stream,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp {address}"),
            Self::Udp(address) => write!(f, "udp {address}"),
            Self::Unix(path) => write!(f, "unix {}", path.display()),
        }
    }
}

/// Begins to connect, with the owner's rights.
///
/// # Errors
/// The rights could not be taken, or the kernel refused at once.
pub fn dial(target: &Target, owner: &Owner) -> Result<Socket, DialError> {
    let failed = |source| DialError::Connect { target: target.to_string(), source };
    let fd = owner.act(|| connect(target)).map_err(|source| DialError::Rights { source })?;
    fd.and_then(|fd| Socket::new(fd, target.kind())).map_err(failed)
}

/// UDP is connected without being bound first: a bound socket would for a
/// moment be one that listens, and be announced.
fn connect(target: &Target) -> io::Result<OwnedFd> {
    let socket = |family, kind| {
        net::socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)
    };
    let family = |address: &SocketAddr| match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let (fd, begun) = match target {
        Target::Tcp(address) => {
            let fd = socket(family(address), SocketType::STREAM)?;
            sockopt::set_tcp_nodelay(&fd, true)?;
            let begun = net::connect(&fd, address);
            (fd, begun)
        }
        Target::Udp(address) => {
            let fd = socket(family(address), SocketType::DGRAM)?;
            let begun = net::connect(&fd, address);
            (fd, begun)
        }
        Target::Unix(path) => {
            let fd = socket(AddressFamily::UNIX, SocketType::STREAM)?;
            let begun = net::connect(&fd, &SocketAddrUnix::new(path)?);
            (fd, begun)
        }
    };
    match begun {
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

/// Why a tunnel was not opened.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// None of the three.
    #[error("dial {0}: only tcp, udp and unix are allowed in a tunnel")]
    Protocol(String),
    /// Not an address and a port.
    #[error("dial: {0:?} is not an IP address with a port")]
    Address(String),
    /// Not a path.
    #[error("dial: {0:?} is not an absolute path without ..")]
    Path(String),
    /// A rule, or no owner to dial for.
    #[error("dial {target}: {reason}")]
    Denied {
        /// Where to.
        target: String,
        /// The rule.
        reason: String,
    },
    /// The account files, or the switch to another user.
    #[error("dial: taking the owner's rights: {source}")]
    Rights {
        /// What the kernel says.
        source: io::Error,
    },
    /// Nobody answered there.
    #[error("dial {target}: connect: {}", text(source))]
    Connect {
        /// Where to.
        target: String,
        /// What the kernel says.
        source: io::Error,
    },
}

impl DialError {
    /// Whether the agent would not, where another might have.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Protocol(_) | Self::Denied { .. } | Self::Path(_) => true,
            // The owner may not, and root might have.
            Self::Connect { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
            Self::Address(_) | Self::Rights { .. } => false,
        }
    }
}

impl From<&DialError> for Status {
    fn from(error: &DialError) -> Self {
        let code = match error {
            DialError::Protocol(_) | DialError::Denied { .. } => Code::PermissionDenied,
            DialError::Address(_) | DialError::Path(_) => Code::InvalidArgument,
            DialError::Rights { .. } => Code::Internal,
            // Lima's own agent gives no better code, and hosts know this one.
            DialError::Connect { .. } => Code::Unknown,
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_addresses_and_paths() {
        for (protocol, target, expected) in [
            ("tcp", "127.0.0.1:80", Ok("tcp 127.0.0.1:80")),
            ("tcp6", "[::1]:80", Ok("tcp [::1]:80")),
            ("udp", "0.0.0.0:53", Ok("udp 0.0.0.0:53")),
            ("unix", "/run/user/501/x", Ok("unix /run/user/501/x")),
            ("unix", "@abstract", Err("dial: \"@abstract\" is not an absolute path without ..")),
            (
                "unixgram",
                "/x",
                Err("dial unixgram: only tcp, udp and unix are allowed in a tunnel"),
            ),
            ("tcp", "localhost:80", Err("dial: \"localhost:80\" is not an IP address with a port")),
            ("tcp", "::1:80", Err("dial: \"::1:80\" is not an IP address with a port")),
        ] {
            let parsed = Target::parse(protocol, target);
            let shown = parsed.map(|t| t.to_string()).map_err(|error| error.to_string());
            assert_eq!(shown, expected.map(Into::into).map_err(Into::into));
        }
    }

    #[test]
    fn what_the_owner_may_not_open_is_a_refusal_and_a_closed_port_is_none() {
        use io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied};
        for (kind, refusal) in
            [(PermissionDenied, true), (NotFound, false), (ConnectionRefused, false)]
        {
            let error = DialError::Connect { target: "unix /x".into(), source: kind.into() };
            assert_eq!(error.is_refusal(), refusal, "{error}");
        }
    }
}
