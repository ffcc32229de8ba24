//! What both versions of `network-config` come down to: interfaces and what each is to have.

use std::net::IpAddr;

use serde::Serialize;

use super::options::Setting;
use super::types::{Cidr, Domain, Id, InterfaceName, Mac, Word};
use crate::config::yaml::Mark;

/// Interfaces in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Network {
    /// `config: disabled`: nothing is to be written.
    pub is_disabled: bool,
    /// `renderer`, if it is one of the two that are known.
    pub renderer: Option<Renderer>,
    /// All of them.
    pub interfaces: Vec<Interface>,
}

/// Who is to carry out the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Renderer {
    /// systemd-networkd.
    Networkd,
    /// NetworkManager.
    NetworkManager,
}

/// One interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Interface {
    /// Key in the file.
    pub id: Id,
    /// What it is.
    pub kind: Kind,
    /// Which device is meant; empty: the one with the name `id`.
    pub matched: Match,
    /// `set-name`: the name the device gets.
    pub set_name: Option<InterfaceName>,
    /// MAC address to set.
    pub mac: Option<Mac>,
    /// Largest packet.
    pub mtu: Option<u32>,
    /// The boot does not wait for it.
    pub optional: bool,
    /// Woken by a magic packet.
    pub wake_on_lan: Option<bool>,
    /// `activation-mode`.
    pub activation: Option<Activation>,
    /// Addresses, routes, name servers.
    pub ip: Addressing,
    /// Where it stands.
    #[serde(skip)]
    pub mark: Option<Mark>,
}

/// What an interface is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A device that is there.
    #[default]
    Ethernet,
    /// `lo`.
    Loopback,
    /// Several as one.
    Bond(Bond),
    /// A switch.
    Bridge(Bridge),
    /// One of the networks of another interface.
    Vlan {
        /// Its number.
        number: u16,
        /// The other interface.
        link: Id,
    },
}

/// Members and options of a bond.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Bond {
    /// Its interfaces.
    pub members: Vec<Id>,
    /// Its options.
    pub settings: Vec<Setting>,
    /// The member that is preferred.
    pub primary: Option<Id>,
}

/// Members and options of a bridge.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Bridge {
    /// Its interfaces.
    pub members: Vec<Id>,
    /// Its options.
    pub settings: Vec<Setting>,
    /// Cost of members.
    pub costs: Vec<(Id, u32)>,
    /// Priority of members.
    pub priorities: Vec<(Id, u32)>,
}

/// Which device is meant: all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Match {
    /// Permanent MAC address.
    pub mac: Option<Mac>,
    /// Glob over names.
    pub name: Option<Word>,
    /// Globs over drivers, one of which must hold.
    pub drivers: Vec<Word>,
}

/// When an interface is brought up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// By hand.
    Manual,
    /// Never.
    Off,
}

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

impl Interface {
    /// The name it has when all is done, if it has a single one.
    pub fn name(&self) -> Option<InterfaceName> {
        self.set_name.clone().or_else(|| {
            let is_named_by_id = self.matched == Match::default();
            InterfaceName::new(self.id.as_str()).ok().filter(|_| is_named_by_id)
        })
    }

    /// What to call it for people.
    pub fn label(&self) -> &str {
        self.set_name.as_ref().map_or(self.id.as_str(), InterfaceName::as_str)
    }

    /// Interfaces that belong to this one.
    pub fn members(&self) -> &[Id] {
        match &self.kind {
            Kind::Bond(bond) => &bond.members,
            Kind::Bridge(bridge) => &bridge.members,
            _ => &[],
        }
    }

    /// Whether the kernel makes it: bond, bridge, VLAN.
    pub fn is_virtual(&self) -> bool {
        !matches!(self.kind, Kind::Ethernet | Kind::Loopback)
    }
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
