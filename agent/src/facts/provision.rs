//! What provisioning meets on this machine.

use std::collections::{BTreeMap, BTreeSet};

use nixvm_system::{Command, GuestPath, ReadAt, System};

use crate::config::Config;
use crate::config::lima::Lima;
use crate::config::provision::interpreter;
use crate::packages::{Family, Tool};
use crate::source::Seed;

/// Where the medium is mounted, and with it containerd's archive.
const CIDATA: &str = "/mnt/lima-cidata";

/// networkd runs, or will.
const NETWORKD: &[&str] = &[
    "/run/systemd/netif/state",
    "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service",
];

/// What is there for provisioning.
#[derive(Clone, Debug, Default)]
pub struct Provision {
    /// Interpreters of scripts that are not where the script looks, with the place where they are.
    pub interpreters: BTreeMap<String, String>,
    /// Files to be provided that are links into the Nix store: theirs, not ours, to change.
    pub owned_by_nixos: BTreeSet<GuestPath>,
    /// Whether this is `NixOS`.
    pub is_nixos: bool,
    /// What installs packages here.
    pub family: Option<Family>,
    /// Tools that Lima wants and that are not there.
    pub missing: BTreeSet<Tool>,
    /// Whether networkd is there to give addresses.
    pub has_networkd: bool,
    /// What tells one archive of containerd from another.
    pub archive: Option<String>,
    /// Whether containerd's command is where Lima puts it.
    pub has_nerdctl: bool,
}

/// Reads it, as far as this seed needs it.
pub fn read(system: &dyn System, seed: &Seed, config: &Config) -> Provision {
    let is_nixos = is_there(system, "/etc/NIXOS");
    let mut provision = Provision { is_nixos, ..Provision::default() };
    if let Some(lima) = &config.lima {
        of_lima(system, seed, lima, &mut provision);
    }
    let wants = !provision.missing.is_empty() || config.upgrade.update || config.upgrade.upgrade;
    if wants && !is_nixos {
        provision.family = family(system);
    }
    provision
}

fn of_lima(system: &dyn System, seed: &Seed, lima: &Lima, provision: &mut Provision) {
    provision.interpreters = interpreters(system, seed, lima);
    provision.owned_by_nixos = owned(system, lima);
    if !lima.plain && !lima.packages.skip {
        let is_missing = |tool: &Tool| !system.has(tool.command());
        provision.missing = Tool::wanted(lima).filter(is_missing).collect();
    }
    if !lima.boot_scripts.is_empty() {
        provision.has_networkd = NETWORKD.iter().any(|path| is_there(system, path));
    }
    if lima.packages.containerd() {
        let prefix = &lima.packages.prefix;
        provision.has_nerdctl = is_there(system, &format!("{prefix}/bin/nerdctl"));
        provision.archive = trailer(system, &format!("{CIDATA}/{}", lima.packages.archive));
    }
}

/// What cannot be looked at counts as there.
fn is_there(system: &dyn System, path: &str) -> bool {
    GuestPath::new(path).is_ok_and(|path| !matches!(system.stat(&path), Ok(None)))
}

fn interpreters(system: &dyn System, seed: &Seed, lima: &Lima) -> BTreeMap<String, String> {
    let texts = lima.scripts.iter().filter_map(|script| {
        seed.files.get(&format!("provision.{}/{}", script.mode.name(), script.name))
    });
    let names: BTreeSet<&str> = texts.filter_map(|text| interpreter(text)).collect();
    let is_file = |path: &str| {
        GuestPath::new(path).is_ok_and(|path| matches!(system.open(&path), Ok(Some(_))))
    };
    let elsewhere = |path: &str| {
        let name = path.rsplit('/').next().filter(|name| !name.is_empty())?;
        Command::PATH.split(':').map(|dir| format!("{dir}/{name}")).find(|path| is_file(path))
    };
    let lost = names.into_iter().filter(|path| path.starts_with('/') && !is_file(path));
    lost.filter_map(|path| Some((path.to_owned(), elsewhere(path)?))).collect()
}

fn owned(system: &dyn System, lima: &Lima) -> BTreeSet<GuestPath> {
    let is_owned = |path: &&GuestPath| {
        // What cannot be looked at fails when it is written, with the reason.
        let target = system.read_link(path).ok().flatten();
        target.is_some_and(|target| {
            target.starts_with("/etc/static/") || target.starts_with("/nix/store/")
        })
    };
    lima.files.iter().map(|file| &file.path).filter(is_owned).cloned().collect()
}

fn family(system: &dyn System) -> Option<Family> {
    let path = GuestPath::new("/etc/os-release").ok()?;
    // Without it the first package manager that is there counts.
    let text = system.read(&path, 64 << 10).ok().flatten().unwrap_or_default();
    Family::of(&String::from_utf8_lossy(&text), |program| system.has(program))
}

/// The end of a gzip file is the checksum and the length of what is in it: enough to tell one release
/// from another without reading 250 MB. `None`, for what is not there or cannot be read, is like no
/// archive: then the script is run and says itself what is wrong.
fn trailer(system: &dyn System, archive: &str) -> Option<String> {
    let file = system.open(&GuestPath::new(archive).ok()?).ok()??;
    let read = |file: &dyn ReadAt| -> std::io::Result<String> {
        let (size, mut end) = (file.size()?, [0; 8]);
        file.read_at(size.saturating_sub(8), &mut end)?;
        Ok(format!("{size}-{:016x}", u64::from_be_bytes(end)))
    };
    read(file.as_ref()).ok()
}
