//! Ports that rules make, with the kernel's own tables and the real tools.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use nixvm_guestagent::port::Protocol;
use nixvm_guestagent::watch::extra::Extras;
use nixvm_guestagent::watch::{address, iptables, nft};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::{PATIENCE, isolated};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const BASES: &str = "
    table ip nat {
        chain prerouting { type nat hook prerouting priority -100; }
        chain output { type nat hook output priority -100; }
    }";

/// An error says why the tool cannot be used here.
fn run(program: &str, arguments: &str, input: &str) -> Result<(), String> {
    let mut child = Command::new(program)
        .args(arguments.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    child.stdin.take().expect("stdin").write_all(input.as_bytes()).expect("input");
    let output = child.wait_with_output().expect("ended");
    let errors = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("{program} {arguments}: {errors}")) }
}

fn nft(rules: &str) {
    run("nft", "-f -", rules).expect("rules");
}

/// A network with one more address of its own, or why the test is skipped.
fn prepare(program: &str, arguments: &str) -> Result<(), String> {
    run("ip", "address add 10.9.9.9/32 dev lo", "").expect("address");
    run(program, arguments, "")
}

fn shown(extras: &Extras) -> Vec<String> {
    extras.ports.iter().map(|(port, origin)| format!("{port} {origin}")).collect()
}

fn look() -> Extras {
    nft::look(&address::read().expect("addresses")).expect("rules")
}

fn nft_test(name: &'static str, body: impl AsyncFnOnce() + Send + 'static) {
    isolated(name, async move || match prepare("nft", "list ruleset") {
        Ok(()) => body().await,
        Err(reason) => println!("SKIP {name}: {reason}"),
    });
}

#[test]
fn a_rule_counts_if_a_dial_from_inside_meets_it() {
    nft_test("a_rule_counts_if_a_dial_from_inside_meets_it", async || {
        assert_eq!(shown(&look()), [""; 0]);
        nft(BASES);
        for rule in [
            "output tcp dport 8001 dnat to 10.0.0.2:80",
            "output fib daddr type local udp dport 8002 dnat to 10.0.0.2:53",
            "output ip daddr 127.0.0.1 tcp dport 8003 dnat to 10.0.0.3",
            "output ip daddr 10.9.9.9 tcp dport 8004 dnat to 10.0.0.4:80",
            "output ip daddr 127.0.0.0/8 tcp dport 8005-8006 dnat to 10.0.0.5",
            "output oifname \"lo\" tcp dport { 8007, 8010-8011 } dnat to 10.0.0.6",
            // Not ports of ours: another machine's address, another interface,
            // packets from outside, everything at once.
            "output ip daddr 192.168.5.3 udp dport 53 dnat to 192.168.5.2:5353",
            "output oifname \"eth0\" tcp dport 8020 dnat to 10.0.0.7",
            "output ip saddr 10.1.0.0/16 tcp dport 8021 dnat to 10.0.0.7",
            "prerouting tcp dport 8022 dnat to 10.0.0.8:80",
            "output ip protocol tcp tcp dport != 22 dnat to 10.0.0.9",
        ] {
            nft(&format!("add rule ip nat {rule}"));
        }
        let found = look();
        let expected = [
            "tcp 0.0.0.0:8001 nft ip nat output to 10.0.0.2:80",
            "tcp 0.0.0.0:8007 nft ip nat output to 10.0.0.6",
            "tcp 0.0.0.0:8010 nft ip nat output to 10.0.0.6",
            "tcp 0.0.0.0:8011 nft ip nat output to 10.0.0.6",
            "tcp 10.9.9.9:8004 nft ip nat output to 10.0.0.4:80",
            "tcp 127.0.0.1:8003 nft ip nat output to 10.0.0.3",
            "tcp 127.0.0.1:8005 nft ip nat output to 10.0.0.5",
            "tcp 127.0.0.1:8006 nft ip nat output to 10.0.0.5",
            "udp 0.0.0.0:8002 nft ip nat output to 10.0.0.2:53",
        ];
        assert_eq!(shown(&found), expected);
        assert_eq!(found.notes, ["nft: translated only for packets from outside: tcp 8022"]);
    });
}

