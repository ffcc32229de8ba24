//! The `.network` file of an interface.

use super::super::ini::{Ini, yes};
use super::super::{Ties, port};
use super::Extras;
use crate::config::network::model::{
    Activation, Addressing, Interface, Kind, LinkLocal, Overrides, Route, Rule,
};
use crate::config::network::types::{Domain, Word};

pub(super) fn render(interface: &Interface, ties: &Ties<'_>, extras: Extras) -> Ini {
    let mut ini = Ini::default();
    matched(interface, &mut ini);
    link(interface, &mut ini);
    network(interface, ties, extras, &mut ini);
    member(interface, ties, &mut ini);
    let ip = &interface.ip;
    for address in &ip.addresses {
        ini.begin("Address");
        ini.put("Address", "Address", address);
    }
    for each in &ip.routes {
        route(each, ip, &mut ini);
    }
    for each in &ip.rules {
        rule(each, &mut ini);
    }
    dhcp(ip, &mut ini);
    ini
}

/// By the permanent MAC address alone, if there is one: a bond or VLAN carries that of its device,
/// but not as its own, and a device that could not be renamed is still the one that is meant.
fn matched(interface: &Interface, ini: &mut Ini) {
    let matched = &interface.matched;
    if let Some(mac) = &matched.mac {
        ini.put("Match", "PermanentMACAddress", mac.as_str());
    } else if let Some(name) = &interface.set_name {
        ini.put("Match", "Name", name.as_str());
    } else if let Some(name) = &matched.name {
        ini.put("Match", "Name", name.as_str());
    } else if interface.kind == Kind::Loopback || matched.drivers.is_empty() {
        ini.put("Match", "Name", interface.id.as_str());
    }
    drivers(interface, ini);
}

pub(super) fn drivers(interface: &Interface, ini: &mut Ini) {
    let drivers: Vec<_> = interface.matched.drivers.iter().map(Word::as_str).collect();
    if !drivers.is_empty() {
        ini.put("Match", "Driver", drivers.join(" "));
    }
}

fn link(interface: &Interface, ini: &mut Ini) {
    ini.put_some("Link", "MTUBytes", interface.mtu.filter(|_| !interface.is_virtual()));
    let mac = interface.mac.as_ref().filter(|_| !interface.is_virtual());
    ini.put_some("Link", "MACAddress", mac);
    if interface.optional || interface.activation.is_some() {
        ini.put("Link", "RequiredForOnline", "no");
    }
    let policy = |activation| match activation {
        Activation::Manual => "manual",
        Activation::Off => "always-down",
    };
    ini.put_some("Link", "ActivationPolicy", interface.activation.map(policy));
}

fn network(interface: &Interface, ties: &Ties<'_>, extras: Extras, ini: &mut Ini) {
    let ip = &interface.ip;
    let dhcp = match (ip.dhcp4, ip.dhcp6) {
        (true, true) => "yes",
        (true, false) => "ipv4",
        (false, true) => "ipv6",
        (false, false) => "no",
    };
    let mut put = |key: &str, value: Option<&str>| ini.put_some("Network", key, value);
    put("DHCP", Some(dhcp));
    put("LinkLocalAddressing", ip.link_local.map(link_local));
    put("IPv6AcceptRA", ip.accept_ra.map(yes));
    put("IPv6PrivacyExtensions", ip.privacy.map(yes));
    put("KeepConfiguration", ip.critical.then_some("yes"));
    put("MulticastDNS", extras.multicast_dns.then_some("yes"));
    // A bridge without ports has no carrier, and would wait for one.
    let is_alone = matches!(&interface.kind, Kind::Bridge(bridge) if bridge.members.is_empty());
    put("ConfigureWithoutCarrier", is_alone.then_some("yes"));
    for server in &ip.nameservers {
        ini.put("Network", "DNS", server);
    }
    let domains: Vec<_> = ip.search.iter().map(Domain::as_str).collect();
    if !domains.is_empty() {
        ini.put("Network", "Domains", domains.join(" "));
    }
    for vlan in ties.vlans(interface) {
        ini.put("Network", "VLAN", vlan.id.as_str());
    }
}

