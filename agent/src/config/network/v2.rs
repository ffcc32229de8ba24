//! Version 2 of `network-config`: netplan's form, a mapping of interfaces for each kind.

mod device;

use super::device_list::DeviceList;
use super::model::{Bond, Bridge, Interface, Kind, Network, Renderer};
use super::options::{BOND, BRIDGE, Setting, Tunable};
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
const BOND_ONLY: &[&str] = &["primary"];
const BRIDGE_ONLY: &[&str] = &["path-cost", "port-priority"];

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
        "bonds" => Kind::Bond(bond(reader)),
        "bridges" => Kind::Bridge(bridge(reader)),
        _ => vlan(reader)?,
    };
    let interface = device::read(id, kind, reader);
    Some(interface)
}

fn members(reader: &mut Reader<'_, '_>) -> Vec<Id> {
    let mut members = Vec::new();
    for (key, mark, text) in reader.texts("interfaces") {
        match Id::new(&text) {
            Ok(id) => members.push(id),
            Err(reason) => reader.bad_at(&key, mark, reason),
        }
    }
    members
}

fn bond(reader: &mut Reader<'_, '_>) -> Bond {
    let mut bond = Bond { members: members(reader), ..Bond::default() };
    reader.nested("parameters", &known(BOND, BOND_ONLY), |reader| {
        bond.settings = settings(BOND, reader);
        bond.primary = reader.text("primary", Id::new);
    });
    bond
}

fn bridge(reader: &mut Reader<'_, '_>) -> Bridge {
    let mut bridge = Bridge { members: members(reader), ..Bridge::default() };
    reader.nested("parameters", &known(BRIDGE, BRIDGE_ONLY), |reader| {
        bridge.settings = settings(BRIDGE, reader);
        bridge.costs = of_members("path-cost", reader);
        bridge.priorities = of_members("port-priority", reader);
    });
    bridge
}

fn known(table: &'static [Tunable], others: &[&'static str]) -> Vec<&'static str> {
    table.iter().map(|row| row.v2).chain(others.iter().copied()).collect()
}

fn settings(table: &'static [Tunable], reader: &mut Reader<'_, '_>) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    for option in table {
        let list = reader.node(option.v2).is_some_and(|node| node.as_seq().is_some());
        let value = if list {
            let texts: Vec<_> = reader.texts(option.v2).into_iter().map(|(_, _, it)| it).collect();
            let checked = option.form.check(&texts.join(","));
            let mark = reader.mark(option.v2);
            checked.map_err(|reason| reader.bad(option.v2, mark, reason)).ok()
        } else {
            reader.text(option.v2, |text| option.form.check(text))
        };
        settings.extend(value.map(|value| Setting { option, value }));
    }
    settings
}

/// `path-cost: {eth0: 50}`.
fn of_members(key: &str, reader: &mut Reader<'_, '_>) -> Vec<(Id, u32)> {
    let mut values = Vec::new();
    let Some(map) = reader.node(key).and_then(Node::as_map) else { return values };
    reader.inside(key, map, |reader| {
        for name in reader.keys() {
            let number = reader.text(&name, |text| text.parse().map_err(|_| "is no number"));
            values.extend(Id::new(&name).ok().zip(number));
        }
    });
    values
}

fn vlan(reader: &mut Reader<'_, '_>) -> Option<Kind> {
    let number = reader.text("id", vlan_number);
    let link = reader.text("link", Id::new);
    for key in ["id", "link"] {
        if reader.node(key).is_none() {
            reader.missing(key, "is missing; the VLAN is left out");
        }
    }
    Some(Kind::Vlan { number: number?, link: link? })
}

/// 802.1Q has 12 bits, and 4095 is reserved.
pub(super) fn vlan_number(text: &str) -> Result<u16, &'static str> {
    let reason = "is no number of a VLAN, 0 to 4094";
    text.parse().ok().filter(|number| *number <= 4094).ok_or(reason)
}
