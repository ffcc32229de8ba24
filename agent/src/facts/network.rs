//! Who configures the network here, and what it has been told already.

mod others;

use nixvm_system::{GuestPath, System};

use crate::render::{network_manager, networkd};

/// Largest file that is read, in bytes.
const LIMIT: u64 = 1 << 20;
/// Where systemd looks for its units, and for links that say which are wanted.
const UNITS: &[&str] = &[
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/run/systemd/generator.late",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// What planning must know of the network.
#[derive(Clone, Debug, Default)]
pub struct NetworkFacts {
    /// systemd-networkd.
    pub networkd: Service,
    /// NetworkManager.
    pub network_manager: Service,
    /// systemd-resolved.
    pub resolved: Service,
    /// Interfaces that are devices.
    pub devices: Vec<Device>,
    /// Files of ours that are there now.
    pub ours: Vec<GuestPath>,
    /// What configures the network without us: the first file that says so.
    pub others: Option<String>,
    /// A file for networkd that it reads before ours.
    pub earlier: Option<String>,
    /// What says that nothing is to be configured.
    pub disabled_by: Option<String>,
    /// Whether `/etc/hosts` and `resolved.conf` are links into the Nix store.
    pub is_nixos: bool,
}

/// A service of systemd, known by its files: asking takes a process and a running manager.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// There is such a unit.
    pub is_installed: bool,
    /// Something wants it started in each boot.
    pub is_enabled: bool,
    /// It runs.
    pub is_running: bool,
}

/// An interface that is a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Name now.
    pub name: String,
    /// MAC address, lower case.
    pub mac: String,
    /// Driver, if known.
    pub driver: String,
    /// Whether it is an Ethernet card, not a wireless one.
    pub is_ethernet: bool,
    /// Whether a cable is in; an interface that is down does not know.
    pub has_carrier: bool,
}

/// Reads all of it. What cannot be read counts as not there: none of it is written from here.
pub fn read(system: &dyn System, interfaces: &[(String, String)]) -> NetworkFacts {
    NetworkFacts {
        networkd: service(system, "systemd-networkd.service"),
        network_manager: service(system, "NetworkManager.service"),
        resolved: service(system, "systemd-resolved.service"),
        devices: interfaces.iter().map(|(name, mac)| device(system, name, mac)).collect(),
        ours: ours(system),
        others: others::others(system),
        earlier: others::earlier(system),
        disabled_by: others::disabled_by(system),
        is_nixos: is_dir(system, "/etc/static"),
    }
}

fn text(system: &dyn System, path: &str) -> Option<String> {
    // Absent, unreadable and not of this machine are the same here: no word from this file.
    let bytes = system.read(&GuestPath::new(path).ok()?, LIMIT).ok()??;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn names(system: &dyn System, folder: &str) -> Vec<String> {
    let list = GuestPath::new(folder).ok().and_then(|path| system.list(&path).ok()?);
    list.unwrap_or_default()
}

fn is_there(system: &dyn System, path: &str) -> bool {
    GuestPath::new(path).is_ok_and(|path| matches!(system.stat(&path), Ok(Some(_))))
}

/// Whether a file name has this ending, as systemd compares it.
fn has_end(name: &str, end: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, own)| own == end)
}

fn is_dir(system: &dyn System, path: &str) -> bool {
    GuestPath::new(path).is_ok_and(|path| matches!(system.list(&path), Ok(Some(_))))
}

/// Enabled is what has a link in any folder `*.wants`; masked is a link to `/dev/null`.
fn service(system: &dyn System, unit: &str) -> Service {
    let at = |folder: &&&str| is_there(system, &format!("{folder}/{unit}"));
    let is_masked = ["/etc/systemd/system", "/run/systemd/system"].iter().any(|folder| {
        let path = GuestPath::new(&format!("{folder}/{unit}"));
        path.is_ok_and(
            |path| matches!(system.read_link(&path), Ok(Some(target)) if target == "/dev/null"),
        )
    });
    let is_installed = !is_masked && UNITS.iter().any(|folder| at(&folder));
    let wants = |folder: &&&str| {
        let is_wants = |name: &String| has_end(name, "wants") || has_end(name, "requires");
        let mut below = names(system, folder).into_iter().filter(is_wants);
        below.any(|name| is_there(system, &format!("{folder}/{name}/{unit}")))
    };
    Service {
        is_installed,
        is_enabled: !is_masked && UNITS.iter().any(|folder| wants(&folder)),
        // systemd keeps this link while a unit is active.
        is_running: is_there(system, &format!("/run/systemd/units/invocation:{unit}")),
    }
}

fn device(system: &dyn System, name: &str, mac: &str) -> Device {
    let below = |file: &str| format!("/sys/class/net/{name}/{file}");
    let driver = GuestPath::new(&below("device/driver"))
        .ok()
        .and_then(|path| system.read_link(&path).ok()?)
        .and_then(|target| Some(target.rsplit('/').next()?.to_owned()));
    let is_wireless = is_there(system, &below("wireless")) || is_there(system, &below("phy80211"));
    let kind = text(system, &below("type"));
    Device {
        name: name.to_owned(),
        mac: mac.to_owned(),
        driver: driver.unwrap_or_default(),
        // ARPHRD_ETHER.
        is_ethernet: !is_wireless && kind.is_none_or(|kind| kind.trim() == "1"),
        has_carrier: text(system, &below("carrier")).is_some_and(|text| text.trim() == "1"),
    }
}

fn ours(system: &dyn System) -> Vec<GuestPath> {
    let mut ours = Vec::new();
    for (folder, start) in
        [(networkd::FOLDER, networkd::START), (network_manager::FOLDER, network_manager::START)]
    {
        let names = names(system, folder).into_iter().filter(|name| name.starts_with(start));
        ours.extend(names.filter_map(|name| GuestPath::new(&format!("{folder}/{name}")).ok()));
    }
    ours
}
