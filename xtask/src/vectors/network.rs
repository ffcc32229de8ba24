//! `network`: what both renderers make of a network-config, in a form in which it can be compared
//! with the reference's files.
//!
//! The reference sorts lines and writes them in ways of its own; what counts is what they mean. So
//! both sides become: file -> lines `[Section] key=value`, with the differences below taken out.
//! Ours must have every line of the reference and may have more, since it leaves less out.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use nixvm_agent::config::network;
use nixvm_agent::render::{network_manager, networkd};
use serde_json::{Map, Value, json};

type Lines = BTreeSet<String>;

pub(super) fn run(input: &Value) -> anyhow::Result<Value> {
    let text = input.as_str().context("the input is no string")?;
    let mut findings = Vec::new();
    let network = network::parse(text.as_bytes(), &mut findings).unwrap_or_default();
    // The reference calls a file of networkd by the name of the interface, ours by its key.
    let names: BTreeMap<String, String> = network
        .interfaces
        .iter()
        .map(|it| (it.id.as_str().to_owned(), it.label().to_owned()))
        .collect();
    let files = networkd::render(&network, networkd::Extras::default());
    let files = files.into_iter().filter_map(|(name, text)| {
        let (id, end) = name.strip_prefix(networkd::START)?.rsplit_once('.')?;
        // The reference renames devices by itself.
        let names = Some(&names).filter(|_| end != "link")?;
        Some((format!("10-cloud-init-{}.{end}", names.get(id)?), Value::String(text)))
    });
    let networkd: Map<String, Value> = files.collect();
    let (files, _) = network_manager::render(&network);
    let files = files.into_iter().map(|(name, text)| {
        (name.replacen(network_manager::START, "cloud-init-", 1), Value::String(text))
    });
    Ok(json!({ "networkd": networkd, "nm": files.collect::<Map<_, _>>() }))
}

/// Whether ours has all that the reference has.
pub(super) fn covers(want: &Value, got: &Value) -> bool {
    ["networkd", "nm"].iter().all(|side| {
        let (want, got) = (files(want, side), files(got, side));
        want.len() == got.len()
            && want
                .iter()
                .all(|(name, lines)| got.get(name).is_some_and(|own| own.is_superset(lines)))
    })
}

fn files(value: &Value, side: &str) -> BTreeMap<String, Lines> {
    let files: Vec<(&String, &str)> = value
        .get(side)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, text)| (name, text.as_str().unwrap_or_default()))
        .collect();
    let uuids: Vec<(String, String)> =
        files.iter().filter_map(|(_, text)| identity(text)).collect();
    files.into_iter().map(|(name, text)| (name.clone(), lines(text, &uuids))).collect()
}

/// UUID and name of a connection: the names of the reference's space are not ours.
fn identity(text: &str) -> Option<(String, String)> {
    let of = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    let name = of("id=")?.split(' ').next_back()?;
    Some((of("uuid=")?.to_owned(), name.to_owned()))
}

fn lines(text: &str, uuids: &[(String, String)]) -> Lines {
    let mut text = text.to_owned();
    for (uuid, name) in uuids {
        text = text.replace(uuid, name);
    }
    let has_mac = text.contains("MACAddress=");
    let mut section = String::new();
    let mut lines = Lines::new();
    for line in
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if line.starts_with('[') {
            line.clone_into(&mut section);
        } else if let Some(line) = meaning(&section, line, has_mac) {
            for value in line.1 {
                lines.insert(format!("{} {}={value}", section, line.0));
            }
        }
    }
    lines
}

/// A line without what differs in words only. `None`: it says nothing that counts.
fn meaning(section: &str, line: &str, has_mac: bool) -> Option<(String, Vec<String>)> {
    let (key, value) = line.split_once('=')?;
    let lower = value.to_ascii_lowercase();
    let one = |key: &str, value: &str| Some((key.to_owned(), vec![value.to_owned()]));
    match (section, key) {
        // Ours finds a device by its permanent address alone, also before it has its name.
        ("[Match]", "Name") if has_mac => None,
        ("[Match]", "PermanentMACAddress") => one("MACAddress", value),
        // Lists are lists, however they are divided.
        ("[Network]", "DNS" | "Domains" | "VLAN") => {
            Some((key.to_owned(), value.split(' ').map(str::to_owned).collect()))
        }
        // A route without a destination is the default one.
        ("[Route]", "Destination") if value == "0.0.0.0/0" || value == "::/0" => None,
        ("[DHCPv4]" | "[DHCPv6]", _) if lower == "true" => one(key, "yes"),
        ("[DHCPv4]" | "[DHCPv6]", _) if lower == "false" => one(key, "no"),
        // Whose file it is.
        ("[user]", _) | ("[connection]", "id") => None,
        // The default route has two forms.
        ("[ipv4]", "gateway") => one("route", &format!("0.0.0.0/0,{value}")),
        ("[ipv6]", "gateway") => one("route", &format!("::/0,{value}")),
        ("[ipv4]" | "[ipv6]", key) if is_numbered(key, "route") => one("route", value),
        _ => one(key, value),
    }
}

fn is_numbered(key: &str, start: &str) -> bool {
    key.strip_prefix(start).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}
