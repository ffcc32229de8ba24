//! `subnets` of version 1: how an interface gets its addresses.

use std::net::IpAddr;

use super::super::addressing;
use super::super::model::{Activation, Interface};
use super::super::types::{Cidr, Domain};
use crate::config::reader::Reader;

const KNOWN: &[&str] = &[
    "address",
    "broadcast",
    "control",
    "dns_nameservers",
    "dns_search",
    "gateway",
    "ipv4",
    "ipv6",
    "metric",
    "netmask",
    "routes",
    "type",
];

/// Reads all of them into the interface.
pub(super) fn read(reader: &mut Reader<'_, '_>, interface: &mut Interface) {
    reader.each("subnets", |reader| {
        reader.unknown(KNOWN);
        kind(reader, interface);
        if reader.text("control", |text| Ok(text == "manual")) == Some(true) {
            interface.activation = Some(Activation::Manual);
        }
        let ip = &mut interface.ip;
        if let Some(via) =
            reader.text("gateway", |text| text.parse().map_err(|_| "is no IP address"))
        {
            ip.routes.push(addressing::default_route(via));
        }
        reader.each("routes", |reader| ip.routes.extend(addressing::v1_route(reader)));
        ip.nameservers.extend(servers("dns_nameservers", reader));
        ip.search.extend(domains("dns_search", reader));
    });
}

fn kind(reader: &mut Reader<'_, '_>, interface: &mut Interface) {
    let ip = &mut interface.ip;
    let metric = reader.text("metric", addressing::number);
    let Some(kind) = reader.text("type", |text| Ok(text.to_owned())) else {
        return reader.missing("type", "is missing; the subnet is left out");
    };
    match kind.as_str() {
        "dhcp" | "dhcp4" => {
            ip.dhcp4 = true;
            ip.overrides4.route_metric = metric.or(ip.overrides4.route_metric);
        }
        "dhcp6" | "ipv6_dhcpv6-stateful" => {
            ip.dhcp6 = true;
            ip.overrides6.route_metric = metric.or(ip.overrides6.route_metric);
        }
        // The router says whether there is more to ask for.
        "ipv6_slaac" | "ipv6_dhcpv6-stateless" => ip.accept_ra = Some(true),
        "static" | "static6" => ip.addresses.extend(address(reader)),
        "manual" => {}
        other => {
            let mark = reader.mark("type");
            reader.bad("type", mark, format!("{other:?} is no type of a subnet"));
        }
    }
}

fn address(reader: &mut Reader<'_, '_>) -> Option<Cidr> {
    let mask = reader.text("netmask", |text| Ok(text.to_owned()));
    if reader.node("address").is_none() {
        reader.missing("address", "is missing; the subnet has none");
    }
    reader.text("address", |text| match &mask {
        Some(mask) if !text.contains('/') => Cidr::new(&format!("{text}/{mask}")),
        _ => Cidr::lenient(text),
    })
}

/// Name servers: a list, or one text with blanks between.
pub(super) fn servers(key: &str, reader: &mut Reader<'_, '_>) -> Vec<IpAddr> {
    addressing::words(key, reader, |text| text.parse().map_err(|_| "is no IP address"))
}

/// Domains: a list, or one text with blanks between.
pub(super) fn domains(key: &str, reader: &mut Reader<'_, '_>) -> Vec<Domain> {
    addressing::words(key, reader, Domain::new)
}