#[test]
fn order_and_ways_between_chains_are_followed() {
    nft_test("order_and_ways_between_chains_are_followed", async || {
        nft("table ip nat {
            chain output {
                type nat hook output priority -100;
                tcp dport 8001 accept
                tcp dport 8000-8009 jump first
                tcp dport 8003 dnat to 10.0.0.3
                tcp dport 8004 goto second
                tcp dport 8004 dnat to 10.0.0.1
                limit rate 1/second tcp dport 8008 accept
                tcp dport 8008 dnat to 10.0.0.8
                jump loop
            }
            chain first {
                tcp dport 8002 return
                tcp dport 8001-8002 dnat to 10.0.0.1
                tcp dport vmap { 8003 : return, 8005 : jump second, 8006 : drop }
                tcp dport 8006 dnat to 10.0.0.1
                meta mark 7 tcp dport 8007 dnat to 10.0.0.7
            }
            chain second { ip daddr 127.0.0.0/8 meta l4proto tcp dnat to 10.0.0.5:80; }
            chain loop { tcp dport 8009 jump deeper; }
            chain deeper { tcp dport 8009 dnat to 10.0.0.9; }
        }");
        let expected = [
            "tcp 0.0.0.0:8003 nft ip nat output to 10.0.0.3",
            "tcp 0.0.0.0:8007 nft ip nat first to 10.0.0.7",
            "tcp 0.0.0.0:8008 nft ip nat output to 10.0.0.8",
            "tcp 0.0.0.0:8009 nft ip nat deeper to 10.0.0.9",
            "tcp 127.0.0.1:8004 nft ip nat second to 10.0.0.5:80",
            "tcp 127.0.0.1:8005 nft ip nat second to 10.0.0.5:80",
        ];
        assert_eq!(shown(&look()), expected);
    });
}

#[test]
fn shapes_of_container_tools_are_read() {
    nft_test("shapes_of_container_tools_are_read", async || {
        nft("table inet hostport {
            chain ports {
                ip protocol tcp th dport 8001 dnat ip to 10.0.0.1:80
                meta nfproto ipv6 tcp dport 8002 dnat ip6 to [fd00::2]:80
            }
            chain output {
                type nat hook output priority -100;
                fib daddr type local jump ports
            }
        }
        table inet netavark {
            chain container {
                ip saddr 10.88.0.0/16 tcp dport 8003 jump setmark
                ip saddr 127.0.0.1 tcp dport 8003 jump setmark
                tcp dport 8003 dnat ip to 10.88.0.2:80
                udp dport 8004-8005 dnat ip to 10.88.0.2:udp dport map { 8004 : 53, 8005 : 54 }
            }
            chain setmark { meta mark set meta mark or 0x2000; }
            chain hostport { tcp dport 8003 jump container; udp dport 8004-8005 jump container; }
            chain output {
                type nat hook output priority -100;
                fib daddr type local jump hostport
            }
        }
        table ip kube {
            map nodeports {
                type inet_proto . inet_service : verdict
                elements = { tcp . 30080 : goto external, udp . 30053 : goto external }
            }
            map services {
                type ipv4_addr . inet_proto . inet_service : verdict
                elements = { 10.96.0.1 . tcp . 443 : goto external }
            }
            chain external { numgen random mod 2 vmap { 0 : goto one, 1 : goto two }; }
            chain one { meta l4proto tcp dnat to 10.1.0.1:8080; }
            chain two { meta l4proto { tcp, udp } dnat to 10.1.0.2; }
            chain output {
                type nat hook output priority -100;
                ip daddr . meta l4proto . th dport vmap @services
                fib daddr type local ip daddr != 127.0.0.0/16 meta l4proto . th dport vmap @nodeports
            }
        }");
        let expected = [
            "tcp 0.0.0.0:8001 nft inet hostport ports to 10.0.0.1:80",
            "tcp 0.0.0.0:8003 nft inet netavark container to 10.88.0.2:80",
            "tcp 10.9.9.9:30080 nft ip kube one to 10.1.0.1:8080",
            "tcp [::]:8002 nft inet hostport ports to [fd00::2]:80",
            "udp 0.0.0.0:8004 nft inet netavark container to 10.88.0.2",
            "udp 0.0.0.0:8005 nft inet netavark container to 10.88.0.2",
            "udp 10.9.9.9:30053 nft ip kube two to 10.1.0.2",
        ];
        assert_eq!(shown(&look()), expected);
    });
}

