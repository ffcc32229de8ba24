//! The keys that all kinds of interfaces have.

use super::super::addressing;
use super::super::model::{Activation, Addressing, Interface, Kind, LinkLocal, Match};
use super::super::types::{Cidr, Domain, Id, InterfaceName, Mac, Word};
use crate::config::reader::Reader;

const KNOWN: &[&str] = &[
    "accept-ra",
    "activation-mode",
    "addresses",
    "critical",
    "dhcp-identifier",
    "dhcp4",
    "dhcp4-overrides",
    "dhcp6",
    "dhcp6-overrides",
    "gateway4",
    "gateway6",
    "ipv6-privacy",
    "link-local",
    "macaddress",
    "mtu",
    "nameservers",
    "optional",
    "renderer",
    "routes",
    "routing-policy",
    "wakeonlan",
];
const ETHERNET: &[&str] = &["match", "set-name"];
const MEMBERS: &[&str] = &["interfaces", "parameters"];
const VLAN: &[&str] = &["id", "link"];

/// Reads the interface; `kind` is read already.
pub(super) fn read(id: Id, kind: Kind, reader: &mut Reader<'_, '_>) -> Interface {
    let own = match kind {
        Kind::Ethernet | Kind::Loopback => ETHERNET,
        Kind::Bond(_) | Kind::Bridge(_) => MEMBERS,
        Kind::Vlan { .. } => VLAN,
    };
    reader.unknown(&[KNOWN, own].concat());
    let matched = if kind == Kind::Ethernet { matched(reader) } else { Match::default() };
    let set_name =
        if kind == Kind::Ethernet { reader.text("set-name", InterfaceName::new) } else { None };
    Interface {
        id,
        kind,
        matched,
        set_name,
        mac: reader.text("macaddress", Mac::new),
        mtu: reader.text("mtu", addressing::number),
        optional: reader.truth("optional").unwrap_or(false),
        wake_on_lan: reader.truth("wakeonlan"),
        activation: reader.text("activation-mode", activation),
        ip: ip(reader),
        mark: None,
    }
}

fn activation(text: &str) -> Result<Activation, &'static str> {
    match text {
        "manual" => Ok(Activation::Manual),
        "off" => Ok(Activation::Off),
        _ => Err("is neither manual nor off"),
    }
}

fn matched(reader: &mut Reader<'_, '_>) -> Match {
    let mut matched = Match::default();
    reader.nested("match", &["driver", "macaddress", "name"], |reader| {
        matched.mac = reader.text("macaddress", Mac::new);
        matched.name = reader.text("name", Word::glob);
        for (key, mark, text) in reader.texts("driver") {
            match Word::glob(&text) {
                Ok(driver) => matched.drivers.push(driver),
                Err(reason) => reader.bad_at(&key, mark, reason),
            }
        }
        let lost = [
            ("macaddress", matched.mac.is_none()),
            ("name", matched.name.is_none()),
            ("driver", matched.drivers.is_empty()),
        ];
        // What is left of a match would fit more devices: the one called by the key is safer.
        if lost.iter().any(|(key, is_lost)| *is_lost && reader.node(key).is_some()) {
            matched = Match::default();
        }
    });
    matched
}

fn ip(reader: &mut Reader<'_, '_>) -> Addressing {
    let mut ip = Addressing {
        dhcp4: reader.truth("dhcp4").unwrap_or(false),
        dhcp6: reader.truth("dhcp6").unwrap_or(false),
        identify_by_mac: reader.text("dhcp-identifier", identifier).unwrap_or(false),
        overrides4: addressing::overrides("dhcp4-overrides", reader),
        overrides6: addressing::overrides("dhcp6-overrides", reader),
        accept_ra: reader.truth("accept-ra"),
        link_local: link_local(reader),
        privacy: reader.truth("ipv6-privacy"),
        critical: reader.truth("critical").unwrap_or(false),
        addresses: addressing::list("addresses", reader, Cidr::lenient),
        rules: addressing::rules(reader),
        ..Addressing::default()
    };
    for key in ["gateway4", "gateway6"] {
        ip.routes.extend(addressing::gateway(key, reader));
    }
    ip.routes.extend(addressing::routes("routes", reader));
    reader.nested("nameservers", &["addresses", "search"], |reader| {
        ip.nameservers =
            addressing::list("addresses", reader, |it| it.parse().map_err(|_| "is no IP address"));
        ip.search = addressing::list("search", reader, Domain::new);
    });
    ip
}

/// `duid` is what both services do by themselves.
fn identifier(text: &str) -> Result<bool, &'static str> {
    match text {
        "mac" => Ok(true),
        "duid" => Ok(false),
        _ => Err("is neither mac nor duid"),
    }
}

fn link_local(reader: &mut Reader<'_, '_>) -> Option<LinkLocal> {
    reader.node("link-local")?;
    let mut families = LinkLocal::default();
    for (key, mark, text) in reader.texts("link-local") {
        match text.as_str() {
            "ipv4" => families.ipv4 = true,
            "ipv6" => families.ipv6 = true,
            _ => reader.bad_at(&key, mark, "is neither ipv4 nor ipv6"),
        }
    }
    Some(families)
}