fn link_local(families: LinkLocal) -> &'static str {
    match (families.ipv4, families.ipv6) {
        (true, true) => "yes",
        (true, false) => "ipv4",
        (false, true) => "ipv6",
        (false, false) => "no",
    }
}

/// A part of a bond or bridge.
fn member(interface: &Interface, ties: &Ties<'_>, ini: &mut Ini) {
    let Some(owner) = ties.owner(interface) else { return };
    match &owner.kind {
        Kind::Bond(bond) => {
            ini.put("Network", "Bond", owner.id.as_str());
            if bond.primary.as_ref() == Some(&interface.id) {
                ini.put("Network", "PrimarySlave", "yes");
            }
        }
        Kind::Bridge(bridge) => {
            ini.put("Network", "Bridge", owner.id.as_str());
            let (cost, priority) = port(bridge, &interface.id);
            ini.put_some("Bridge", "Cost", cost);
            ini.put_some("Bridge", "Priority", priority);
        }
        Kind::Ethernet | Kind::Loopback | Kind::Vlan { .. } => {}
    }
}

fn route(route: &Route, ip: &Addressing, ini: &mut Ini) {
    ini.begin("Route");
    let mut put = |key: &str, value: Option<String>| ini.put_some("Route", key, value);
    put("Destination", Some(route.to.to_string()));
    put("Gateway", route.via.map(|via| via.to_string()));
    put("GatewayOnLink", ip.is_on_link(route).then(|| "yes".to_owned()));
    put("Metric", route.metric.map(|it| it.to_string()));
    put("Table", route.table.map(|it| it.to_string()));
    put("MTUBytes", route.mtu.map(|it| it.to_string()));
    put("PreferredSource", route.from.map(|it| it.to_string()));
    put("Scope", route.scope.as_ref().map(|it| it.as_str().to_owned()));
    put("Type", route.kind.as_ref().map(|it| it.as_str().to_owned()));
}

fn rule(rule: &Rule, ini: &mut Ini) {
    ini.begin("RoutingPolicyRule");
    ini.put_some("RoutingPolicyRule", "From", rule.from);
    ini.put_some("RoutingPolicyRule", "To", rule.to);
    ini.put_some("RoutingPolicyRule", "Table", rule.table);
    ini.put_some("RoutingPolicyRule", "Priority", rule.priority);
    ini.put_some("RoutingPolicyRule", "FirewallMark", rule.mark);
    ini.put_some("RoutingPolicyRule", "TypeOfService", rule.type_of_service);
}

fn dhcp(ip: &Addressing, ini: &mut Ini) {
    if ip.dhcp4 {
        if ip.identify_by_mac {
            ini.put("DHCPv4", "ClientIdentifier", "mac");
        }
        overrides("DHCPv4", &ip.overrides4, ini);
        ini.put_some("DHCPv4", "RouteMetric", ip.overrides4.route_metric);
    }
    if ip.dhcp6 {
        overrides("DHCPv6", &ip.overrides6, ini);
        // Routes of IPv6 come with router advertisements, never by DHCP.
        ini.put_some("IPv6AcceptRA", "RouteMetric", ip.overrides6.route_metric);
    }
}

/// What networkd knows of `DHCPv6` is less than of `DHCPv4`.
fn overrides(section: &'static str, overrides: &Overrides, ini: &mut Ini) {
    for (key, value) in &overrides.switches {
        let name = match *key {
            "send-hostname" => "SendHostname",
            "use-dns" => "UseDNS",
            "use-domains" => "UseDomains",
            "use-hostname" => "UseHostname",
            "use-ntp" => "UseNTP",
            "use-mtu" if section == "DHCPv4" => "UseMTU",
            "use-routes" if section == "DHCPv4" => "UseRoutes",
            _ => continue,
        };
        ini.put(section, name, yes(*value));
    }
    if overrides.domains_route {
        ini.put(section, "UseDomains", "route");
    }
    ini.put_some(section, "Hostname", overrides.hostname.as_ref());
}
