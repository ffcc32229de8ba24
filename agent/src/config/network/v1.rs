//! Version 1 of `network-config`: a list of things, each with a `type`.

mod group;
mod subnet;

use super::addressing;
use super::device_list::DeviceList;
use super::model::{Interface, Kind, Match, Network, Route};
use super::types::{Domain, Id, InterfaceName, Mac};
use super::{FILE, bad, spread};
use crate::config::finding::Finding;
use crate::config::reader::Reader;
use crate::config::yaml::{Map, Mark, Node};

const TOP: &[&str] = &["config", "network", "version"];
const PHYSICAL: &[&str] = &[
    "accept-ra",
    "keep_configuration",
    "mac_address",
    "mtu",
    "name",
    "optional",
    "subnets",
    "type",
];
const VIRTUAL: &[&str] =
    &["bond_interfaces", "bridge_interfaces", "params", "vlan_id", "vlan_link"];
const NAMESERVER: &[&str] = &["address", "interface", "search", "type"];

/// What is for no interface in particular.
#[derive(Default)]
pub(super) struct Global {
    pub(super) nameservers: Vec<std::net::IpAddr>,
    pub(super) search: Vec<Domain>,
    pub(super) routes: Vec<Route>,
}

/// Reads the mapping below `network`.
pub(super) fn parse(map: &Map, findings: &mut Vec<Finding>) -> Network {
    let mut reader = Reader::new(FILE, String::new(), map, findings);
    reader.unknown(TOP);
    let mut list = DeviceList::default();
    let items = match reader.node("config") {
        None => &[],
        Some(node) => node.as_seq().unwrap_or_else(|| {
            reader.wrong("config", node, "a list");
            &[]
        }),
    };
    let path = |index: usize| format!("config[{index}]");
    let (mut global, mut later) = (Global::default(), Vec::new());
    for (index, item) in items.iter().enumerate() {
        let Some(map) = item.as_map() else {
            findings.push(bad(item.mark, path(index), format!("is {}, no mapping", item.kind())));
            continue;
        };
        match map.get("type").and_then(Node::as_str) {
            Some("nameserver" | "route") => later.push((index, map)),
            kind => device(kind, item.mark, path(index), map, &mut list, findings),
        }
    }
    for (index, map) in later {
        let mut reader = Reader::new(FILE, path(index), map, findings);
        if map.get("type").and_then(Node::as_str) == Some("route") {
            global.routes.extend(addressing::v1_route(&mut reader));
        } else {
            nameserver(&mut reader, &mut list, &mut global);
        }
    }
    spread::spread(global, &mut list, findings);
    Network { interfaces: list.finish(findings), ..Network::default() }
}

fn device(
    kind: Option<&str>,
    mark: Mark,
    path: String,
    map: &Map,
    list: &mut DeviceList,
    findings: &mut Vec<Finding>,
) {
    let mut reader = Reader::new(FILE, path.clone(), map, findings);
    let kind = match kind {
        Some("physical" | "infiniband") => Kind::Ethernet,
        Some("loopback") => Kind::Loopback,
        Some("bond") => Kind::Bond(group::bond(&mut reader)),
        Some("bridge") => Kind::Bridge(group::bridge(&mut reader)),
        Some("vlan") => match group::vlan(&mut reader) {
            Some(kind) => kind,
            None => return,
        },
        Some(other) => {
            let message = format!("{other:?} is no type that nixvm-agent knows; it is left out");
            reader.bad("type", mark, message);
            return;
        }
        None => return reader.missing("type", "is missing; the entry is left out"),
    };
    if let Some(interface) = interface(kind, mark, &mut reader) {
        list.add(interface, path, findings);
    }
}

fn interface(kind: Kind, mark: Mark, reader: &mut Reader<'_, '_>) -> Option<Interface> {
    reader.unknown(&[PHYSICAL, VIRTUAL].concat());
    if reader.node("name").is_none() {
        reader.missing("name", "is missing; the entry is left out");
    }
    let name = reader.text("name", InterfaceName::new)?;
    let mac = reader.text("mac_address", Mac::new);
    let is_device = kind == Kind::Ethernet;
    let mut interface = Interface {
        id: Id::new(name.as_str()).ok()?,
        kind,
        mtu: reader.text("mtu", addressing::number),
        optional: reader.truth("optional").unwrap_or(false),
        mark: Some(mark),
        ..Interface::default()
    };
    match mac {
        // Of a device the address says which one is meant, and the name is what it gets.
        Some(mac) if is_device => {
            interface.matched = Match { mac: Some(mac), ..Match::default() };
            interface.set_name = Some(name);
        }
        mac => interface.mac = mac,
    }
    interface.ip.accept_ra = reader.truth("accept-ra");
    interface.ip.critical = reader.truth("keep_configuration").unwrap_or(false);
    subnet::read(reader, &mut interface);
    Some(interface)
}

fn nameserver(reader: &mut Reader<'_, '_>, list: &mut DeviceList, global: &mut Global) {
    reader.unknown(NAMESERVER);
    let (servers, domains) =
        (subnet::servers("address", reader), subnet::domains("search", reader));
    let Some(id) = reader.text("interface", Id::new) else {
        if reader.node("interface").is_none() {
            global.nameservers.extend(servers);
            global.search.extend(domains);
        }
        return;
    };
    if let Some(interface) = list.find(&id) {
        interface.ip.nameservers.extend(servers);
        interface.ip.search.extend(domains);
    } else {
        let mark = reader.mark("interface");
        reader.bad("interface", mark, format!("{:?} is no interface of this file", id.as_str()));
    }
}
