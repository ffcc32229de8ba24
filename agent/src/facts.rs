//! What is there now. Everything the plan must know about the machine is read here, before it.

pub mod disks;
mod fstab;
mod logins;
pub mod network;
mod pam;
pub mod platform;
pub mod provision;
pub mod rootless;
pub mod udev;
pub mod wheel;

use std::collections::BTreeSet;
use std::time::Duration;

pub use fstab::Line;
pub use logins::{Logins, shares_fuse};
use nixvm_system::{Backing, FileError, GuestPath, Mount, System};

use crate::accounts::Accounts;
use crate::config::Finding;
use crate::step::disk::{DataDisk, Task};
use platform::Platform;

/// Largest account file that is read, in bytes.
const LIMIT: u64 = 16 << 20;

/// Files that the plan wants to write and that `NixOS` may own.
const OWNABLE: &[&str] = &[
    "/etc/environment",
    "/etc/fuse.conf",
    "/etc/hostname",
    "/etc/localtime",
    "/etc/passwd",
    "/etc/sudoers",
    "/etc/subuid",
    "/etc/subgid",
    "/etc/hosts",
    "/etc/ssh/sshd_config",
];

/// The machine as it is.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Which boot this is.
    pub boot_id: Option<String>,
    /// The account databases; `None` if they cannot be read, and then none is written.
    pub accounts: Option<Accounts>,
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// The device below `/`, if it can be grown.
    pub root: Option<Backing>,
    /// Users whose home is there.
    pub homes: BTreeSet<String>,
    /// Users that have an `authorized_keys`.
    pub with_keys: BTreeSet<String>,
    /// Whether `/etc/sudoers` reads `/etc/sudoers.d`. `None`: there is no sudo.
    pub sudo_reads_folder: Option<bool>,
    /// Files that are links into the Nix store: theirs, not ours, to change.
    pub owned_by_nixos: BTreeSet<&'static str>,
    /// Login shells that exist.
    pub shells: BTreeSet<String>,
    /// Disks, if they were looked at.
    pub disks: Option<disks::Disks>,
    /// Whether the image says that its root is not to be grown: `/etc/growroot-disabled`.
    pub growing_is_off: bool,
    /// The time.
    pub now: Duration,
    /// What kind of distribution this is.
    pub platform: Platform,
    /// Users that have subordinate ids.
    pub subordinate: BTreeSet<String>,
    /// Settings of the kernel that rootless containers need and this kernel has.
    pub sysctls: BTreeSet<&'static str>,
    /// What provisioning meets.
    pub provision: provision::Provision,
    /// Services and files of the network.
    pub network: network::NetworkFacts,
    /// What systemd mounts by itself.
    pub fstab: Vec<Line>,
    /// Whether files carry labels of `SELinux`.
    pub selinux: bool,
    /// What a login reads.
    pub logins: Logins,
    /// Whether members of the group `wheel` may do everything by sudo.
    pub wheel: Option<wheel::Wheel>,
}

impl Facts {
    /// Whether an additional disk is in use as it should be.
    fn has_disk_at(&self, device: &str) -> bool {
        let name = device.strip_prefix("/dev/").unwrap_or(device);
        let disks = self.disks.iter().flat_map(|disks| &disks.all);
        disks.flat_map(|disk| &disk.claimed).any(|claimed| claimed == name)
    }

    /// Whether what was done with an additional disk is still so.
    pub fn has_disk(&self, disk: &DataDisk) -> bool {
        match &disk.task {
            Task::Mount { .. } => {
                let target = DataDisk::mount_point(&disk.name);
                self.mounts.iter().any(|mount| mount.target == target)
            }
            Task::Swap { device, .. } => self.has_disk_at(device),
            Task::Format { .. } | Task::Refuse { .. } => false,
        }
    }
}

/// Reads all of it. What cannot be read becomes a finding; what depends on it is then left alone.
pub fn read(system: &dyn System) -> (Facts, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut note = |message: String| {
        findings.push(Finding::error("machine-unreadable", "", message));
    };
    let accounts = accounts(system).map_err(|error| note(with_cause(&error))).ok().flatten();
    let (homes, with_keys) = accounts.as_ref().map(|it| homes(system, it)).unwrap_or_default();
    let subordinate = accounts.as_ref().map(|it| rootless::subordinate(system, it));
    let interfaces =
        interfaces(system).map_err(|error| note(with_cause(&error))).unwrap_or_default();
    let facts = Facts {
        network: network::read(system, &interfaces),
        boot_id: system.boot_id(),
        accounts,
        homes,
        with_keys,
        mounts: system.mounts().map_err(|error| note(with_cause(&error))).unwrap_or_default(),
        root: system
            .backing(&GuestPath::root())
            .map_err(|error| note(with_cause(&error)))
            .ok()
            .flatten(),
        sudo_reads_folder: sudo(system)
            .map_err(|error| note(with_cause(&error)))
            .unwrap_or_default(),
        owned_by_nixos: owned(system),
        shells: shells(system),
        disks: None,
        growing_is_off: growing_is_off(system),
        now: system.now(),
        platform: platform::read(system),
        subordinate: subordinate.unwrap_or_default(),
        sysctls: rootless::sysctls(system),
        provision: provision::Provision::default(),
        fstab: fstab::read(system),
        selinux: selinux(system),
        logins: logins::read(system),
        wheel: wheel::read(system),
    };
    (facts, findings)
}

