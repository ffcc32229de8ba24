//! `user-data`: a `#cloud-config` mapping.
//!
//! A document that is not YAML as a whole is read again block by block, where a block is a key at
//! the left margin with what is indented below it: then only the broken block is lost. If that is
//! the block of the users, the public keys in it are still rescued, because a machine that nobody
//! can log in to cannot be repaired.

mod mounts;
mod rescue;
mod users;

pub use users::account_path;

use super::finding::Finding;
use super::reader::Reader;
use super::sniff::{self, PartType};
use super::types::{Hostname, Timezone};
use super::yaml::{self, Map, Mark};
use super::{Config, scalars};

const FILE: &str = "user-data";

/// Keys that are read here.
const KNOWN: &[&str] = &[
    "growpart",
    "hostname",
    "mounts",
    "resize_rootfs",
    "ssh_authorized_keys",
    "timezone",
    "users",
];

/// Keys of cloud-init that need nothing on a Lima guest, because the agent does what they are for.
const LIMA_DOES_IT: &[&str] = &[
    "bootcmd",
    "ca_certs",
    "manage_resolv_conf",
    "package_reboot_if_required",
    "package_update",
    "package_upgrade",
    "resolv_conf",
    "write_files",
];

/// Reads the file into `config`.
pub fn parse(text: &[u8], config: &mut Config, findings: &mut Vec<Finding>) {
    match sniff::sniff(text) {
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
    let is_lima = config.lima.is_some();
    let known: Vec<&str> = if is_lima { [KNOWN, LIMA_DOES_IT].concat() } else { KNOWN.to_vec() };
    reader.unknown(&known);
    users::parse(map, config, findings);
    mounts::parse(map, config, findings);
}

/// `growpart.mode: off` or `resize_rootfs: false` switch growing off.
fn grow_root(reader: &Reader<'_, '_>) -> Option<bool> {
    let is_off = |node: &yaml::Node| scalars::truth(&node.value) == Some(false);
    let mode = reader.node("growpart").and_then(|node| node.as_map()?.get("mode"));
    let resize = reader.node("resize_rootfs");
    (mode.is_some_and(is_off) || resize.is_some_and(is_off)).then_some(false)
}
