//! The sections `[ipv4]` and `[ipv6]` of a keyfile.

use std::net::IpAddr;

use super::super::ini::Ini;
use crate::config::network::model::{Addressing, Overrides, Route, Rule};

/// A family with its section.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

pub(super) fn render(ip: &Addressing, ini: &mut Ini, lost: &mut Vec<&'static str>) {
    for family in [Family::V4, Family::V6] {
        let section = family.section();
        let method = family.method(ip);
        ini.put(section, "method", method);
        if !matches!(method, "disabled" | "ignore") {
            // One family that gets nothing must not keep the other from coming up.
            let are_both_asked = ip.dhcp4 && ip.dhcp6;
            ini.put(section, "may-fail", are_both_asked);
        }
        lists(family, ip, ini, lost);
        for (index, route) in ip.routes.iter().filter(|it| family.is(it.to.address)).enumerate() {
            self::route(section, index + 1, route, ip, ini);
        }
        rules(family, ip, ini, lost);
        let (is_asked, overrides) = match family {
            Family::V4 => (ip.dhcp4, &ip.overrides4),
            Family::V6 => (ip.dhcp6, &ip.overrides6),
        };
        if is_asked {
            self::overrides(section, overrides, ini, lost);
        }
    }
    if ip.dhcp4 && ip.identify_by_mac {
        ini.put("ipv4", "dhcp-client-id", "mac");
    }
    ini.put_some("ipv6", "ip6-privacy", ip.privacy.map(|on| if on { 2 } else { 0 }));
    if ip.link_local.is_some_and(|it| it.ipv4) {
        ini.put("ipv4", "link-local", 3);
    }
}

impl Family {
    fn section(self) -> &'static str {
        if self == Self::V4 { "ipv4" } else { "ipv6" }
    }

    fn is(self, address: IpAddr) -> bool {
        address.is_ipv4() == (self == Self::V4)
    }

    /// Without a word about IPv6 it is the kernel's: as with networkd, which then takes what routers
    /// say.
    fn method(self, ip: &Addressing) -> &'static str {
        let is_static = ip.addresses.iter().any(|it| self.is(it.address));
        match self {
            Self::V4 if ip.dhcp4 => "auto",
            Self::V6 if ip.dhcp6 || ip.accept_ra == Some(true) => "auto",
            _ if is_static => "manual",
            Self::V4 => "disabled",
            Self::V6 if ip.link_local.is_some_and(|it| !it.ipv6) => "disabled",
            Self::V6 if ip.accept_ra == Some(false) => "link-local",
            Self::V6 => "ignore",
        }
    }
}

/// A family that is off can have no name servers: NetworkManager refuses the whole file.
fn lists(family: Family, ip: &Addressing, ini: &mut Ini, lost: &mut Vec<&'static str>) {
    let section = family.section();
    let addresses = ip.addresses.iter().filter(|it| family.is(it.address));
    for (index, address) in addresses.enumerate() {
        ini.put(section, &format!("address{}", index + 1), address);
    }
    let servers: String =
        ip.nameservers.iter().filter(|it| family.is(**it)).map(|it| format!("{it};")).collect();
    if !matches!(family.method(ip), "auto" | "manual") {
        if !servers.is_empty() {
            lost.push("name servers of a family that is not configured");
        }
        return;
    }
    ini.put_some(section, "dns", Some(servers).filter(|it| !it.is_empty()));
    let domains: String = ip.search.iter().map(|it| format!("{};", it.as_str())).collect();
    ini.put_some(section, "dns-search", Some(domains).filter(|it| !it.is_empty()));
}

/// `routeN=to,via,metric` and `routeN_options=`.
fn route(section: &'static str, number: usize, route: &Route, ip: &Addressing, ini: &mut Ini) {
    let mut value = route.to.to_string();
    if let Some(via) = route.via {
        value.push_str(&format!(",{via}"));
    }
    if let Some(metric) = route.metric {
        let comma = if route.via.is_none() { "," } else { "" };
        value.push_str(&format!("{comma},{metric}"));
    }
    ini.put(section, &format!("route{number}"), value);
    let mut options: Vec<String> = Vec::new();
    options.extend(route.table.map(|it| format!("table={it}")));
    options.extend(route.mtu.map(|it| format!("mtu={it}")));
    options.extend(route.from.map(|it| format!("src={it}")));
    options.extend(ip.is_on_link(route).then(|| "onlink=true".to_owned()));
    options.extend(route.kind.as_ref().map(|it| format!("type={}", it.as_str())));
    options.extend(
        route.scope.as_ref().and_then(|it| scope(it.as_str())).map(|it| format!("scope={it}")),
    );
    if !options.is_empty() {
        ini.put(section, &format!("route{number}_options"), options.join(","));
    }
}

/// Numbers of rtnetlink(7).
fn scope(name: &str) -> Option<u8> {
    match name {
        "global" => Some(0),
        "site" => Some(200),
        "link" => Some(253),
        "host" => Some(254),
        _ => None,
    }
}

/// `routing-ruleN=priority 3 from 10.0.0.0/8 table 5`. NetworkManager wants a priority.
fn rules(family: Family, ip: &Addressing, ini: &mut Ini, lost: &mut Vec<&'static str>) {
    let is_of = |rule: &&Rule| match (rule.from, rule.to) {
        (Some(end), _) | (None, Some(end)) => family.is(end.address),
        (None, None) => family == Family::V4,
    };
    let mut number = 1;
    for rule in ip.rules.iter().filter(is_of) {
        let Some(priority) = rule.priority else {
            lost.push("routing-policy without priority");
            continue;
        };
        let mut words = vec![format!("priority {priority}")];
        words.extend(rule.from.map(|it| format!("from {it}")));
        words.extend(rule.to.map(|it| format!("to {it}")));
        words.extend(rule.mark.map(|it| format!("fwmark {it}")));
        words.extend(rule.type_of_service.map(|it| format!("tos {it}")));
        words.extend(rule.table.map(|it| format!("table {it}")));
        ini.put(family.section(), &format!("routing-rule{number}"), words.join(" "));
        number += 1;
    }
}

fn overrides(
    section: &'static str,
    overrides: &Overrides,
    ini: &mut Ini,
    lost: &mut Vec<&'static str>,
) {
    for (key, value) in &overrides.switches {
        match (*key, *value) {
            ("use-dns", value) => ini.put(section, "ignore-auto-dns", !value),
            ("use-routes", value) => ini.put(section, "ignore-auto-routes", !value),
            ("send-hostname", value) => ini.put(section, "dhcp-send-hostname", value),
            // NetworkManager takes the others by itself, or never: asking for its own way is no loss.
            ("use-hostname" | "use-ntp", false) | ("use-mtu" | "use-domains", true) => {}
            (key, _) => lost.push(key),
        }
    }
    if overrides.domains_route {
        lost.push("use-domains: route");
    }
    ini.put_some(section, "dhcp-hostname", overrides.hostname.as_ref());
    ini.put_some(section, "route-metric", overrides.route_metric);
}
