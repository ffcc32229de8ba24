//! A seed without network configuration: DHCP on the first Ethernet interface, as with cloud-init,
//! unless somebody else does it.

use super::Wish;
use crate::config::network::model::{Interface, Match, Network};
use crate::config::network::types::{Id, Mac};
use crate::facts::network::{Device, NetworkFacts};

pub(super) fn wish(facts: &NetworkFacts) -> Wish {
    let without = "the seed has no network-config";
    if let Some(path) = &facts.others {
        return Wish::Nothing(format!("{without}, and {path} configures the network"));
    }
    if facts.network_manager.is_enabled && !facts.networkd.is_enabled {
        let text = "and NetworkManager gives each interface without a profile a lease";
        return Wish::Nothing(format!("{without}, {text}"));
    }
    match first(&facts.devices).and_then(interface) {
        Some(interface) => {
            let network = Network { interfaces: vec![interface], ..Network::default() };
            Wish::Network(network, "")
        }
        None => Wish::Nothing(format!("{without}, and there is no Ethernet interface")),
    }
}

/// One with a cable first, then `eth0`, then by name, where `eth2` comes before `eth10`.
fn first(devices: &[Device]) -> Option<&Device> {
    let rank = |device: &&Device| {
        let name = device.name.as_str();
        let (word, number) =
            name.split_at(name.trim_end_matches(|c: char| c.is_ascii_digit()).len());
        let number: u64 = number.parse().unwrap_or(0);
        (!device.has_carrier, name != "eth0", word.to_owned(), number, name.to_owned())
    };
    devices.iter().filter(|device| device.is_ethernet).min_by_key(rank)
}

fn interface(device: &Device) -> Option<Interface> {
    let mut interface = Interface {
        id: Id::new(&device.name).ok()?,
        matched: Match { mac: Some(Mac::new(&device.mac).ok()?), ..Match::default() },
        ..Interface::default()
    };
    interface.ip.dhcp4 = true;
    interface.ip.dhcp6 = true;
    Some(interface)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_interface_is_the_one_that_people_mean() {
        let device = |name: &str, has_carrier, is_ethernet| Device {
            name: name.to_owned(),
            has_carrier,
            is_ethernet,
            ..Device::default()
        };
        let name = |devices: &[Device]| first(devices).map(|device| device.name.clone());
        let devices = [
            device("eth10", false, true),
            device("eth2", false, true),
            device("wlan0", true, false),
        ];
        assert_eq!(name(&devices).as_deref(), Some("eth2"));
        let devices = [device("enp0s1", false, true), device("eth0", false, true)];
        assert_eq!(name(&devices).as_deref(), Some("eth0"));
        let devices = [device("eth0", false, true), device("enp0s1", true, true)];
        assert_eq!(name(&devices).as_deref(), Some("enp0s1"));
        assert_eq!(name(&[]), None);
    }
}
