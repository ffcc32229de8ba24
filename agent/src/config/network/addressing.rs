//! Routes, rules, overrides and lists: what both versions write in nearly the same way.

use std::net::IpAddr;

use super::model::{Overrides, Route, Rule};
use super::types::{Cidr, Domain, Word};
use crate::config::reader::Reader;
use crate::config::yaml::Mark;

/// Switches of `dhcp4-overrides`.
pub const SWITCHES: &[&str] = &[
    "send-hostname",
    "use-dns",
    "use-domains",
    "use-hostname",
    "use-mtu",
    "use-ntp",
    "use-routes",
];
const ROUTE: &[&str] = &["from", "metric", "mtu", "on-link", "scope", "table", "to", "type", "via"];
const V1_ROUTE: &[&str] =
    &["address", "destination", "gateway", "id", "metric", "mtu", "netmask", "network", "type"];
const RULE: &[&str] = &["from", "mark", "priority", "table", "to", "type-of-service"];

/// A whole number that fits the kernel.
pub fn number(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "is no number")
}

fn address(text: &str) -> Result<IpAddr, &'static str> {
    text.parse().map_err(|_| "is no IP address")
}

/// A list of which each item is checked; a bad one loses only itself.
pub fn list<T>(
    key: &str,
    reader: &mut Reader<'_, '_>,
    check: impl Fn(&str) -> Result<T, &'static str>,
) -> Vec<T> {
    let pieces = reader.texts(key);
    each(pieces.iter().map(|(key, mark, text)| (key, *mark, text.as_str())), reader, check)
}

/// The same for a list that may also be one text with blanks between.
pub fn words<T>(
    key: &str,
    reader: &mut Reader<'_, '_>,
    check: impl Fn(&str) -> Result<T, &'static str>,
) -> Vec<T> {
    let pieces = reader.texts(key);
    let words = pieces.iter().flat_map(|(key, mark, text)| {
        text.split_ascii_whitespace().map(move |word| (key, *mark, word))
    });
    each(words, reader, check)
}

fn each<'a, T>(
    pieces: impl Iterator<Item = (&'a String, Mark, &'a str)>,
    reader: &mut Reader<'_, '_>,
    check: impl Fn(&str) -> Result<T, &'static str>,
) -> Vec<T> {
    let mut values = Vec::new();
    for (key, mark, text) in pieces {
        match check(text) {
            Ok(value) => values.push(value),
            Err(reason) => reader.bad_at(key, mark, &format!("{text:?} {reason}")),
        }
    }
    values
}

/// `gateway4` and `gateway6`: a default route.
pub fn gateway(key: &str, reader: &mut Reader<'_, '_>) -> Option<Route> {
    let is_v4 = key.ends_with('4');
    let check = |text: &str| {
        let reason = "is no address of this family";
        address(text).ok().filter(|it| it.is_ipv4() == is_v4).ok_or(reason)
    };
    reader.text(key, check).map(default_route)
}

/// The default route through `via`.
pub fn default_route(via: IpAddr) -> Route {
    Route {
        to: Cidr::all(via),
        via: Some(via),
        metric: None,
        table: None,
        mtu: None,
        on_link: false,
        from: None,
        scope: None,
        kind: None,
    }
}

/// Routes of version 2.
pub fn routes(key: &str, reader: &mut Reader<'_, '_>) -> Vec<Route> {
    let mut routes = Vec::new();
    reader.each(key, |reader| {
        reader.unknown(ROUTE);
        let via = reader.text("via", address);
        let to = target("to", via, reader);
        // Without its gateway it would be another route.
        let to = to.filter(|_| via.is_some() || reader.node("via").is_none());
        routes.extend(to.map(|to| Route {
            to,
            via,
            metric: reader.text("metric", number),
            table: reader.text("table", number),
            mtu: reader.text("mtu", number),
            on_link: reader.truth("on-link").unwrap_or(false),
            from: reader.text("from", address),
            scope: reader.text("scope", Word::new),
            kind: reader.text("type", Word::new),
        }));
    });
    routes
}

fn target(key: &str, via: Option<IpAddr>, reader: &mut Reader<'_, '_>) -> Option<Cidr> {
    if reader.node(key).is_none() {
        reader.missing(key, "is missing; the route is left out");
    }
    reader.text(key, |text| match (text, via) {
        ("default", Some(via)) => Ok(Cidr::all(via)),
        ("default", None) => Err("needs a gateway, which names the family"),
        (text, Some(via)) => {
            let to = Cidr::target(text)?;
            let is_same = to.address.is_ipv4() == via.is_ipv4();
            if is_same { Ok(to) } else { Err("is of another family than the gateway") }
        }
        (text, None) => Cidr::target(text),
    })
}

/// One route of version 1, whose keys have several names.
pub fn v1_route(reader: &mut Reader<'_, '_>) -> Option<Route> {
    reader.unknown(V1_ROUTE);
    let via = reader.text("gateway", address);
    let key =
        ["destination", "network", "address"].into_iter().find(|key| reader.node(key).is_some());
    let mask = reader.text("netmask", |text| Ok(text.to_owned()));
    let to = reader.text(key.unwrap_or("destination"), |text| match (text, via, &mask) {
        ("default", Some(via), _) => Ok(Cidr::all(via)),
        (text, _, Some(mask)) if !text.contains('/') => Cidr::new(&format!("{text}/{mask}")),
        (text, _, _) => Cidr::target(text),
    });
    let metric = reader.text("metric", number);
    let mtu = reader.text("mtu", number);
    if via.is_none() && reader.node("gateway").is_some() {
        return None;
    }
    // Without a destination it is the default route.
    let to = to.or_else(|| via.filter(|_| key.is_none()).map(Cidr::all))?;
    Some(Route { to, via, metric, mtu, ..default_route(to.address) })
}

/// `routing-policy`.
pub fn rules(reader: &mut Reader<'_, '_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    reader.each("routing-policy", |reader| {
        reader.unknown(RULE);
        let network = |text: &str| Cidr::target(text);
        let rule = Rule {
            from: reader.text("from", network),
            to: reader.text("to", network),
            table: reader.text("table", number),
            priority: reader.text("priority", number),
            mark: reader.text("mark", number),
            type_of_service: reader.text("type-of-service", number),
        };
        // A rule that lost a part would be for more packets than it was meant for.
        let lost = [
            ("from", rule.from.is_none()),
            ("to", rule.to.is_none()),
            ("table", rule.table.is_none()),
            ("mark", rule.mark.is_none()),
            ("type-of-service", rule.type_of_service.is_none()),
        ];
        let is_whole = !lost.iter().any(|(key, is_lost)| *is_lost && reader.node(key).is_some());
        rules.extend(Some(rule).filter(|rule| is_whole && *rule != Rule::default()));
    });
    rules
}

/// `dhcp4-overrides` or `dhcp6-overrides`.
pub fn overrides(key: &str, reader: &mut Reader<'_, '_>) -> Overrides {
    let mut overrides = Overrides::default();
    let known = [SWITCHES, &["hostname", "route-metric"]].concat();
    reader.nested(key, &known, |reader| {
        for switch in SWITCHES {
            let is_route = reader.node(switch).and_then(|it| it.as_str()) == Some("route");
            if *switch == "use-domains" && is_route {
                overrides.domains_route = true;
                continue;
            }
            overrides.switches.extend(reader.truth(switch).map(|value| (*switch, value)));
        }
        overrides.hostname = reader.text("hostname", Domain::new);
        overrides.route_metric = reader.text("route-metric", number);
    });
    overrides
}
