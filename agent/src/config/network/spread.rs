//! Where the routes and name servers go that version 1 gives to no interface. cloud-init writes
//! them into each; a route is of use only where its gateway is, and a name server where the rest of
//! the world is.

use super::FILE;
use super::device_list::DeviceList;
use super::model::{Interface, Route};
use super::v1::Global;
use crate::config::finding::Finding;

pub(super) fn spread(global: Global, list: &mut DeviceList, findings: &mut Vec<Finding>) {
    for route in global.routes {
        let text = route.to.to_string();
        if let Some(interface) = place(&route, list) {
            interface.ip.routes.push(route);
        } else {
            findings.push(Finding::error("bad-value", FILE, format!("the route to {text} has no interface: no one here has an address in the network of its gateway")));
        }
    }
    if global.nameservers.is_empty() && global.search.is_empty() {
        return;
    }
    let mut found = false;
    for interface in list.iter_mut().filter(|it| leads_out(it)) {
        found = true;
        interface.ip.nameservers.extend(&global.nameservers);
        interface.ip.search.extend(global.search.iter().cloned());
    }
    let first = list.iter_mut().find(|it| !it.ip.addresses.is_empty());
    match first {
        Some(interface) if !found => {
            interface.ip.nameservers.extend(global.nameservers);
            interface.ip.search.extend(global.search);
        }
        None if !found => findings.push(Finding::warning(
            "no-interface",
            FILE,
            "name servers are given, and no interface that could reach them",
        )),
        _ => {}
    }
}

/// The interface with the gateway in its network; else the first that asks for a lease, which may
/// bring one.
fn place<'a>(route: &Route, list: &'a mut DeviceList) -> Option<&'a mut Interface> {
    let is_near = |it: &Interface| {
        route.via.is_some_and(|via| it.ip.addresses.iter().any(|own| own.contains(via)))
    };
    let is_leased =
        |it: &Interface| if route.to.address.is_ipv4() { it.ip.dhcp4 } else { it.ip.dhcp6 };
    let near = list.iter_mut().find(|it| is_near(it)).map(|it| it.id.clone());
    let leased = || list.iter_mut().find(|it| is_leased(it)).map(|it| it.id.clone());
    let id = near.or_else(leased)?;
    list.find(&id)
}

/// Whether packets to the rest of the world leave by it.
fn leads_out(interface: &Interface) -> bool {
    let ip = &interface.ip;
    ip.dhcp4 || ip.dhcp6 || ip.routes.iter().any(|route| route.to.prefix == 0)
}
