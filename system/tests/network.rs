//! Names of interfaces and redirects, on a real kernel: this very program runs again in a network
//! namespace of its own. Needs root and `ip`; without them the cases are skipped by name.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test tells by a panic what went wrong"
)]

use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

use nixvm_system::{Change, Host, Network, Redirect, Scratch, Transport};

/// Runs the named case inside, unless this is inside already. `true`: the case is to run here.
fn inside(name: &str) -> bool {
    if std::env::var_os("NIXVM_TEST_NAMESPACE").is_some() {
        return true;
    }
    let has = |program: &str| Command::new(program).arg("-V").output().is_ok();
    if !rustix::process::geteuid().is_root() || !has("unshare") || !has("ip") {
        println!("SKIP {name}: needs root, unshare and ip");
        return false;
    }
    // A second mount namespace, because /sys shows the interfaces of whoever mounted it.
    let done = Command::new("unshare")
        .args(["--net", "--mount", "--"])
        .arg(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env("NIXVM_TEST_NAMESPACE", "1")
        .output()
        .unwrap();
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&said));
    false
}

fn ip(line: &str) -> String {
    let done = Command::new("ip").args(line.split(' ')).output().unwrap();
    assert!(done.status.success(), "ip {line}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

#[test]
fn an_interface_is_renamed_and_stays_up() {
    if !inside("an_interface_is_renamed_and_stays_up") {
        return;
    }
    let mut host = Host::new().unwrap();
    ip("link add name one type veth peer name peer1");
    ip("link add name two type veth peer name peer2");
    ip("link set one up");
    assert_eq!(host.rename_interface("one", "eth0").unwrap(), Change::Changed);
    assert!(ip("link show eth0").contains(",UP"), "it was up before");
    let taken = host.rename_interface("two", "eth0").unwrap_err();
    assert_eq!(taken.code(), "rename-failed");
    assert_eq!(host.rename_interface("none", "x").unwrap_err().code(), "rename-failed");
    assert_eq!(
        host.rename_interface("two", "a name that is too long").unwrap_err().code(),
        "rename-failed"
    );
}

const DNS: SocketAddrV4 = SocketAddrV4::new(std::net::Ipv4Addr::new(192, 168, 5, 3), 53);

/// A server for each protocol that answers with its own word, on the gateway's address.
fn servers(word: &'static str) -> (u16, u16) {
    let udp = UdpSocket::bind("192.168.5.2:0").unwrap();
    let tcp = TcpListener::bind("192.168.5.2:0").unwrap();
    let ports = (udp.local_addr().unwrap().port(), tcp.local_addr().unwrap().port());
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((length, from)) = udp.recv_from(&mut buffer) {
            let answer = [word.as_bytes(), &buffer[..length]].concat();
            udp.send_to(&answer, from).unwrap();
        }
    });
    std::thread::spawn(move || {
        for stream in tcp.incoming() {
            stream.unwrap().write_all(word.as_bytes()).unwrap();
        }
    });
    ports
}

fn ask_udp() -> std::io::Result<String> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    socket.connect(DNS)?;
    socket.send(b"?")?;
    let mut buffer = [0; 64];
    let length = socket.recv(&mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

fn ask_tcp() -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&DNS.into(), Duration::from_millis(500))?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    Ok(said)
}

/// Asks from another namespace, for which this one is the way to the name server.
fn ask_from_a_container() -> String {
    let mut container = Command::new("unshare").args(["--net", "sleep", "60"]).spawn().unwrap();
    let id = container.id().to_string();
    // Until it has a namespace of its own.
    let net = |id: &str| std::fs::read_link(format!("/proc/{id}/ns/net")).unwrap();
    while net(&id) == net("self") {
        std::thread::sleep(Duration::from_millis(5));
    }
    ip(&format!("link set peer0 netns {id}"));
    let script = "ip link set peer0 up; ip address add 192.168.5.20/24 dev peer0; \
        ip route add 192.168.5.3 via 192.168.5.15; exec 3<>/dev/tcp/192.168.5.3/53 && cat <&3";
    let asked = Command::new("timeout")
        .args(["10", "nsenter", "--net", "--target", &id, "bash", "-c", script])
        .output()
        .unwrap();
    container.kill().unwrap();
    container.wait().unwrap();
    String::from_utf8_lossy(&[asked.stdout, asked.stderr].concat()).into_owned()
}

fn redirects(udp: u16, tcp: u16) -> [Redirect; 2] {
    let to = |port| SocketAddrV4::new("192.168.5.2".parse().unwrap(), port);
    [
        Redirect { protocol: Transport::Udp, from: DNS, to: to(udp) },
        Redirect { protocol: Transport::Tcp, from: DNS, to: to(tcp) },
    ]
}

#[test]
fn queries_are_led_to_the_hosts_resolver_and_back() {
    if !inside("queries_are_led_to_the_hosts_resolver_and_back") {
        return;
    }
    let mut host = Host::new().unwrap();
    ip("link set lo up");
    ip("link add name eth0 type veth peer name peer0");
    ip("address add 192.168.5.15/24 dev eth0");
    // Stands for the gateway: here, so that it can answer.
    ip("address add 192.168.5.2/32 dev lo");
    ip("link set eth0 up");
    let first = servers("first");
    match host.redirect("nixvm-test", &redirects(first.0, first.1)) {
        Err(error) if error.code() == "no-nftables" => {
            return println!("SKIP queries_are_led: this kernel has no nftables");
        }
        done => assert_eq!(done.unwrap(), Change::Changed),
    }
    assert_eq!(ask_udp().unwrap(), "first?");
    assert_eq!(ask_tcp().unwrap(), "first");

    // Other ports after a restart of the host: the old rules are gone with the same step.
    let second = servers("second");
    host.redirect("nixvm-test", &redirects(second.0, second.1)).unwrap();
    assert_eq!(ask_udp().unwrap(), "second?");
    assert_eq!(ask_tcp().unwrap(), "second");
    if let Ok(listed) = Command::new("nft").args(["list", "table", "ip", "nixvm-test"]).output() {
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        println!("{listed}");
        let rule = format!("ip daddr 192.168.5.3 udp dport 53 dnat to 192.168.5.2:{}", second.0);
        assert_eq!(listed.matches(&rule).count(), 2, "in both chains, once:\n{listed}");
        assert!(listed.contains("type nat hook prerouting priority dstnat"), "{listed}");
    }

    host.redirect("nixvm-test", &[]).unwrap();
    assert!(ask_tcp().is_err(), "without redirects there is no table");

    host.redirect("nixvm-test", &redirects(second.0, second.1)).unwrap();
    assert_eq!(ask_from_a_container(), "second", "what comes by is led too");
}

#[test]
fn a_scratch_machine_keeps_names_and_redirects() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one", "two"] {
        std::fs::create_dir_all(folder.path().join("sys/class/net").join(name)).unwrap();
    }
    let open = || Scratch::open(folder.path().to_str().unwrap()).unwrap();
    let mut scratch = open();
    assert_eq!(scratch.rename_interface("one", "eth0").unwrap(), Change::Changed);
    assert!(folder.path().join("sys/class/net/eth0").is_dir());
    for (from, to) in [("two", "eth0"), ("none", "x"), ("two", "../../x")] {
        assert_eq!(scratch.rename_interface(from, to).unwrap_err().code(), "rename-failed");
    }
    scratch.redirect("t", &redirects(1, 2)).unwrap();
    assert_eq!(open().redirects()["t"], redirects(1, 2));
    open().redirect("t", &[]).unwrap();
    assert!(open().redirects().is_empty());
}
