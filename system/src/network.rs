//! [`Network`]: names of interfaces, and connections that are led elsewhere.

use std::net::SocketAddrV4;

use crate::Change;

/// Network interfaces and address translation of the machine.
pub trait Network {
    /// Gives an interface another name. One that is up is set down for the moment, since only new
    /// kernels rename it as it is.
    fn rename_interface(&mut self, from: &str, to: &str) -> Result<Change, NetworkError>;

    /// Makes the table `name` of nftables (family `ip`) so that these redirects hold, for packets
    /// of this machine and for those that come by. An old table of this name is replaced in one
    /// step of the kernel; without redirects the table is removed.
    fn redirect(&mut self, name: &str, redirects: &[Redirect]) -> Result<Change, NetworkError>;
}

/// Packets to one address and port go to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Redirect {
    /// Which packets.
    pub protocol: Transport,
    /// Where they want to go.
    pub from: SocketAddrV4,
    /// Where they go.
    pub to: SocketAddrV4,
}

/// Protocols with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Why the network could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The kernel refused the name, or has no such interface.
    #[error("renaming the interface {from} to {to}")]
    Rename {
        /// Name now.
        from: String,
        /// Name wanted.
        to: String,
        /// The kernel's word.
        #[source]
        source: std::io::Error,
    },
    /// The kernel has no nftables, or lacks a part of it.
    #[error("making the nftables table {name}: the kernel has no address translation by nftables")]
    NoTables {
        /// The table.
        name: String,
        /// The kernel's word.
        #[source]
        source: std::io::Error,
    },
    /// The kernel refused the table.
    #[error("making the nftables table {name}")]
    Table {
        /// The table.
        name: String,
        /// The kernel's word.
        #[source]
        source: std::io::Error,
    },
}

impl NetworkError {
    /// Stable name of the cause, for reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rename { .. } => "rename-failed",
            Self::NoTables { .. } => "no-nftables",
            Self::Table { .. } => "nftables-failed",
        }
    }
}
