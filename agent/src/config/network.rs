//! `network-config` version 2, in the shape that Lima writes: Ethernet interfaces found by MAC
//! address, named by `set-name`, with DHCP.

use serde::Serialize;

use super::finding::Finding;
use super::reader::Reader;
use super::yaml::{self, Map, Mark};

const FILE: &str = "network-config";
const TOP: &[&str] = &["ethernets", "network", "version"];
const KNOWN: &[&str] = &[
    "addresses",
    "dhcp4",
    "dhcp4-overrides",
    "dhcp6",
    "dhcp-identifier",
    "match",
    "nameservers",
    "optional",
    "set-name",
];

/// Interfaces in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Network {
    /// `ethernets`.
    pub ethernets: Vec<Ethernet>,
}

/// One Ethernet interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ethernet {
    /// Key in the file.
    pub id: InterfaceName,
    /// `match.macaddress`, lower case.
    pub mac: Option<Mac>,
    /// `set-name`: the name the interface gets.
    pub set_name: Option<InterfaceName>,
    /// DHCP for IPv4.
    pub dhcp4: bool,
    /// DHCP for IPv6.
    pub dhcp6: bool,
    /// `dhcp-identifier: mac`: the lease is found by MAC address.
    pub identify_by_mac: bool,
    /// `dhcp4-overrides.route-metric`.
    pub route_metric: Option<u32>,
    /// The boot does not wait for it.
    pub optional: bool,
    /// Static addresses with prefix length.
    pub addresses: Vec<String>,
    /// Name servers.
    pub nameservers: Vec<std::net::IpAddr>,
}

/// A network interface name: 1 to 15 bytes without `/`, `:`, blank or `%`, not `.` or `..`
/// (`dev_valid_name` of Linux, and what networkd can match literally).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InterfaceName(String);

