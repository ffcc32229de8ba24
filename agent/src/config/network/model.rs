//! What both versions of `network-config` come down to: interfaces and what each is to have.

mod ip;

use serde::Serialize;

use super::options::Setting;
use super::types::{Id, InterfaceName, Mac, Word};
use crate::config::yaml::Mark;

pub use ip::{Addressing, LinkLocal, Overrides, Route, Rule};

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