/// A chain of rules that lead to port 9000, or to chains with higher numbers.
fn random_chain(random: &mut impl FnMut(u32) -> u32, number: u32) -> String {
    let mut rules = String::new();
    for _ in 0..=random(5) {
        let port = 8000 + random(8);
        let ports = match random(6) {
            0 => format!("tcp dport {port}"),
            1 => format!("tcp dport {port}-{}", port + random(4)),
            2 => format!("tcp dport {{ {port}, {}-8010 }}", port + 2),
            3 => format!("tcp dport 7999-8013 tcp dport != {port}"),
            4 => format!("meta l4proto . th dport {{ tcp . {port}-{}, udp . 8000 }}", port + 1),
            _ => format!("tcp dport >= {port} tcp dport < 8013"),
        };
        let more = [
            "",
            "",
            "ip daddr 127.0.0.0/8",
            "ip daddr != 127.0.0.1",
            "ip saddr 10.9.9.9",
            "oifname \"lo\"",
            "oifname != \"lo\"",
            "fib daddr type local",
            "ct state new",
            "iifname \"lo\"",
            "meta nfproto ipv4",
        ];
        let more = more[random(11) as usize];
        let to = number + 1 + random(2);
        let last = match random(if number < 4 { 6 } else { 3 }) {
            0 | 1 => "meta l4proto tcp dnat to :9000".into(),
            2 => ["accept", "return"][random(2) as usize].into(),
            3 => format!("jump c{to}"),
            4 => format!("goto c{to}"),
            _ => format!("tcp dport vmap {{ {port} : jump c{to}, {}-8012 : goto c5 }}", port + 1),
        };
        rules += &format!("{ports} {more} {last}\n");
    }
    rules
}

/// Rules made at random, and what real dials meet.
#[test]
fn what_is_found_is_what_a_dial_meets() {
    nft_test("what_is_found_is_what_a_dial_meets", async || {
        use std::hash::{BuildHasher, RandomState};
        let listener = std::net::TcpListener::bind("0.0.0.0:9000").expect("listener");
        listener.set_nonblocking(true).expect("listener");
        let (state, mut count) = (RandomState::new(), 0_u64);
        let mut random = |below: u32| {
            count += 1;
            u32::try_from(state.hash_one(count) % u64::from(below)).expect("small")
        };
        let mut met_any = 0;
        for _ in 0..60 {
            let chain = |number| (number, random_chain(&mut random, number));
            let chains: Vec<_> = (0..7).map(chain).collect();
            let mut script = "flush ruleset\ntable inet nat {\n".to_owned();
            for (number, rules) in chains.iter().rev() {
                let hook = if *number == 0 { "type nat hook output priority -100;" } else { "" };
                script += &format!("chain c{number} {{ {hook}\n{rules}}}\n");
            }
            nft(&(script.clone() + "}"));
            let found = look();
            let mut met = Vec::new();
            let mut predicted = Vec::new();
            for address in ["127.0.0.1", "10.9.9.9"] {
                for port in 7999..8014_u16 {
                    let at = std::net::SocketAddr::new(address.parse().expect("address"), port);
                    met.extend(std::net::TcpStream::connect(at).ok().map(|_| at));
                    let told = |known: &std::net::SocketAddr| {
                        known.port() == port
                            && (known.ip() == at.ip() || known.ip().is_unspecified())
                    };
                    let tcp = found
                        .ports
                        .keys()
                        .filter(|port| port.protocol == Protocol::Tcp && port.address.is_ipv4());
                    let mut known = tcp.map(|port| (port.address, port.number).into());
                    predicted.extend(known.any(|known| told(&known)).then_some(at));
                }
            }
            assert_eq!(predicted, met, "{script}");
            // A dial waits if too many before it were not taken.
            while listener.accept().is_ok() {}
            met_any += usize::from(!met.is_empty());
        }
        assert!(met_any > 20, "only {met_any} of 60 rules translate anything");
    });
}

/// What Docker writes, without its proxies and, in the last chain, with them.
const DOCKER: [&str; 12] = [
    "-N DOCKER",
    "-N PROXIED",
    "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
    "-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER",
    "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j PROXIED",
    "-A DOCKER -i docker0 -j RETURN",
    "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8001 -j DNAT --to-destination 172.17.0.2:80",
    "-A DOCKER -d 127.0.0.1/32 ! -i docker0 -p udp -m udp --dport 8002 -j DNAT --to-destination 172.17.0.2:53",
    "-A DOCKER -p tcp -m multiport --dports 8003,8005:8006 -j DNAT --to-destination 172.17.0.3",
    "-A DOCKER -p tcp -m comment --comment sum -m tcp --dport 8007 -m statistic --mode random --probability 0.5 -j DNAT --to-destination 172.17.0.4:80",
    "-A PROXIED -p tcp -m tcp --dport 8008 -j DNAT --to-destination 172.17.0.5:80",
    "-A OUTPUT -d 192.168.5.3/32 -p udp -m udp --dport 53 -j DNAT --to-destination 192.168.5.2:5353",
];

