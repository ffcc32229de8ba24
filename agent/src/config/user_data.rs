//! `user-data`: a `#cloud-config` mapping.
//!
//! A document that is not YAML as a whole is read again block by block, where a block is a key at
//! the left margin with what is indented below it: then only the broken block is lost. If that is
//! the block of the users, the public keys in it are still rescued, because a machine that nobody
//! can log in to cannot be repaired.

mod boot_scripts;
mod mounts;
mod raw_mounts;
mod rescue;
mod settings;
mod users;

pub use users::{account_path, give_keys, plain};

use super::finding::Finding;
use super::provision::Upgrade;
use super::reader::Reader;
use super::sniff::{self, PartType};
use super::types::{Hostname, Timezone};
use super::yaml::{self, Map, Mark};
use super::{Config, scalars};

const FILE: &str = "user-data";

/// Keys that are read here.
const KNOWN: &[&str] = &[
    "ca_certs",
    "growpart",
    "hostname",
    "keyboard",
    "locale",
    "locale_configfile",
    "manage_resolv_conf",
    "mounts",
    "package_reboot_if_required",
    "package_update",
    "package_upgrade",
    "resize_rootfs",
    "resolv_conf",
    "ssh_authorized_keys",
    "timezone",
    "users",
];

/// Modules of cloud-init that the agent does not have. They are named, never dropped in silence.
const NOT_YET: &[&str] = &[
    "apt",
    "bootcmd",
    "chpasswd",
    "disable_root",
    "disk_setup",
    "fqdn",
    "fs_setup",
    "groups",
    "manage_etc_hosts",
    "ntp",
    "packages",
    "password",
    "phone_home",
    "power_state",
    "preserve_hostname",
    "runcmd",
    "snap",
    "ssh_keys",
    "ssh_deletekeys",
    "ssh_genkeytypes",
    "ssh_import_id",
    "ssh_pwauth",
    "swap",
    "user",
    "write_files",
    "yum_repos",
];

/// Keys that Lima always writes and that ask for nothing which the agent does not do otherwise.
const LIMA_DOES_IT: &[&str] = &["bootcmd", "write_files"];

/// Reads the file into `config`.
pub fn parse(text: &[u8], config: &mut Config, findings: &mut Vec<Finding>) {
    match sniff::sniff(text) {
        Some(PartType::CloudConfig) if config.lima.is_some() => {
            let (rest, mounts) = raw_mounts::lift(text, findings);
            document(&rest, config, findings);
            config.mounts.extend(mounts);
            config.mounts.sort_by_key(|mount| mount.mark);
        }
        Some(PartType::CloudConfig) => document(text, config, findings),
        None if text.trim_ascii().is_empty() => {}
        kind => {
            findings.push(not_cloud_config(text, kind.as_ref()));
            rescue::unrecognised(text, config, findings);
        }
    }
}

fn not_cloud_config(text: &[u8], kind: Option<&PartType>) -> Finding {
    let hidden =
        text.split(|byte| *byte == b'\n').position(|line| line.starts_with(b"#cloud-config"));
    let finding = match kind {
        Some(kind) => Finding::error(
            "unsupported-format",
            FILE,
            format!("is {}, which nixvm-agent does not read yet", kind.mime()),
        ),
        None => {
            Finding::error("no-header", FILE, "does not begin with #cloud-config; it is ignored")
        }
    };
    match hidden {
        Some(line) if kind.is_none() => finding
            .line(line + 1)
            .hint("make #cloud-config the very first line; nothing may stand before it"),
        _ => finding.hint("write a #cloud-config document"),
    }
}

fn document(text: &[u8], config: &mut Config, findings: &mut Vec<Finding>) {
    match yaml::parse(text) {
        Ok(parsed) => {
            duplicates(&parsed.duplicates, findings);
            match parsed.root.as_map() {
                Some(map) => mapping(map, config, findings),
                None if parsed.root.is_null() => {}
                None => findings.push(
                    Finding::error(
                        "not-a-mapping",
                        FILE,
                        format!("is {}, not a mapping of keys", parsed.root.kind()),
                    )
                    .at(parsed.root.mark, ""),
                ),
            }
        }
        Err(error) => {
            findings.push(
                Finding::error("yaml-syntax", FILE, format!("is not valid YAML: {error}"))
                    .at(error.mark, "")
                    .hint("each top-level key is now read by itself; only broken ones are lost"),
            );
            rescue::blocks(text, config, findings);
        }
    }
}

