use super::model::{Activation, LinkLocal, Match};
use super::*;

fn read(text: &str) -> (Network, Vec<String>) {
    let mut findings = Vec::new();
    let network = parse(text.as_bytes(), &mut findings).unwrap();
    let texts = findings.iter().map(|it| format!("{} {}: {}", it.code, it.place(), it.message));
    (network, texts.collect())
}

fn ids(network: &Network) -> Vec<&str> {
    network.interfaces.iter().map(|it| it.id.as_str()).collect()
}

#[test]
fn lima_network_config() {
    let (network, findings) = read(
        "version: 2\nethernets:\n  eth0:\n    match:\n      macaddress: '52:55:55:AA:bb:cc'\n    dhcp4: true\n    set-name: eth0\n    dhcp4-overrides:\n      route-metric: 200\n    dhcp-identifier: mac\n    nameservers:\n      addresses: [192.168.5.3]\n",
    );
    assert_eq!(findings, [""; 0]);
    let eth0 = &network.interfaces[0];
    assert_eq!(eth0.matched.mac.as_ref().unwrap().as_str(), "52:55:55:aa:bb:cc");
    assert_eq!(eth0.name().unwrap().as_str(), "eth0");
    assert!(eth0.ip.dhcp4 && !eth0.ip.dhcp6 && eth0.ip.identify_by_mac);
    assert_eq!(eth0.ip.overrides4.route_metric, Some(200));
}

#[test]
fn a_bad_key_loses_only_itself() {
    let (network, findings) = read(
        "version: 2\nethernets:\n  e0: {dhcp4: maybe, match: {macaddress: 'xx'}, addresses: [10.0.0.1/24, 10.0.0.1/99], wol: 1}\n  'a/b': {}\n  e2: 5\n  e3: {dhcp4: yes, routes: [{to: default}, {via: 1.1.1.1}, 7, {to: '::/0', via: 1.1.1.1}]}\ntunnels: {t: {}}\nbonds: {b: {interfaces: [e0, nope, b], parameters: {mode: active backup, mii: 1}}}\nvlans: {v: {id: 5000, link: e0}, w: {id: 5, link: nope}}\n",
    );
    assert_eq!(ids(&network), ["e0", "e3", "b"]);
    assert_eq!(network.interfaces[0].ip.addresses.len(), 1);
    assert_eq!(network.interfaces[2].members()[0].as_str(), "e0");
    let places: Vec<_> = findings.iter().filter_map(|it| it.split(": ").nth(1)).collect();
    assert_eq!(
        places,
        [
            "tunnels",
            "ethernets.e0.wol",
            "ethernets.e0.match.macaddress",
            "ethernets.e0.dhcp4",
            "ethernets.e0.addresses[1]",
            "ethernets.a/b",
            "ethernets.e2",
            "ethernets.e3.routes[0].to",
            "ethernets.e3.routes[1].to",
            "ethernets.e3.routes[2]",
            "ethernets.e3.routes[3].to",
            "bonds.b.parameters.mode",
            "bonds.b.parameters.mii",
            "vlans.v.id",
            "bonds.b.interfaces",
            "bonds.b.interfaces",
            "vlans.w.link",
        ],
        "{findings:#?}"
    );
}