/// The message of an error and of all its causes.
pub fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// The account databases as they are now. Also used when they are about to be changed.
/// `None`: there is no `/etc/passwd`, so whatever keeps the accounts is not ours.
pub fn accounts(system: &dyn System) -> Result<Option<Accounts>, FileError> {
    let read = |name: &str| match GuestPath::new(name) {
        Ok(path) => system.read(&path, LIMIT),
        Err(_) => Ok(None),
    };
    let Some(passwd) = read("/etc/passwd")? else { return Ok(None) };
    let group = read("/etc/group")?.unwrap_or_default();
    Ok(Some(Accounts::new(passwd, group, read("/etc/shadow")?, read("/etc/gshadow")?)))
}

/// What cannot be looked at counts as there: it is not ours to make then.
fn homes(system: &dyn System, accounts: &Accounts) -> (BTreeSet<String>, BTreeSet<String>) {
    let is_there = |path: &GuestPath| !matches!(system.stat(path), Ok(None));
    let (mut homes, mut with_keys) = (BTreeSet::new(), BTreeSet::new());
    for account in accounts.all() {
        let Ok(home) = GuestPath::new(&account.home) else { continue };
        if is_there(&home) {
            homes.insert(account.name.clone());
        }
        if home.join(".ssh/authorized_keys").is_ok_and(|file| is_there(&file)) {
            with_keys.insert(account.name);
        }
    }
    (homes, with_keys)
}

fn interfaces(system: &dyn System) -> Result<Vec<(String, String)>, FileError> {
    let mut interfaces = Vec::new();
    let Ok(folder) = GuestPath::new("/sys/class/net") else { return Ok(interfaces) };
    for name in system.list(&folder)?.unwrap_or_default() {
        let below = |file: &str| folder.join(&format!("{name}/{file}"));
        let (Ok(device), Ok(address)) = (below("device"), below("address")) else { continue };
        // Bridges, VLANs and bonds carry the MAC of a device and are none; bonding_masters is a
        // file, below which nothing can be.
        if !matches!(system.stat(&device), Ok(Some(_))) {
            continue;
        }
        if let Some(mac) = system.read(&address, 64)? {
            interfaces.push((name, String::from_utf8_lossy(&mac).trim().to_lowercase()));
        }
    }
    Ok(interfaces)
}

fn sudo(system: &dyn System) -> Result<Option<bool>, FileError> {
    let Ok(path) = GuestPath::new("/etc/sudoers") else { return Ok(None) };
    let reads = |line: &str| {
        let mut words = line.split_whitespace();
        matches!(words.next(), Some("@includedir" | "#includedir"))
            && words.next() == Some("/etc/sudoers.d")
    };
    let text = system.read(&path, LIMIT)?;
    Ok(text.map(|text| String::from_utf8_lossy(&text).lines().any(reads)))
}

fn owned(system: &dyn System) -> BTreeSet<&'static str> {
    let is_owned = |name: &&&str| {
        let target = GuestPath::new(name).ok().and_then(|path| system.read_link(&path).ok()?);
        target.is_some_and(|target| {
            target.starts_with("/etc/static/") || target.starts_with("/nix/store/")
        })
    };
    OWNABLE.iter().filter(is_owned).copied().collect()
}

/// What cannot be looked at counts as there: then nothing is grown.
fn growing_is_off(system: &dyn System) -> bool {
    GuestPath::new("/etc/growroot-disabled")
        .is_ok_and(|path| !matches!(system.stat(&path), Ok(None)))
}

/// The folder is there when the kernel has it, the file when it is in use.
fn selinux(system: &dyn System) -> bool {
    GuestPath::new("/sys/fs/selinux/enforce")
        .is_ok_and(|it| matches!(system.stat(&it), Ok(Some(_))))
}

fn shells(system: &dyn System) -> BTreeSet<String> {
    ["/bin/bash", "/bin/sh", "/usr/bin/bash", "/run/current-system/sw/bin/bash"]
        .into_iter()
        .filter(|shell| {
            GuestPath::new(shell).is_ok_and(|path| matches!(system.open(&path), Ok(Some(_))))
        })
        .map(str::to_owned)
        .collect()
}