fn docker(program: &str) {
    for rule in DOCKER {
        run(program, &format!("-t nat {rule}"), "").expect("rule");
    }
}

fn dockers_ports(origin: &str) -> Vec<String> {
    let text = |(port, chain, to)| format!("{port} {origin} {chain} to {to}");
    [
        ("tcp 0.0.0.0:8001", "nat DOCKER", "172.17.0.2:80"),
        ("tcp 0.0.0.0:8003", "nat DOCKER", "172.17.0.3"),
        ("tcp 0.0.0.0:8005", "nat DOCKER", "172.17.0.3"),
        ("tcp 0.0.0.0:8006", "nat DOCKER", "172.17.0.3"),
        ("tcp 0.0.0.0:8007", "nat DOCKER", "172.17.0.4:80"),
        ("tcp 10.9.9.9:8008", "nat PROXIED", "172.17.0.5:80"),
        ("udp 127.0.0.1:8002", "nat DOCKER", "172.17.0.2:53"),
    ]
    .map(text)
    .into()
}

#[test]
fn rules_of_iptables_nft_are_read() {
    const NAME: &str = "rules_of_iptables_nft_are_read";
    isolated(NAME, async || match prepare("iptables-nft", "-t nat -L -n") {
        Ok(()) => {
            docker("iptables-nft");
            assert_eq!(shown(&look()), dockers_ports("nft ip"));
        }
        Err(reason) => println!("SKIP {NAME}: {reason}"),
    });
}

#[test]
fn changes_are_told_at_once() {
    nft_test("changes_are_told_at_once", async || {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let mut extras = nft::start(address::start(&tasks, &stop), &tasks, &stop);
        nft(BASES);
        nft("add rule ip nat output tcp dport 8001 dnat to 10.0.0.2:80");
        let found = |extras: &Extras| extras.ports.len() == 1;
        tokio::time::timeout(PATIENCE, extras.wait_for(found)).await.expect("told").expect("on");

        // An address that comes makes a port of it one of every address.
        nft("add rule ip nat output ip daddr 10.8.8.8 tcp dport 8002 dnat to 10.0.0.2:80");
        run("ip", "address add 10.8.8.8/32 dev lo", "").expect("address");
        let found = |extras: &Extras| extras.ports.len() == 2;
        tokio::time::timeout(PATIENCE, extras.wait_for(found)).await.expect("told").expect("on");

        nft("flush ruleset");
        let none = |extras: &Extras| extras.ports.is_empty();
        tokio::time::timeout(PATIENCE, extras.wait_for(none)).await.expect("told").expect("on");
        stop.cancel();
        tasks.close();
        tokio::time::timeout(PATIENCE, tasks.wait()).await.expect("ended");
    });
}

/// Follows iptables-legacy, or says why that is not to be had here. Ends with
/// the test.
struct Legacy {
    folder: tempfile::TempDir,
    extras: tokio::sync::watch::Receiver<Extras>,
    stop: CancellationToken,
}

impl Legacy {
    fn follow() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let runtimes = vec![folder.path().join("containerd/containerd.sock")];
        let places = iptables::Places { runtimes, interval: Duration::from_millis(50) };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let addresses = address::start(&tasks, &stop);
        let mut extras = iptables::start(places, addresses, &tasks, &stop);
        assert_eq!(*extras.borrow_and_update(), Extras::default());
        Self { folder, extras, stop }
    }

    fn begin_runtime(&self) {
        std::fs::create_dir(self.folder.path().join("containerd")).expect("folder");
        std::fs::write(self.folder.path().join("containerd/containerd.sock"), "").expect("socket");
    }

    fn end_runtime(&self) {
        std::fs::remove_file(self.folder.path().join("containerd/containerd.sock")).expect("gone");
    }

    async fn wait(&mut self, what: impl FnMut(&Extras) -> bool) -> Extras {
        let told = tokio::time::timeout(PATIENCE, self.extras.wait_for(what)).await;
        told.expect("told").expect("on").clone()
    }
}

