//! Where a tunnel leads, as the host writes it.

use super::DialError;
use crate::tunnel::lists;
use crate::tunnel::socket::Kind;
use std::net::SocketAddr;
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
}
