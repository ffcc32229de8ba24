//! From the model of a network to the files of the service that carries it out. Pure: the same
//! network gives the same files.

mod ini;
pub mod network_manager;
pub mod networkd;

use std::collections::BTreeMap;

use crate::config::network::model::{Bridge, Interface, Kind, Network};
use crate::config::network::types::Id;

/// A file to be: its name without folder, and its text.
pub type File = (String, String);

/// How interfaces of a network hang together.
struct Ties<'a> {
    /// Bond or bridge of each member.
    owners: BTreeMap<&'a Id, &'a Interface>,
    all: &'a [Interface],
}

impl<'a> Ties<'a> {
    fn of(network: &'a Network) -> Self {
        let pairs =
            network.interfaces.iter().flat_map(|it| it.members().iter().map(move |m| (m, it)));
        Self { owners: pairs.collect(), all: &network.interfaces }
    }

    fn owner(&self, interface: &Interface) -> Option<&'a Interface> {
        self.owners.get(&interface.id).copied()
    }

    fn find(&self, id: &Id) -> Option<&'a Interface> {
        self.all.iter().find(|it| it.id == *id)
    }

    /// VLANs on this interface.
    fn vlans(&self, interface: &Interface) -> impl Iterator<Item = &'a Interface> {
        let id = interface.id.clone();
        self.all.iter().filter(move |it| matches!(&it.kind, Kind::Vlan { link, .. } if *link == id))
    }
}

/// Cost and priority of a member.
fn port(bridge: &Bridge, member: &Id) -> (Option<u32>, Option<u32>) {
    let of = |list: &[(Id, u32)]| list.iter().find(|(id, _)| id == member).map(|(_, value)| *value);
    (of(&bridge.costs), of(&bridge.priorities))
}
