//! Bonds, bridges and VLANs of version 2: what other interfaces make up.

use super::super::addressing;
use super::super::model::{Bond, Bridge, Kind};
use super::super::options::{BOND, BRIDGE, Setting, Tunable, vlan_number};
use super::super::types::Id;
use crate::config::reader::Reader;
use crate::config::yaml::Node;

const BOND_ONLY: &[&str] = &["primary"];
const BRIDGE_ONLY: &[&str] = &["path-cost", "port-priority"];

fn members(reader: &mut Reader<'_, '_>) -> Vec<Id> {
    addressing::list("interfaces", reader, Id::new)
}

pub(super) fn bond(reader: &mut Reader<'_, '_>) -> Bond {
    let mut bond = Bond { members: members(reader), ..Bond::default() };
    reader.nested("parameters", &known(BOND, BOND_ONLY), |reader| {
        bond.settings = settings(BOND, reader);
        bond.primary = reader.text("primary", Id::new);
    });
    bond
}

pub(super) fn bridge(reader: &mut Reader<'_, '_>) -> Bridge {
    let mut bridge = Bridge { members: members(reader), ..Bridge::default() };
    reader.nested("parameters", &known(BRIDGE, BRIDGE_ONLY), |reader| {
        bridge.settings = settings(BRIDGE, reader);
        bridge.costs = of_members("path-cost", reader);
        bridge.priorities = of_members("port-priority", reader);
    });
    bridge
}

fn known(table: &'static [Tunable], others: &[&'static str]) -> Vec<&'static str> {
    table.iter().map(|row| row.v2).chain(others.iter().copied()).collect()
}

fn settings(table: &'static [Tunable], reader: &mut Reader<'_, '_>) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    for option in table {
        let list = reader.node(option.v2).is_some_and(|node| node.as_seq().is_some());
        let value = if list {
            let texts: Vec<_> = reader.texts(option.v2).into_iter().map(|(_, _, it)| it).collect();
            let checked = option.form.check(&texts.join(","));
            let mark = reader.mark(option.v2);
            checked.map_err(|reason| reader.bad(option.v2, mark, reason)).ok()
        } else {
            reader.text(option.v2, |text| option.form.check(text))
        };
        settings.extend(value.map(|value| Setting { option, value }));
    }
    settings
}

/// `path-cost: {eth0: 50}`.
fn of_members(key: &str, reader: &mut Reader<'_, '_>) -> Vec<(Id, u32)> {
    let mut values = Vec::new();
    let Some(map) = reader.node(key).and_then(Node::as_map) else { return values };
    reader.inside(key, map, |reader| {
        for name in reader.keys() {
            let number = reader.text(&name, |text| text.parse().map_err(|_| "is no number"));
            values.extend(Id::new(&name).ok().zip(number));
        }
    });
    values
}

pub(super) fn vlan(reader: &mut Reader<'_, '_>) -> Option<Kind> {
    let number = reader.text("id", vlan_number);
    let link = reader.text("link", Id::new);
    for key in ["id", "link"] {
        if reader.node(key).is_none() {
            reader.missing(key, "is missing; the VLAN is left out");
        }
    }
    Some(Kind::Vlan { number: number?, link: link? })
}
