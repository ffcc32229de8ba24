//! Steps about the network.

use std::net::Ipv4Addr;

use nixvm_system::{GuestPath, Redirect};
use serde::Serialize;

use super::Rename;
use crate::config::types::Hostname;

/// Configuration of interfaces: all files of ours, and no other of ours.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Configuration {
    /// File, text and mode.
    pub files: Vec<(GuestPath, String, u32)>,
    /// Files of ours that no longer belong there.
    pub stale: Vec<GuestPath>,
    /// Interfaces to rename.
    pub renames: Vec<Rename>,
    /// What the service must be told.
    pub tell: Tell,
}

/// What a service must be told after its files changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tell {
    /// Nothing: it is started later in the boot, or told that it need not.
    #[default]
    Nothing,
    /// systemd-networkd runs: it reads its files again.
    ReloadNetworkd,
    /// NetworkManager runs: it reads its files again.
    ReloadNetworkManager,
    /// Nobody wants systemd-networkd started, and nobody else does its work.
    StartNetworkd,
}

/// A line of `/etc/hosts`.
#[derive(Clone, Debug, Serialize)]
pub struct HostsLine {
    /// Address.
    pub address: Ipv4Addr,
    /// Name.
    pub name: Hostname,
}

/// A table of nftables.
#[derive(Clone, Debug, Serialize)]
pub struct Redirects {
    /// Its name.
    pub table: &'static str,
    /// What it does.
    pub redirects: Vec<Redirect>,
}

/// A drop-in of systemd-resolved.
#[derive(Clone, Debug, Serialize)]
pub struct Resolved {
    /// Its text.
    pub text: &'static str,
    /// Whether the service runs and has to be told.
    pub is_running: bool,
}