impl Drop for Legacy {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[test]
fn iptables_legacy_is_looked_at_while_there_is_a_runtime() {
    const NAME: &str = "iptables_legacy_is_looked_at_while_there_is_a_runtime";
    isolated(NAME, async || {
        if let Err(reason) = prepare("iptables-legacy", "--version") {
            return println!("SKIP {NAME}: {reason}");
        }
        let mut legacy = Legacy::follow();
        legacy.begin_runtime();
        let notes = legacy.wait(|extras| extras.notes.len() == 2).await.notes;
        for (note, name) in notes.iter().zip(["iptables-legacy", "ip6tables-legacy"]) {
            let expected = format!("{name}: not in use, looked for every 0 s, since it has ");
            assert!(note.starts_with(&expected), "{note}");
        }
        if let Err(reason) = run("iptables-legacy", "-t nat -L -n", "") {
            return println!("SKIP {NAME}: {reason}");
        }
        docker("iptables-legacy");
        let found = legacy.wait(|extras| extras.ports.len() == 7).await;
        assert_eq!(shown(&found), dockers_ports("iptables-legacy"));

        legacy.end_runtime();
        legacy.wait(|extras| *extras == Extras::default()).await;
    });
}

/// What Docker writes for IPv6, and conditions that it does not use.
const DOCKER6: [&str; 11] = [
    "-N DOCKER",
    "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
    "-A OUTPUT ! -d ::1/128 -m addrtype --dst-type LOCAL -j DOCKER",
    "-A DOCKER -i docker0 -j RETURN",
    "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8001 -j DNAT --to-destination [fd00::2]:80",
    "-A OUTPUT -d ::1 -p tcp -m tcp --dport 8002 -j DNAT --to-destination [::1]:9000",
    "-A OUTPUT -o lo -p udp -m multiport --dports 8003 -j DNAT --to-destination fd00::3",
    "-A OUTPUT -d fd00:9::/32 -p tcp -m multiport ! --dports 1:8003,8005:65535 -j DNAT --to-destination fd00::4",
    // Not ports of ours: another machine's address, another interface, from outside.
    "-A OUTPUT -d fd00:5::53 -p udp -m udp --dport 53 -j DNAT --to-destination [fd00:5::2]:5353",
    "-A OUTPUT -o eth0 -p tcp -m tcp --dport 8020 -j DNAT --to-destination fd00::7",
    "-A PREROUTING -p tcp -m tcp --dport 8022 -j DNAT --to-destination [fd00::8]:80",
];

#[test]
fn ip6tables_legacy_is_read_as_a_dial_meets_it() {
    const NAME: &str = "ip6tables_legacy_is_read_as_a_dial_meets_it";
    isolated(NAME, async || {
        run("ip", "address add fd00:9::9/128 dev lo", "").expect("address");
        if let Err(reason) = prepare("ip6tables-legacy", "-t nat -L -n") {
            return println!("SKIP {NAME}: {reason}");
        }
        for rule in DOCKER6 {
            run("ip6tables-legacy", &format!("-t nat {rule}"), "").expect("rule");
        }
        let mut legacy = Legacy::follow();
        legacy.begin_runtime();
        let found = legacy.wait(|extras| !extras.ports.is_empty()).await;
        let expected = [
            "tcp [::1]:8002 ip6tables-legacy nat OUTPUT to [::1]:9000",
            "tcp [fd00:9::9]:8001 ip6tables-legacy nat DOCKER to [fd00::2]:80",
            "tcp [fd00:9::9]:8004 ip6tables-legacy nat OUTPUT to fd00::4",
            "udp [::]:8003 ip6tables-legacy nat OUTPUT to fd00::3",
        ];
        assert_eq!(shown(&found), expected);
        let last = found.notes.last().expect("a note");
        assert_eq!(last, "ip6tables-legacy: translated only for packets from outside: tcp 8022");

        let _listener = std::net::TcpListener::bind("[::1]:9000").expect("listener");
        std::net::TcpStream::connect("[::1]:8002").expect("the rule is met");
    });
}

/// The agent has no more of root's rights than its unit leaves it.
#[test]
fn legacy_rules_are_read_with_the_rights_of_the_service() {
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
    const NAME: &str = "legacy_rules_are_read_with_the_rights_of_the_service";
    isolated(NAME, async || {
        for program in ["iptables-legacy", "ip6tables-legacy"] {
            if let Err(reason) = run(program, "-t nat -L -n", "") {
                return println!("SKIP {NAME}: {reason}");
            }
        }
        let mut sets = capabilities(None).expect("capabilities");
        sets.effective = CapabilitySet::NET_ADMIN;
        set_capabilities(None, sets).expect("fewer capabilities");
        for program in iptables::PROGRAMS {
            let found = program.look(&[].into()).expect("read");
            assert!(found.is_some(), "{program:?}");
        }
    });
}
