//! Files of others that configure the network, or forbid it.

use nixvm_system::System;

use super::{has_end, names, text};
use crate::config::yaml::{self, Node};
use crate::render::networkd;

/// A file of the image's or the administrator's that configures an interface.
pub(super) fn others(system: &dyn System) -> Option<String> {
    let of = |folder: &str, end: &str, but: &str| {
        let names = names(system, folder).into_iter();
        let mut names = names.filter(|name| name.ends_with(end) && !name.starts_with(but));
        names.next().map(|name| format!("{folder}/{name}"))
    };
    of("/etc/systemd/network", ".network", "10-nixvm-")
        .or_else(|| of("/run/systemd/network", ".network", networkd::START))
        .or_else(|| of("/etc/netplan", ".yaml", "\0"))
        .or_else(|| of("/etc/NetworkManager/system-connections", ".nmconnection", "\0"))
        .or_else(|| ifupdown(system))
}

/// Of the files that fit an interface networkd takes the first by name, whatever its folder.
pub(super) fn earlier(system: &dyn System) -> Option<String> {
    let of = |folder: &&str| {
        let is_earlier = |name: &String| has_end(name, "network") && &**name < networkd::START;
        let name = names(system, folder).into_iter().find(is_earlier)?;
        Some(format!("{folder}/{name}"))
    };
    ["/etc/systemd/network", networkd::FOLDER].iter().find_map(of)
}

/// `/etc/network/interfaces` that has more than the loopback interface.
fn ifupdown(system: &dyn System) -> Option<String> {
    let main = "/etc/network/interfaces".to_owned();
    let folder = "/etc/network/interfaces.d";
    let parts = names(system, folder).into_iter().map(|name| format!("{folder}/{name}"));
    let has_interface = |path: &String| {
        let text = text(system, path).unwrap_or_default();
        text.lines().any(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some("iface") && words.next().is_some_and(|name| name != "lo")
        })
    };
    std::iter::once(main).chain(parts).find(has_interface)
}

/// The kernel's command line, or a file of `/etc/cloud`.
pub(super) fn disabled_by(system: &dyn System) -> Option<String> {
    let cmdline = text(system, "/proc/cmdline").unwrap_or_default();
    if cmdline.split_whitespace().any(|word| word == "network-config=disabled") {
        return Some("network-config=disabled on the kernel's command line".to_owned());
    }
    let folder = "/etc/cloud/cloud.cfg.d";
    let parts = names(system, folder).into_iter().filter(|name| has_end(name, "cfg")).rev();
    let parts = parts.map(|name| format!("{folder}/{name}"));
    parts.chain(["/etc/cloud/cloud.cfg".to_owned()]).find(|path| {
        let parsed = text(system, path).and_then(|text| yaml::parse(text.as_bytes()).ok());
        let config = parsed
            .as_ref()
            .and_then(|it| it.root.as_map()?.get("network")?.as_map()?.get("config"));
        config.and_then(Node::as_str) == Some("disabled")
    })
}
