//! Files for systemd-networkd and, for names, udev: systemd.network(5), systemd.netdev(5),
//! systemd.link(5).
//!
//! `10-nixvm-ID.link` names a device and says what wakes it, `.netdev` makes a bond, bridge or VLAN,
//! `.network` has all the rest. Their names sort before the files of distributions, so ours win.

mod network;

use super::ini::Ini;
use super::{File, Ties};
use crate::config::network::model::{Interface, Kind, Network};
use crate::config::network::options::{Form, Setting};

/// Where these files go. Below `/run`: none outlives the boot, so none outlives its seed.
pub const FOLDER: &str = "/run/systemd/network";
/// How the name of each file of ours begins.
pub const START: &str = "10-nixvm-";

/// What is wanted of every interface and stands in no network-config.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras {
    /// Names below `.local` are asked and answered on the link.
    pub multicast_dns: bool,
}

/// All files, in the order of the interfaces.
pub fn render(network: &Network, extras: Extras) -> Vec<File> {
    let ties = Ties::of(network);
    let mut files = Vec::new();
    for interface in &network.interfaces {
        let link = link(interface);
        let netdev = netdev(interface);
        let network = network::render(interface, &ties, extras);
        for (end, ini) in [("link", link), ("netdev", netdev), ("network", network)] {
            if !ini.is_empty() {
                files.push((format!("{START}{}.{end}", interface.id.as_str()), ini.to_string()));
            }
        }
    }
    files
}

/// Only the names, for a machine whose network is another service's.
pub fn links(network: &Network) -> Vec<File> {
    let files = network.interfaces.iter().map(|interface| (interface, link(interface)));
    files
        .filter(|(_, ini)| !ini.is_empty())
        .map(|(interface, ini)| (format!("{START}{}.link", interface.id.as_str()), ini.to_string()))
        .collect()
}

/// Keeps the name over a later event of udev, for example of a card that is plugged in again.
fn link(interface: &Interface) -> Ini {
    let mut ini = Ini::default();
    let is_wanted = interface.set_name.is_some() || interface.wake_on_lan.is_some();
    if interface.kind != Kind::Ethernet || !is_wanted {
        return ini;
    }
    let matched = &interface.matched;
    ini.put_some("Match", "PermanentMACAddress", matched.mac.as_ref());
    ini.put_some("Match", "OriginalName", matched.name.as_ref());
    network::drivers(interface, &mut ini);
    if ini.is_empty() {
        ini.put("Match", "OriginalName", interface.id.as_str());
    }
    match &interface.set_name {
        Some(name) => ini.put("Link", "Name", name.as_str()),
        // Of the files for a device only the first counts, so what it takes from the others has to
        // be said again.
        None => ini.put("Link", "NamePolicy", "keep kernel database onboard slot path"),
    }
    let wake = |wanted: bool| if wanted { "magic" } else { "off" };
    ini.put_some("Link", "WakeOnLan", interface.wake_on_lan.map(wake));
    ini
}

fn netdev(interface: &Interface) -> Ini {
    let mut ini = Ini::default();
    let (kind, section, settings): (_, _, &[Setting]) = match &interface.kind {
        Kind::Bond(bond) => ("bond", "Bond", &bond.settings),
        Kind::Bridge(bridge) => ("bridge", "Bridge", &bridge.settings),
        Kind::Vlan { .. } => ("vlan", "VLAN", &[]),
        Kind::Ethernet | Kind::Loopback => return ini,
    };
    ini.put("NetDev", "Name", interface.id.as_str());
    ini.put("NetDev", "Kind", kind);
    ini.put_some("NetDev", "MTUBytes", interface.mtu);
    ini.put_some("NetDev", "MACAddress", interface.mac.as_ref());
    if let Kind::Vlan { number, .. } = &interface.kind {
        ini.put("VLAN", "Id", number);
    }
    for setting in settings {
        ini.put(section, setting.option.networkd, value(setting));
    }
    ini
}

fn value(setting: &Setting) -> String {
    match setting.option.form {
        Form::Millis => format!("{}ms", setting.value),
        Form::Addresses => setting.value.replace(',', " "),
        Form::Word | Form::Number | Form::Seconds | Form::Truth => setting.value.clone(),
    }
}
