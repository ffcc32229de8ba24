//! The services themselves read what the renderers write: systemd-networkd in a network namespace,
//! NetworkManager by `nmcli --offline`, which checks a keyfile as the service does. Without them, or
//! without root, the cases are skipped by name.

#![allow(clippy::disallowed_methods, reason = "tests lay out real folders and run real programs")]
#![allow(clippy::unwrap_used, reason = "a test tells by a panic what went wrong")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use nixvm_agent::config::network::{self, Network};
use nixvm_agent::render::{network_manager, networkd};

/// Every key that a file can have, on interfaces that the test makes.
const ALL: &str = "version: 2
ethernets:
  e0:
    addresses: [192.168.7.5/24, 'fd07::5/64']
    routes:
    - {to: default, via: 192.168.7.1, metric: 50, mtu: 1300, from: 192.168.7.5}
    - {to: 10.0.0.0/8, via: 172.16.0.1, on-link: true, table: 7}
    - {to: 10.9.0.0/16, scope: link}
    - {to: 10.66.0.0/16, type: blackhole}
    - {to: 'fd09::/16', via: 'fe80::1'}
    routing-policy:
    - {from: 192.168.7.0/24, to: 10.0.0.0/8, table: 7, priority: 3, mark: 5, type-of-service: 8}
    nameservers: {addresses: [1.1.1.1, 'fd07::1'], search: [example.org, ~corp]}
    link-local: [ipv4, ipv6]
    accept-ra: false
    ipv6-privacy: true
    critical: true
    mtu: 1400
    macaddress: '02:00:00:00:00:05'
    wakeonlan: true
    optional: true
  e1:
    dhcp4: true
    dhcp6: true
    dhcp-identifier: mac
    dhcp4-overrides: {send-hostname: true, hostname: h, use-dns: true, use-domains: route, use-hostname: false, use-mtu: true, use-ntp: false, use-routes: true, route-metric: 300}
    dhcp6-overrides: {use-dns: false, use-domains: true, use-hostname: false, use-ntp: false, route-metric: 400}
    activation-mode: manual
  e2: {}
  e3: {match: {name: 'e3*', driver: [veth, virtio*]}, set-name: lan3}
  e4: {match: {macaddress: '52:55:55:aa:bb:cc'}, dhcp4: true}
bonds:
  bond0:
    interfaces: [e2]
    dhcp4: true
    parameters: {mode: 802.3ad, lacp-rate: fast, mii-monitor-interval: 100, min-links: 1, transmit-hash-policy: layer3+4, ad-select: bandwidth, all-slaves-active: true, up-delay: 200, down-delay: 200, resend-igmp: 2, learn-packet-interval: 5, gratuitous-arp: 2}
  bond1:
    parameters: {mode: active-backup, arp-interval: 1s, arp-ip-targets: [10.0.0.1, 10.0.0.2], arp-validate: all, arp-all-targets: any, fail-over-mac-policy: active, primary-reselect-policy: always}
  bond2: {parameters: {mode: balance-rr, packets-per-slave: 2}}
bridges:
  br0:
    interfaces: [e3]
    addresses: [10.1.0.1/24]
    parameters: {ageing-time: 50, priority: 1024, forward-delay: 4, hello-time: 2, max-age: 12, stp: true, path-cost: {e3: 50}, port-priority: {e3: 14}}
vlans:
  v5: {id: 5, link: e2, addresses: [10.5.0.1/24]}
";

/// The file of this test, and all of the golden cases.
fn networks() -> Vec<(String, Network)> {
    let mut findings = Vec::new();
    let all = network::parse(ALL.as_bytes(), &mut findings).unwrap();
    assert_eq!(findings, [], "the file of this test is a good one");
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut networks = vec![("all".to_owned(), all)];
    for case in std::fs::read_dir(cases).unwrap() {
        let case = case.unwrap();
        if let Ok(text) = std::fs::read(case.path().join("seed/network-config")) {
            let network = network::parse(&text, &mut findings);
            let name = case.file_name().into_string().unwrap();
            networks.extend(network.map(|network| (name, network)));
        }
    }
    networks
}