#[test]
fn version_1_comes_to_the_same_model() {
    let (network, findings) = read(
        "network:\n  version: 1\n  config:\n  - {type: physical, name: eth0, mac_address: 'AA:BB:CC:00:00:01', subnets: [{type: dhcp, metric: 7}, {type: ipv6_slaac}]}\n  - {type: physical, name: eth1, mtu: 1400, subnets: [{type: static, address: 10.0.0.2, netmask: 255.255.0.0, gateway: 10.0.0.1, dns_search: 'a b', control: manual}]}\n  - {type: bond, name: bond0, bond_interfaces: [eth2], params: {bond-mode: 802.3ad, bond_miimon: 100}}\n  - {type: physical, name: eth2}\n  - {type: vlan, name: v5, vlan_link: bond0, vlan_id: 5}\n  - {type: nameserver, address: 9.9.9.9}\n  - {type: route, destination: 5.0.0.0/8, gateway: 10.0.0.9}\n",
    );
    assert_eq!(findings, [""; 0]);
    assert_eq!(ids(&network), ["eth0", "eth1", "bond0", "eth2", "v5"]);
    let [eth0, eth1, bond, ..] = network.interfaces.as_slice() else { panic!() };
    assert_eq!(eth0.set_name.as_ref().unwrap().as_str(), "eth0");
    assert_eq!(eth0.ip.overrides4.route_metric, Some(7));
    assert_eq!(eth0.ip.accept_ra, Some(true));
    assert_eq!(eth1.ip.addresses[0].to_string(), "10.0.0.2/16");
    assert_eq!(eth1.activation, Some(Activation::Manual));
    assert_eq!(eth1.ip.routes.len(), 2, "its gateway, and the route whose gateway is near");
    assert_eq!(eth0.ip.routes.len() + bond.ip.routes.len(), 0);
    assert_eq!((eth0.ip.nameservers.len(), eth1.ip.nameservers.len()), (1, 1));
    assert!(bond.ip.nameservers.is_empty());
    let Kind::Bond(bond) = &bond.kind else { panic!() };
    assert_eq!(bond.settings.len(), 2);
}

#[test]
fn what_version_1_does_not_know_is_left_out_by_name() {
    let (network, findings) = read(
        "version: 1\nconfig: [{type: wormhole, name: w}, {name: x}, 5, {type: physical}, {type: physical, name: e0, subnets: [{type: odd}, {type: static}]}, {type: nameserver, address: [1.1.1.1, x], interface: nope}, {type: route, gateway: 10.0.0.1, destination: 10.9.0.0/16}]\n",
    );
    assert_eq!(ids(&network), ["e0"]);
    assert_eq!(findings.len(), 9, "{findings:#?}");
}

#[test]
fn nothing_and_disabled_are_two_things() {
    let mut findings = Vec::new();
    assert_eq!(parse(b"", &mut findings), None);
    assert_eq!(parse(b"network: {}", &mut findings), None);
    assert_eq!(findings, []);
    for text in [
        "config: disabled",
        "network: {config: disabled}",
        "network: {version: 2, config: disabled}",
    ] {
        assert!(parse(text.as_bytes(), &mut findings).unwrap().is_disabled, "{text}");
    }
    assert_eq!(findings, []);
    assert_eq!(parse(b"a: [", &mut findings), None);
    assert_eq!(parse(b"[1]", &mut findings), None);
    assert_eq!(findings.len(), 2);
}

#[test]
fn what_lost_a_part_does_not_reach_further() {
    let (network, findings) = read(
        "version: 2\nethernets:\n  e0:\n    match: {name: 'en*', macaddress: x}\n    routes: [{to: 10.0.0.0/8, via: x}, {to: 10.1.0.0/16, scope: link}]\n    routing-policy: [{from: x, table: 7}, {from: 10.0.0.0/8, table: 7}, {}]\n",
    );
    let e0 = &network.interfaces[0];
    assert_eq!(e0.matched, Match::default());
    assert_eq!((e0.ip.routes.len(), e0.ip.rules.len()), (1, 1));
    assert_eq!(findings.len(), 3, "{findings:#?}");
}

#[test]
fn wifi_is_refused_with_a_reason() {
    let (network, findings) = read("version: 2\nwifis: {w0: {dhcp4: true}}\nethernets: {e0: {}}\n");
    assert_eq!(ids(&network), ["e0"]);
    assert_eq!(
        findings,
        ["wifi-refused network-config:2: wifis: nixvm-agent sets up no wireless network"]
    );
}

#[test]
fn one_name_has_one_interface() {
    let (network, findings) = read(
        "version: 2\nethernets:\n  a: {match: {name: 'en*'}, set-name: lan0}\n  lan0: {}\n  c: {link-local: [], activation-mode: off}\n",
    );
    assert_eq!(ids(&network), ["a", "c"]);
    assert_eq!(findings.len(), 1);
    assert_eq!(network.interfaces[1].ip.link_local, Some(LinkLocal::default()));
    assert_eq!(network.interfaces[1].activation, Some(Activation::Off));
}
