//! Version 2 of `network-config`: netplan's form, a mapping of interfaces for each kind.

mod device;
mod group;

use super::device_list::DeviceList;
use super::model::{Interface, Kind, Network, Renderer};
use super::types::{Id, InterfaceName};
use super::{FILE, bad};
use crate::config::finding::Finding;
use crate::config::reader::Reader;
use crate::config::yaml::{Map, Node};

const TOP: &[&str] = &[
    "bonds",
    "bridges",
    "config",
    "ethernets",
    "network",
    "renderer",
    "version",
    "vlans",
    "wifis",
];

/// Reads the mapping below `network`.
pub(super) fn parse(map: &Map, findings: &mut Vec<Finding>) -> Network {
    let mut reader = Reader::new(FILE, String::new(), map, findings);
    reader.unknown(TOP);
    let renderer = reader.text("renderer", renderer);
    let sections: Vec<_> = ["ethernets", "bonds", "bridges", "vlans"]
        .into_iter()
        .filter_map(|name| Some((name, reader.node(name)?)))
        .collect();
    refuse_wifi(&mut reader);
    let mut list = DeviceList::default();
    for (section, node) in sections {
        match node.as_map() {
            Some(map) => devices(section, map, &mut list, findings),
            None => findings.push(bad(
                node.mark,
                section.to_owned(),
                format!("is {}, not a mapping", node.kind()),
            )),
        }
    }
    Network { is_disabled: false, renderer, interfaces: list.finish(findings) }
}

fn renderer(text: &str) -> Result<Renderer, &'static str> {
    match text {
        "networkd" => Ok(Renderer::Networkd),
        "NetworkManager" => Ok(Renderer::NetworkManager),
        _ => Err("is neither networkd nor NetworkManager; the one that is there is used"),
    }
}

/// A wireless network needs `wpa_supplicant` and a password on disk; a virtual machine has none.
fn refuse_wifi(reader: &mut Reader<'_, '_>) {
    if reader.node("wifis").is_some_and(|node| node.as_map().is_none_or(|map| !map.is_empty())) {
        let finding =
            Finding::error("wifi-refused", FILE, "nixvm-agent sets up no wireless network")
                .hint("give the guest an Ethernet interface");
        reader.note("wifis", finding);
    }
}

fn devices(section: &str, map: &Map, list: &mut DeviceList, findings: &mut Vec<Finding>) {
    for (key, node) in map.iter() {
        let name = key.text().unwrap_or_default();
        let path = format!("{section}.{name}");
        let checked = Id::new(name).and_then(|id| nameable(section, id));
        match (checked, empty_or_map(node)) {
            (Ok(id), Some(map)) => {
                let mut reader = Reader::new(FILE, path.clone(), map, findings);
                if let Some(interface) = device(section, id, &mut reader) {
                    list.add(Interface { mark: Some(key.mark), ..interface }, path, findings);
                }
            }
            (Err(reason), _) => findings.push(bad(key.mark, path, format!("{name:?} {reason}"))),
            (_, None) => {
                findings.push(bad(node.mark, path, format!("is {}, not a mapping", node.kind())));
            }
        }
    }
}

/// What the kernel makes is named by its key.
fn nameable(section: &str, id: Id) -> Result<Id, &'static str> {
    if section != "ethernets" {
        InterfaceName::new(id.as_str())?;
    }
    Ok(id)
}

/// `eth0:` with nothing behind it is an interface without settings.
fn empty_or_map(node: &Node) -> Option<&Map> {
    static NONE: std::sync::LazyLock<Map> = std::sync::LazyLock::new(Map::default);
    if node.is_null() { Some(&NONE) } else { node.as_map() }
}

fn device(section: &str, id: Id, reader: &mut Reader<'_, '_>) -> Option<Interface> {
    let kind = match section {
        "ethernets" => Kind::Ethernet,
        "bonds" => Kind::Bond(group::bond(reader)),
        "bridges" => Kind::Bridge(group::bridge(reader)),
        _ => group::vlan(reader)?,
    };
    let interface = device::read(id, kind, reader);
    Some(interface)
}
