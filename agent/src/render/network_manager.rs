//! Keyfiles for NetworkManager: nm-settings-keyfile(5). One file for each interface, `0600`, below
//! `/run`, where NetworkManager reads profiles that end with the boot.
//!
//! What NetworkManager cannot do is given back as a list, to be told.

mod ip;

use sha2::{Digest, Sha256};

use super::ini::Ini;
use super::{File, Ties, port};
use crate::config::network::model::{Interface, Kind, Network};
use crate::config::network::options::{Form, Setting};

/// Where these files go.
pub const FOLDER: &str = "/run/NetworkManager/system-connections";
/// How the name of each file of ours begins.
pub const START: &str = "nixvm-";

/// A key that NetworkManager has nothing for: which interface, which key.
pub type Lost = (String, &'static str);

/// All files, in the order of the interfaces, and what was lost.
pub fn render(network: &Network) -> (Vec<File>, Vec<Lost>) {
    let ties = Ties::of(network);
    let (mut files, mut lost) = (Vec::new(), Vec::new());
    // The loopback interface is left to the kernel: NetworkManager refuses most of what could be
    // asked for it.
    for interface in network.interfaces.iter().filter(|it| it.kind != Kind::Loopback) {
        let mut keys = Vec::new();
        let text = keyfile(interface, &ties, &mut keys).to_string();
        files.push((format!("{START}{}.nmconnection", interface.id.as_str()), text));
        lost.extend(keys.into_iter().map(|key| (interface.label().to_owned(), key)));
    }
    (files, lost)
}

fn keyfile(interface: &Interface, ties: &Ties<'_>, lost: &mut Vec<&'static str>) -> Ini {
    let mut ini = Ini::default();
    connection(interface, ties, &mut ini);
    device(interface, ties, &mut ini, lost);
    link(interface, &mut ini);
    // A part of a bond or bridge has no addresses of its own.
    if ties.owner(interface).is_none() {
        ip::render(&interface.ip, &mut ini, lost);
    }
    if interface.ip.critical {
        lost.push("critical");
    }
    ini
}

fn connection(interface: &Interface, ties: &Ties<'_>, ini: &mut Ini) {
    let kind = match interface.kind {
        Kind::Ethernet | Kind::Loopback => "ethernet",
        Kind::Bond(_) => "bond",
        Kind::Bridge(_) => "bridge",
        Kind::Vlan { .. } => "vlan",
    };
    ini.put("connection", "id", format!("nixvm {}", interface.label()));
    ini.put("connection", "uuid", uuid(interface.id.as_str()));
    ini.put("connection", "type", kind);
    // Before what NetworkManager makes by itself for a device without a profile.
    ini.put("connection", "autoconnect-priority", 120);
    if interface.activation.is_some() {
        ini.put("connection", "autoconnect", "false");
    }
    if let (None, Some(name)) = (&interface.matched.mac, interface.name()) {
        ini.put("connection", "interface-name", name.as_str());
    }
    if interface.optional {
        // NetworkManager-wait-online does not wait for a device that is not there.
        ini.put("connection", "wait-device-timeout", 0);
    }
    let Some(owner) = ties.owner(interface) else { return };
    let kind = if matches!(owner.kind, Kind::Bond(_)) { "bond" } else { "bridge" };
    ini.put("connection", "slave-type", kind);
    ini.put("connection", "master", uuid(owner.id.as_str()));
    if let Kind::Bridge(bridge) = &owner.kind {
        let (cost, priority) = port(bridge, &interface.id);
        ini.put_some("bridge-port", "path-cost", cost);
        ini.put_some("bridge-port", "priority", priority);
    }
}

fn device(interface: &Interface, ties: &Ties<'_>, ini: &mut Ini, lost: &mut Vec<&'static str>) {
    match &interface.kind {
        Kind::Bond(bond) => {
            let has_interval = bond.settings.iter().any(|it| it.option.v2 == "arp-interval");
            // Alone it says nothing, and NetworkManager refuses the whole file for it.
            let (kept, alone): (Vec<_>, Vec<_>) = bond
                .settings
                .iter()
                .cloned()
                .partition(|it| has_interval || it.option.v2 != "arp-ip-targets");
            lost.extend(alone.iter().map(|_| "arp-ip-targets without arp-interval"));
            settings("bond", &kept, ini);
            let primary = bond.primary.as_ref().and_then(|id| ties.find(id)?.name());
            ini.put_some("bond", "primary", primary.as_ref());
        }
        Kind::Bridge(bridge) => settings("bridge", &bridge.settings, ini),
        Kind::Vlan { number, link } => {
            ini.put("vlan", "id", number);
            ini.put("vlan", "parent", uuid(link.as_str()));
        }
        Kind::Ethernet | Kind::Loopback => {}
    }
}

fn settings(section: &'static str, settings: &[Setting], ini: &mut Ini) {
    for setting in settings {
        let value = match (setting.option.form, setting.value.as_str()) {
            // Options of bonds are the kernel's numbers, those of bridges booleans.
            (Form::Truth, "yes") => if section == "bond" { "1" } else { "true" }.to_owned(),
            (Form::Truth, _) => if section == "bond" { "0" } else { "false" }.to_owned(),
            (_, value) => value.to_owned(),
        };
        ini.put(section, setting.option.manager, value);
    }
}

fn link(interface: &Interface, ini: &mut Ini) {
    let upper = |mac: &str| mac.to_ascii_uppercase();
    let matched = &interface.matched;
    ini.put_some("ethernet", "mac-address", matched.mac.as_ref().map(|mac| upper(mac.as_str())));
    ini.put_some(
        "ethernet",
        "cloned-mac-address",
        interface.mac.as_ref().map(|mac| upper(mac.as_str())),
    );
    ini.put_some("ethernet", "mtu", interface.mtu);
    // NM_SETTING_WIRED_WAKE_ON_LAN_MAGIC and _IGNORE.
    ini.put_some(
        "ethernet",
        "wake-on-lan",
        interface.wake_on_lan.map(|on| if on { 64 } else { 0 }),
    );
    if interface.set_name.is_none() && matched.mac.is_none() {
        ini.put_some(
            "match",
            "interface-name",
            matched.name.as_ref().map(|it| format!("{};", it.as_str())),
        );
    }
    let drivers: String = matched.drivers.iter().map(|it| format!("{};", it.as_str())).collect();
    if !drivers.is_empty() {
        ini.put("match", "driver", drivers);
    }
}

/// The same for the same interface in every boot: a UUID of version 8, whose bits are the writer's.
fn uuid(id: &str) -> String {
    let digest = Sha256::digest(format!("nixvm {id}"));
    let mut hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    hex.replace_range(12..13, "8");
    hex.replace_range(16..17, "8");
    for at in [20, 16, 12, 8] {
        hex.insert(at, '-');
    }
    hex
}