#[test]
fn network_manager_takes_every_keyfile() {
    if Command::new("nmcli").arg("--version").output().is_err() {
        return println!("SKIP network_manager_takes_every_keyfile: nmcli is not installed");
    }
    for (case, network) in networks() {
        for (name, text) in network_manager::render(&network).0 {
            let mut checker = Command::new("nmcli")
                .args([
                    "--offline",
                    "connection",
                    "modify",
                    "connection.autoconnect-priority",
                    "120",
                ])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            checker.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            let done = checker.wait_with_output().unwrap();
            let (said, fault) = (text_of(&done.stdout), text_of(&done.stderr));
            assert!(done.status.success() && fault.is_empty(), "{case}, {name}: {fault}\n{text}");
            for key in ["uuid", "method", "address1", "interface-name", "mac-address"] {
                let of = |text: &str| {
                    let lines = text.lines().filter(|line| line.starts_with(&format!("{key}=")));
                    lines.map(str::to_owned).collect::<Vec<_>>()
                };
                // What a member of a bond has no use for is left out of the answer.
                let (own, kept) = (of(&text), of(&said));
                assert!(own.iter().all(|line| kept.contains(line)), "{case}, {name}: {said}");
            }
        }
    }
}

#[test]
fn networkd_reads_every_line_and_does_it() {
    let programs = ["/lib/systemd/systemd-networkd", "/usr/lib/systemd/systemd-networkd"];
    let Some(networkd) = programs.into_iter().find(|path| Path::new(path).exists()) else {
        return println!("SKIP networkd_reads_every_line_and_does_it: systemd-networkd is missing");
    };
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !is_root() || !has("unshare") || Command::new("ip").arg("-V").output().is_err() {
        return println!("SKIP networkd_reads_every_line_and_does_it: needs root, unshare and ip");
    }
    let folder = tempfile::tempdir().unwrap();
    let network = &networks()[0].1;
    let extras = networkd::Extras { multicast_dns: true };
    for (name, text) in networkd::render(network, extras) {
        // The virtual cards of this test have no driver that a match could know.
        let text = text.replace("Driver=veth virtio*\n", "");
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let done = Command::new("unshare")
        .args(["--net", "--mount", "--", "sh", "-c", SCRIPT, "sh", networkd])
        .arg(folder.path())
        .output()
        .unwrap();
    let said = text_of(&[done.stdout, done.stderr].concat());
    for bad in ["Unknown key", "Unknown section", "ailed to parse", "ignoring", "Invalid"] {
        assert!(!said.contains(bad), "{bad:?} in\n{said}");
    }
    for good in [
        "192.168.7.5/24",
        "fd07::5/64",
        "10.1.0.1/24",
        "02:00:00:00:00:05",
        "default via 192.168.7.1 dev e0 proto static src 192.168.7.5 metric 50 mtu 1300",
        "10.0.0.0/8 via 172.16.0.1 dev e0 table 7 proto static onlink",
        "blackhole 10.66.0.0/16",
        "from 192.168.7.0/24 to 10.0.0.0/8 tos 0x08 fwmark 0x5 lookup 7",
    ] {
        assert!(said.contains(good), "no {good:?} in\n{said}");
    }
}

/// Read-only /sys tells networkd that there is no udev to wait for.
const SCRIPT: &str = "
mount -t tmpfs none /run && mkdir -p /run/systemd/network && cp \"$2\"/* /run/systemd/network/
mount -t sysfs -o ro sysfs /sys
ip link set lo up
for name in e0 e1 e2 lan3; do
    ip link add name $name type veth peer name p$name && ip link set p$name up
done
\"$1\" & id=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    sleep 0.5
    if ip rule | grep -q 'lookup 7' && ip address | grep -q 10.1.0.1; then break; fi
done
ip address; ip route show table all; ip rule
kill $id
wait $id
";

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
