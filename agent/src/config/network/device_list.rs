//! Interfaces of one file, checked against each other: every name once, members and parents that
//! exist.

use std::collections::BTreeSet;

use super::model::{Interface, Kind};
use super::types::Id;
use super::{FILE, bad};
use crate::config::finding::Finding;
use crate::config::yaml::Mark;

/// Interfaces with the path of their key.
#[derive(Default)]
pub(super) struct DeviceList(Vec<(Interface, String)>);

impl DeviceList {
    /// Adds one, unless its key or its name is taken.
    pub(super) fn add(&mut self, interface: Interface, path: String, findings: &mut Vec<Finding>) {
        let mark = interface.mark.unwrap_or(Mark::START);
        let is_same = |other: &Interface| {
            let name = interface.name();
            other.id == interface.id || name.is_some() && other.name() == name
        };
        if self.0.iter().any(|(other, _)| is_same(other)) {
            let message = "has the name of another interface of this file; it is left out";
            findings.push(bad(mark, path, message.to_owned()));
            return;
        }
        self.0.push((interface, path));
    }

    /// The interface of this name.
    pub(super) fn find(&mut self, id: &Id) -> Option<&mut Interface> {
        self.0.iter_mut().map(|(interface, _)| interface).find(|it| it.id == *id)
    }

    /// All of them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Interface> {
        self.0.iter_mut().map(|(interface, _)| interface)
    }

    /// The list without what leads nowhere: members that are not there or belong to two, a VLAN on
    /// nothing.
    pub(super) fn finish(mut self, findings: &mut Vec<Finding>) -> Vec<Interface> {
        let ids: BTreeSet<Id> = self.0.iter().map(|(interface, _)| interface.id.clone()).collect();
        let mut taken = BTreeSet::new();
        for (interface, path) in &mut self.0 {
            let mark = interface.mark.unwrap_or(Mark::START);
            let own = interface.id.clone();
            let Some(members) = members(&mut interface.kind) else { continue };
            members.retain(|id| {
                let reason = match () {
                    () if *id == own => "is itself",
                    () if !ids.contains(id) => "is no interface of this file",
                    () if !taken.insert(id.clone()) => "belongs to another interface already",
                    () => return true,
                };
                let key = format!("{path}.interfaces");
                findings.push(bad(mark, key, format!("{:?} {reason}", id.as_str())));
                false
            });
        }
        self.0.retain(|(interface, path)| {
            let Kind::Vlan { link, .. } = &interface.kind else { return true };
            let is_good = ids.contains(link) && *link != interface.id;
            if !is_good {
                let mark = interface.mark.unwrap_or(Mark::START);
                let message = format!("{:?} is no interface of this file", link.as_str());
                findings.push(
                    Finding::error("bad-value", FILE, message).at(mark, format!("{path}.link")),
                );
            }
            is_good
        });
        self.0.into_iter().map(|(interface, _)| interface).collect()
    }
}

fn members(kind: &mut Kind) -> Option<&mut Vec<Id>> {
    match kind {
        Kind::Bond(bond) => Some(&mut bond.members),
        Kind::Bridge(bridge) => Some(&mut bridge.members),
        Kind::Ethernet | Kind::Loopback | Kind::Vlan { .. } => None,
    }
}
