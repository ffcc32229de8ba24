//! Bonds, bridges and VLANs of version 1: what other interfaces make up.

use super::super::addressing;
use super::super::model::{Bond, Bridge, Kind};
use super::super::options::{BOND, BRIDGE, Setting, Tunable, vlan_number};
use super::super::types::Id;
use crate::config::reader::Reader;

fn members(key: &str, reader: &mut Reader<'_, '_>) -> Vec<Id> {
    addressing::list(key, reader, Id::new)
}

pub(super) fn bond(reader: &mut Reader<'_, '_>) -> Bond {
    let mut bond = Bond { members: members("bond_interfaces", reader), ..Bond::default() };
    let known: Vec<String> = names("bond-", BOND, &["primary"]);
    reader.nested("params", &strs(&known), |reader| {
        bond.settings = settings("bond-", BOND, reader);
        bond.primary = reader.text("bond-primary", Id::new);
    });
    bond
}

pub(super) fn bridge(reader: &mut Reader<'_, '_>) -> Bridge {
    let mut bridge = Bridge { members: members("bridge_interfaces", reader), ..Bridge::default() };
    // Waiting and port lists are for another tool, and the collection interval for old kernels.
    let others = ["pathcost", "portprio", "ports", "waitport", "maxwait", "gcint", "hw"];
    let known: Vec<String> = names("bridge_", BRIDGE, &others);
    reader.nested("params", &strs(&known), |reader| {
        bridge.settings = settings("bridge_", BRIDGE, reader);
        bridge.costs = of_members("bridge_pathcost", reader);
        bridge.priorities = of_members("bridge_portprio", reader);
    });
    bridge
}

fn names(start: &str, table: &[Tunable], others: &[&str]) -> Vec<String> {
    let own = table.iter().map(|row| row.v1).chain(others.iter().copied());
    own.map(|name| format!("{start}{name}")).collect()
}

fn strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn settings(start: &str, table: &'static [Tunable], reader: &mut Reader<'_, '_>) -> Vec<Setting> {
    let mut settings = Vec::new();
    for option in table {
        let value = reader.text(&format!("{start}{}", option.v1), |text| option.form.check(text));
        settings.extend(value.map(|value| Setting { option, value }));
    }
    settings
}

/// `["eth0 50", "eth1 75"]`.
fn of_members(key: &str, reader: &mut Reader<'_, '_>) -> Vec<(Id, u32)> {
    addressing::list(key, reader, |text| {
        let (name, value) = text.split_once(' ').ok_or("is no name with a number")?;
        Ok((Id::new(name)?, addressing::number(value.trim())?))
    })
}

pub(super) fn vlan(reader: &mut Reader<'_, '_>) -> Option<Kind> {
    for key in ["vlan_id", "vlan_link"] {
        if reader.node(key).is_none() {
            reader.missing(key, "is missing; the VLAN is left out");
        }
    }
    let number = reader.text("vlan_id", vlan_number);
    let link = reader.text("vlan_link", Id::new);
    Some(Kind::Vlan { number: number?, link: link? })
}