fn duplicates(duplicates: &[(Mark, String)], findings: &mut Vec<Finding>) {
    for (mark, key) in duplicates {
        findings.push(
            Finding::warning("duplicate-key", FILE, "stands here twice; the last one counts")
                .at(*mark, key.clone()),
        );
    }
}

fn mapping(map: &Map, config: &mut Config, findings: &mut Vec<Finding>) {
    let mut reader = Reader::new(FILE, String::new(), map, findings);
    if let Some(name) = reader.text("hostname", Hostname::new) {
        config.hostname = Some(name);
    }
    if let Some(zone) = reader.text("timezone", Timezone::new) {
        config.timezone = Some(zone);
    }
    if let Some(wanted) = grow_root(&reader) {
        config.grow_root = wanted;
    }
    settings::parse(&mut reader, config);
    let is_lima = config.lima.is_some();
    reader.unknown(&[KNOWN, NOT_YET].concat());
    let is_said = |key: &&&str| !is_lima || !LIMA_DOES_IT.contains(*key);
    for key in NOT_YET.iter().filter(is_said) {
        if reader.node(key).is_some() {
            let message = "is a module that nixvm-agent does not have yet; it is ignored";
            reader.note(key, Finding::warning("not-done-yet", FILE, message));
        }
    }
    if let Some(lima) = &mut config.lima {
        lima_only(&mut reader);
        lima.boot_scripts.extend(boot_scripts::read(&mut reader));
    } else {
        resolv_conf(&mut reader);
    }
    upgrade(&mut reader, &mut config.upgrade);
    let keys = users::top_level_keys(&mut reader);
    users::parse(map, config, findings);
    users::give_keys(keys, config);
    mounts::parse(map, config, findings);
}

fn upgrade(reader: &mut Reader<'_, '_>, wish: &mut Upgrade) {
    let mut read = |key: &str, wish: &mut bool| *wish = reader.truth(key).unwrap_or(*wish);
    read("package_update", &mut wish.update);
    read("package_upgrade", &mut wish.upgrade);
    read("package_reboot_if_required", &mut wish.reboot);
}

/// Lima's own entry of `write_files`, which starts its boot scripts, is what this agent is there for;
/// further ones are somebody's wish.
/// On a machine with a network service `/etc/resolv.conf` is that service's, and cloud-init leaves it
/// alone on all but a few distributions. Lima writes the key always, with the name servers that stand
/// in its `network-config` too.
fn resolv_conf(reader: &mut Reader<'_, '_>) {
    if reader.truth("manage_resolv_conf") == Some(true) {
        let message = "is not done: /etc/resolv.conf belongs to the network service";
        let finding = Finding::info("resolv-conf-ignored", FILE, message)
            .hint("give name servers in network-config");
        reader.note("manage_resolv_conf", finding);
    }
}

/// Lima's own entries of `bootcmd` (which renames interfaces) and `write_files` (which starts its
/// boot scripts) are what this agent is there for; further ones are somebody's wish.
fn lima_only(reader: &mut Reader<'_, '_>) {
    let items = reader.node("write_files").and_then(yaml::Node::as_seq).unwrap_or_default();
    let is_own_file = |item: &yaml::Node| {
        let path = item.as_map().and_then(|map| map.get("path")?.as_str());
        path == Some("/var/lib/cloud/scripts/per-boot/00-lima.boot.sh")
    };
    if items.iter().any(|item| !is_own_file(item)) {
        let message = "has entries that are not Lima's own; nixvm-agent does not do them yet";
        reader.note("write_files", Finding::warning("not-done-yet", FILE, message));
    }
}

/// `growpart.mode: off` or `resize_rootfs: false` switch growing off.
fn grow_root(reader: &Reader<'_, '_>) -> Option<bool> {
    let is_off = |node: &yaml::Node| scalars::truth(&node.value) == Some(false);
    let mode = reader.node("growpart").and_then(|node| node.as_map()?.get("mode"));
    let resize = reader.node("resize_rootfs");
    (mode.is_some_and(is_off) || resize.is_some_and(is_off)).then_some(false)
}
