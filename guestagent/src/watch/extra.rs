//! Ports that no socket of ours shows, and who asked for them.
//!
//! A cluster's services and rules that rewrite a destination lead packets to
//! sockets of other network namespaces. Whoever watches for them publishes the
//! whole list each time; the table merges it, and leaves out what a socket of
//! the same protocol and number already covers.

use crate::port::Port;
use std::collections::BTreeMap;
use std::fmt;

/// Ports that no socket of ours shows: services of Kubernetes, DNAT rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// The ports now, and where each comes from.
    pub ports: BTreeMap<Port, Origin>,
    /// Lines for `status`: what is watched, how, and what cannot be.
    pub notes: Vec<String>,
}

/// Where a port without a socket comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A service of type `NodePort` or `LoadBalancer`.
    Kubernetes {
        /// Its namespace.
        namespace: String,
        /// Its name.
        service: String,
    },
    /// A DNAT or redirect rule of nftables.
    Nft {
        /// The table.
        table: String,
        /// The chain in it.
        chain: String,
    },
    /// A DNAT or REDIRECT rule of iptables-legacy.
    Iptables {
        /// The chain of table `nat`.
        chain: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kubernetes { namespace, service } => {
                write!(f, "kubernetes {namespace}/{service}")
            }
            Self::Nft { table, chain } => write!(f, "nft {table} {chain}"),
            Self::Iptables { chain } => write!(f, "iptables nat {chain}"),
        }
    }
}
