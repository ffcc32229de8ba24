//! Where to listen, as flags and the settings file say it.

use super::Peers;
use std::path::PathBuf;

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
    /// A virtio-serial port, for whoever the hypervisor lets have its other
    /// end.
    Virtio {
        /// Its name below `/dev/virtio-ports`, or an absolute path.
        name: String,
    },
}

impl Address {
    /// Reads `vsock:PORT`, `virtio:NAME` or `unix:PATH`. The owner of a Unix
    /// socket is not part of the text: it is root.
    ///
    /// # Errors
    /// Another kind, or a value that is not one of its kind.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        match text.split_once(':') {
            Some(("vsock", port)) => match port.parse() {
                Ok(0) | Err(_) => Err(AddressError::Port(text.into())),
                Ok(port) => Ok(Self::Vsock { port, peers: Peers::Host }),
            },
            Some(("virtio", name)) if is_port_name(name) => Ok(Self::Virtio { name: name.into() }),
            Some(("virtio", _)) => Err(AddressError::Name(text.into())),
            Some(("unix", path)) if path.starts_with('/') => {
                Ok(Self::Unix { path: path.into(), owner: 0 })
            }
            Some(("unix", _)) => Err(AddressError::Path(text.into())),
            _ => Err(AddressError::Kind(text.into())),
        }
    }

    /// The same place, for this user if it is one that has a user.
    #[must_use]
    pub fn owned_by(self, owner: u32) -> Self {
        match self {
            Self::Unix { path, .. } => Self::Unix { path, owner },
            other => other,
        }
    }

    /// Whether both would listen at the same place.
    pub fn same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unix { path: a, .. }, Self::Unix { path: b, .. }) => a == b,
            (Self::Vsock { port: a, .. }, Self::Vsock { port: b, .. }) => a == b,
            (Self::Virtio { name: a }, Self::Virtio { name: b }) => a == b,
            _ => false,
        }
    }
}

/// A name is one component of a path, or a whole path.
fn is_port_name(name: &str) -> bool {
    let component = !name.contains('/') && name != "." && name != "..";
    !name.is_empty() && (component || name.starts_with('/'))
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix { path, .. } => write!(f, "{}", path.display()),
            Self::Vsock { port, .. } => write!(f, "vsock port {port}"),
            Self::Virtio { name } => write!(f, "virtio port {name}"),
        }
    }
}

/// Why a text is no address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AddressError {
    /// No kind that there is.
    #[error("{0:?} is not vsock:PORT, virtio:NAME or unix:PATH")]
    Kind(String),
    /// vsock.
    #[error("{0:?}: the port is a number from 1 to 4294967295")]
    Port(String),
    /// virtio.
    #[error("{0:?}: the name is one of /dev/virtio-ports, or an absolute path")]
    Name(String),
    /// unix.
    #[error("{0:?}: the path is absolute")]
    Path(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read() {
        let name = "io.lima-vm.guest_agent.0".to_owned();
        for (text, address) in [
            ("vsock:2222", Address::Vsock { port: 2222, peers: Peers::Host }),
            ("virtio:io.lima-vm.guest_agent.0", Address::Virtio { name }),
            ("virtio:/dev/vport0p1", Address::Virtio { name: "/dev/vport0p1".into() }),
            ("unix:/run/a:b", Address::Unix { path: "/run/a:b".into(), owner: 0 }),
        ] {
            assert_eq!(Address::parse(text), Ok(address), "{text}");
        }
    }

    #[test]
    fn nonsense_is_named() {
        for (text, error) in [
            ("2222", AddressError::Kind as fn(String) -> AddressError),
            ("tcp:80", AddressError::Kind),
            ("vsock:0", AddressError::Port),
            ("vsock:4294967296", AddressError::Port),
            ("virtio:", AddressError::Name),
            ("virtio:../null", AddressError::Name),
            ("unix:run/a", AddressError::Path),
        ] {
            assert_eq!(Address::parse(text), Err(error(text.into())), "{text}");
        }
    }
}
