//! What an interface has above the link: addresses, routes, rules, name servers.

use std::net::IpAddr;

use serde::Serialize;

use crate::config::network::types::{Cidr, Domain, Word};

/// What an interface has above the link.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Addressing {
    /// DHCP for IPv4.
    pub dhcp4: bool,
    /// DHCP for IPv6.
    pub dhcp6: bool,
    /// `dhcp-identifier: mac`: the lease is found by MAC address.
    pub identify_by_mac: bool,
    /// What of an IPv4 lease is used.
    pub overrides4: Overrides,
    /// What of an IPv6 lease is used.
    pub overrides6: Overrides,
    /// Whether router advertisements count; `None`: as the kernel has it.
    pub accept_ra: Option<bool>,
    /// Families with link-local addresses; `None`: as usual.
    pub link_local: Option<LinkLocal>,
    /// Temporary addresses.
    pub privacy: Option<bool>,
    /// Addresses stay when their lease ends or the service stops.
    pub critical: bool,
    /// Static addresses.
    pub addresses: Vec<Cidr>,
    /// Static routes.
    pub routes: Vec<Route>,
    /// `routing-policy`.
    pub rules: Vec<Rule>,
    /// Name servers.
    pub nameservers: Vec<IpAddr>,
    /// Search list.
    pub search: Vec<Domain>,
}

/// Families that have link-local addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LinkLocal {
    /// 169.254.0.0/16.
    pub ipv4: bool,
    /// `fe80::/64`.
    pub ipv6: bool,
}

/// `dhcp4-overrides` and `dhcp6-overrides`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Overrides {
    /// Switches by their key in the file.
    pub switches: Vec<(&'static str, bool)>,
    /// `use-domains: route`: domains only route queries.
    pub domains_route: bool,
    /// The name that is sent.
    pub hostname: Option<Domain>,
    /// Metric of its routes.
    pub route_metric: Option<u32>,
}

/// A static route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Where to.
    pub to: Cidr,
    /// By whom; `None`: on the link itself.
    pub via: Option<IpAddr>,
    /// Metric.
    pub metric: Option<u32>,
    /// Table.
    pub table: Option<u32>,
    /// Largest packet.
    pub mtu: Option<u32>,
    /// The gateway is on the link, whatever the addresses say.
    pub on_link: bool,
    /// Source address.
    pub from: Option<IpAddr>,
    /// `global`, `link`, `host`.
    pub scope: Option<Word>,
    /// `unicast`, `blackhole`, …
    pub kind: Option<Word>,
}

/// A rule that picks a routing table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Source.
    pub from: Option<Cidr>,
    /// Destination.
    pub to: Option<Cidr>,
    /// Table.
    pub table: Option<u32>,
    /// Place among the rules.
    pub priority: Option<u32>,
    /// Firewall mark.
    pub mark: Option<u32>,
    /// Type of service.
    pub type_of_service: Option<u32>,
}

impl Addressing {
    /// Whether the gateway of a route can only be reached if the kernel is told that it is there.
    pub fn is_on_link(&self, route: &Route) -> bool {
        let Some(via) = route.via else { return false };
        let mut same_family =
            self.addresses.iter().filter(|it| it.address.is_ipv4() == via.is_ipv4()).peekable();
        let is_outside = same_family.peek().is_some() && !same_family.any(|it| it.contains(via));
        // A link-local gateway is on the link by nature.
        let is_link_local = matches!(via, IpAddr::V6(via) if via.is_unicast_link_local());
        route.on_link || is_outside && !is_link_local
    }
}
