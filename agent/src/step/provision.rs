//! Steps of provisioning that are not scripts.

use nixvm_system::{GuestPath, Secret};
use serde::Serialize;

use crate::config::env_file::Variables;
use crate::config::provision::{FileOwner, Method, PackageWish};
use crate::packages::Line;

/// A file to write or to edit.
#[derive(Clone, Debug, Serialize)]
pub struct FileStep {
    /// How.
    pub method: Method,
    /// Content or expression, which may hold secrets: only a digest is ever shown.
    #[serde(serialize_with = "super::digest_only")]
    pub text: Secret<Vec<u8>>,
    /// The file.
    pub path: GuestPath,
    /// Its owner.
    pub owner: FileOwner,
    /// Its permission bits.
    pub mode: u32,
    /// Environment of the expression; values may be secrets.
    #[serde(skip)]
    pub env: Secret<Variables>,
}

/// Commands of the package manager.
#[derive(Clone, Debug, Serialize)]
pub struct PackageStep {
    /// In order.
    pub lines: Vec<Line>,
    /// Which of them must succeed. That an index is old matters only if then nothing is found.
    pub must: Must,
    /// What makes it another step.
    pub instance: Option<String>,
    /// Whether the machine is to be rebooted if the packages ask for it.
    pub reboot: bool,
    /// Environment, with the way through a proxy; values may be secrets.
    #[serde(skip)]
    pub env: Secret<Variables>,
}

/// Which commands must succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Must {
    /// Each.
    All,
    /// The last one.
    Last,
}

/// Lima's own script that installs containerd.
#[derive(Clone, Debug, Serialize)]
pub struct ContainerdStep {
    /// What is wanted.
    pub wish: PackageWish,
    /// What tells one archive from another.
    pub archive: Option<String>,
    /// The user of the guest.
    pub user: String,
    /// Environment; values may be secrets.
    #[serde(skip)]
    pub env: Secret<Variables>,
    /// Longest time in seconds.
    #[serde(skip)]
    pub limit: u64,
}
