//! Which family of distributions this is, by what is there and not by its name, so that a derived
//! one is served like its parent.

use nixvm_system::{GuestPath, System};
use serde::Serialize;

/// Families that are treated differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Platform {
    /// The system is made from a declaration; what it declares is not ours.
    pub is_nixos: bool,
    /// Debian, Ubuntu and what comes from them.
    pub is_debian: bool,
    /// Fedora, whose kernel and rules give graphics to users by themselves.
    pub is_fedora: bool,
    /// Boots by `OpenRC`, as Alpine does: none of our units run there.
    pub is_openrc: bool,
    /// How certificates become trusted.
    pub trust: Option<TrustStore>,
}

/// Where a family looks for certificates to trust, and by which tool it takes them over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustStore {
    /// Fedora, RHEL and their like: `update-ca-trust(8)`.
    RedHat,
    /// SUSE: `update-ca-certificates(8)` of p11-kit.
    Suse,
    /// Arch Linux.
    Arch,
    /// VMware Photon.
    Photon,
    /// Debian, Ubuntu: `update-ca-certificates(8)`.
    Debian,
}

impl TrustStore {
    /// Whoever has the folder or tool of a family is of that family; Debian's tool, which others
    /// have too, is asked for last.
    const SIGNS: [(&str, Self); 5] = [
        ("/etc/pki/ca-trust/source", Self::RedHat),
        ("/etc/pki/trust", Self::Suse),
        ("/etc/ca-certificates/trust-source", Self::Arch),
        ("/usr/bin/rehash_ca_certificates.sh", Self::Photon),
        ("/usr/sbin/update-ca-certificates", Self::Debian),
    ];

    /// Folder for the administrator's own.
    pub fn folder(self) -> &'static str {
        match self {
            Self::RedHat => "/etc/pki/ca-trust/source/anchors",
            Self::Suse => "/etc/pki/trust/anchors",
            Self::Arch => "/etc/ca-certificates/trust-source/anchors",
            Self::Photon => "/etc/ssl/certs",
            Self::Debian => "/usr/local/share/ca-certificates",
        }
    }

    /// What takes them over.
    pub fn tool(self) -> &'static str {
        match self {
            Self::RedHat | Self::Arch => "update-ca-trust",
            Self::Suse | Self::Debian => "update-ca-certificates",
            Self::Photon => "rehash_ca_certificates.sh",
        }
    }
}

/// Looks around. What cannot be looked at counts as absent.
pub fn read(system: &dyn System) -> Platform {
    let has = |name: &str| {
        let path = GuestPath::new(name).ok();
        path.is_some_and(|path| matches!(system.stat(&path), Ok(Some(_))))
    };
    let is_debian = has("/etc/debian_version");
    let trust = TrustStore::SIGNS.iter().find(|(sign, _)| has(sign)).map(|(_, store)| *store);
    Platform {
        is_nixos: has("/etc/NIXOS") || has("/run/current-system"),
        is_debian,
        is_fedora: has("/etc/fedora-release"),
        is_openrc: has("/sbin/openrc-run"),
        trust: trust.or(is_debian.then_some(TrustStore::Debian)),
    }
}
