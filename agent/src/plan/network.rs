//! `network-config` as files for systemd-networkd, in `/run`: made anew each boot, so no stale
//! file outlives its seed. systemd.link(5), systemd.network(5).

use super::{Draft, fixed, step};
use crate::config::Config;
use crate::config::network::{Ethernet, InterfaceName};
use crate::step::{Action, Lifetime, Rename, Stage, Step};

pub fn steps(config: &Config, draft: &mut Draft<'_>) {
    let Some(network) = config.network.as_ref().filter(|it| !it.ethernets.is_empty()) else {
        return;
    };
    let mut files = Vec::new();
    let mut renames = Vec::new();
    for ethernet in &network.ethernets {
        let base = format!("/run/systemd/network/10-nixvm-{}", ethernet.id.as_str());
        if let Some(text) = link(ethernet) {
            files.push((fixed(&format!("{base}.link")), text));
        }
        files.push((fixed(&format!("{base}.network")), networkd(ethernet)));
        renames.extend(rename(ethernet, draft));
    }
    let names: Vec<&str> =
        network.ethernets.iter().map(|ethernet| wanted_name(ethernet).as_str()).collect();
    let title = format!("configure the network: {}", names.join(", "));
    let action = Action::Network { files, renames };
    let lifetime = Lifetime::Boot;
    draft.add(Step {
        lifetime,
        origin: "network-config".to_owned(),
        ..step("network", title, Stage::Local, action)
    });
}

fn wanted_name(ethernet: &Ethernet) -> &InterfaceName {
    ethernet.set_name.as_ref().unwrap_or(&ethernet.id)
}

/// Keeps the name over a later event of udev.
fn link(ethernet: &Ethernet) -> Option<String> {
    let (mac, name) = (ethernet.mac.as_ref()?, ethernet.set_name.as_ref()?);
    Some(format!(
        "[Match]\nPermanentMACAddress={}\n\n[Link]\nName={}\n",
        mac.as_str(),
        name.as_str()
    ))
}

fn networkd(ethernet: &Ethernet) -> String {
    let mut text = String::from("[Match]\n");
    match &ethernet.mac {
        Some(mac) => text.push_str(&format!("PermanentMACAddress={}\n", mac.as_str())),
        None => text.push_str(&format!("Name={}\n", wanted_name(ethernet).as_str())),
    }
    if ethernet.optional {
        text.push_str("\n[Link]\nRequiredForOnline=no\n");
    }
    let dhcp = match (ethernet.dhcp4, ethernet.dhcp6) {
        (true, true) => "yes",
        (true, false) => "ipv4",
        (false, true) => "ipv6",
        (false, false) => "no",
    };
    text.push_str(&format!("\n[Network]\nDHCP={dhcp}\n"));
    for address in &ethernet.addresses {
        text.push_str(&format!("Address={address}\n"));
    }
    for server in &ethernet.nameservers {
        text.push_str(&format!("DNS={server}\n"));
    }
    if ethernet.dhcp4 && (ethernet.identify_by_mac || ethernet.route_metric.is_some()) {
        text.push_str("\n[DHCPv4]\n");
        if ethernet.identify_by_mac {
            text.push_str("ClientIdentifier=mac\n");
        }
        if let Some(metric) = ethernet.route_metric {
            text.push_str(&format!("RouteMetric={metric}\n"));
        }
    }
    text
}

fn rename(ethernet: &Ethernet, draft: &Draft<'_>) -> Option<Rename> {
    let (mac, name) = (ethernet.mac.as_ref()?, ethernet.set_name.as_ref()?);
    let (now, _) = draft.facts.interfaces.iter().find(|(_, address)| address == mac.as_str())?;
    let rename = Rename { from: now.clone(), to: name.as_str().to_owned() };
    (rename.from != rename.to).then_some(rename)
}