impl InterfaceName {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte);
        if text.is_empty() || text.len() > 15 || text == "." || text == ".." {
            Err("is no interface name: 1 to 15 characters")
        } else if text.bytes().all(is_good) {
            Ok(Self(text.to_owned()))
        } else {
            Err("is no interface name: letters, digits, _ - . @")
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A MAC address, lower case, divided by colons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mac(String);

impl Mac {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let parts: Vec<&str> = text.split([':', '-']).collect();
        let part = |part: &&str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
        if parts.len() == 6 && parts.iter().all(part) {
            Ok(Self(parts.join(":").to_ascii_lowercase()))
        } else {
            Err("is no MAC address, such as 52:55:55:aa:bb:cc")
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads the file. `None` if there is nothing to configure.
pub fn parse(text: &[u8], findings: &mut Vec<Finding>) -> Option<Network> {
    let parsed = match yaml::parse(text) {
        Ok(parsed) => parsed,
        Err(error) => {
            findings.push(
                Finding::error("yaml-syntax", FILE, format!("is not valid YAML: {error}"))
                    .at(error.mark, "")
                    .hint("the network is left as the image has it"),
            );
            return None;
        }
    };
    let root = parsed.root.as_map()?;
    let map = root.get("network").and_then(yaml::Node::as_map).unwrap_or(root);
    let mut reader = Reader::new(FILE, String::new(), map, findings);
    reader.unknown(TOP);
    let version = reader.text("version", |text| if text == "2" { Ok(()) } else { Err("") });
    let ethernets = reader.node("ethernets");
    if version.is_none() {
        reader.note("version", Finding::warning("network-version", FILE, "only version 2 is read"));
    }
    let ethernets = ethernets?.as_map()?;
    let mut network = Network::default();
    for (key, node) in ethernets.iter() {
        let name = key.text().unwrap_or_default();
        let path = format!("ethernets.{name}");
        match (InterfaceName::new(name), node.as_map()) {
            (Ok(id), Some(map)) => network.ethernets.push(ethernet(id, path, map, findings)),
            (Err(reason), _) => findings.push(bad(key.mark, path, format!("{name:?} {reason}"))),
            (_, None) => {
                findings.push(bad(node.mark, path, format!("is {}, not a mapping", node.kind())));
            }
        }
    }
    Some(network)
}

fn bad(mark: Mark, path: String, message: String) -> Finding {
    Finding::error("bad-value", FILE, message).at(mark, path)
}

fn ethernet(id: InterfaceName, path: String, map: &Map, findings: &mut Vec<Finding>) -> Ethernet {
    let mut reader = Reader::new(FILE, path, map, findings);
    let mut ethernet = Ethernet { id, ..Ethernet::default() };
    ethernet.set_name = reader.text("set-name", InterfaceName::new);
    ethernet.dhcp4 = reader.truth("dhcp4").unwrap_or(false);
    ethernet.dhcp6 = reader.truth("dhcp6").unwrap_or(false);
    ethernet.optional = reader.truth("optional").unwrap_or(false);
    ethernet.identify_by_mac =
        reader.text("dhcp-identifier", |text| Ok(text == "mac")).unwrap_or(false);
    ethernet.addresses = reader
        .texts("addresses")
        .into_iter()
        .filter_map(|(key, mark, text)| {
            let checked = address(&text);
            checked.map_err(|reason| reader.bad_at(&key, mark, reason)).ok().map(|()| text)
        })
        .collect();
    reader.unknown(KNOWN);
    nested(&mut reader, "match", &["macaddress"], |reader| {
        ethernet.mac = reader.text("macaddress", Mac::new);
    });
    nested(&mut reader, "dhcp4-overrides", &["route-metric"], |reader| {
        ethernet.route_metric =
            reader.text("route-metric", |text| text.parse().map_err(|_| "is no number"));
    });
    nested(&mut reader, "nameservers", &["addresses"], |reader| {
        for (key, mark, text) in reader.texts("addresses") {
            match text.parse() {
                Ok(address) => ethernet.nameservers.push(address),
                Err(_) => reader.bad_at(&key, mark, "is no IP address"),
            }
        }
    });
    ethernet
}

/// An address with its prefix length.
fn address(text: &str) -> Result<(), &'static str> {
    let reason = "is no address with prefix length, such as 192.168.1.2/24";
    let (address, length) = text.split_once('/').ok_or(reason)?;
    let address: std::net::IpAddr = address.parse().map_err(|_| reason)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    match length.parse::<u8>() {
        Ok(length) if length <= most => Ok(()),
        _ => Err(reason),
    }
}

fn nested(
    reader: &mut Reader<'_, '_>,
    key: &str,
    known: &[&str],
    read: impl FnOnce(&mut Reader<'_, '_>),
) {
    let Some(node) = reader.node(key) else { return };
    match node.as_map() {
        None => reader.wrong(key, node, "a mapping"),
        Some(map) => reader.inside(key, map, |reader| {
            read(reader);
            reader.unknown(known);
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lima_network_config() {
        let mut findings = Vec::new();
        let text = b"version: 2\nethernets:\n  eth0:\n    match:\n      macaddress: '52:55:55:AA:bb:cc'\n    dhcp4: true\n    set-name: eth0\n    dhcp4-overrides:\n      route-metric: 200\n    dhcp-identifier: mac\n    nameservers:\n      addresses: [192.168.5.3]\n";
        let network = parse(text, &mut findings).unwrap();
        assert_eq!(findings, []);
        let eth0 = &network.ethernets[0];
        assert_eq!(eth0.mac.as_ref().unwrap().as_str(), "52:55:55:aa:bb:cc");
        assert_eq!(eth0.set_name.as_ref().unwrap().as_str(), "eth0");
        assert!(eth0.dhcp4 && eth0.identify_by_mac);
        assert_eq!(eth0.route_metric, Some(200));
    }

    #[test]
    fn a_bad_key_loses_only_itself() {
        let mut findings = Vec::new();
        let text = b"version: 2\nethernets:\n  e0: {dhcp4: maybe, match: {macaddress: 'xx'}, addresses: [10.0.0.1/24, 10.0.0.1], wol: 1}\n  'a/b': {}\n  e2: 5\n  e3: {dhcp4: yes}\n";
        let network = parse(text, &mut findings).unwrap();
        let names: Vec<_> = network.ethernets.iter().map(|e| e.id.as_str()).collect();
        assert_eq!(names, ["e0", "e3"]);
        assert_eq!(network.ethernets[0].addresses, ["10.0.0.1/24"]);
        let places: Vec<_> = findings.iter().map(Finding::place).collect();
        assert_eq!(
            places,
            [
                "network-config:3: ethernets.e0.dhcp4",
                "network-config:3: ethernets.e0.addresses[1]",
                "network-config:3: ethernets.e0.wol",
                "network-config:3: ethernets.e0.match.macaddress",
                "network-config:4: ethernets.a/b",
                "network-config:5: ethernets.e2",
            ]
        );
    }
}
