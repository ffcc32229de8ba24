//! By what means the daemon notices changes, from the best that is allowed to the last.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use nixvm_guestagent::watch::means::{By, Means};
use rustix::thread::CapabilitySet;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;
use support::{Daemon, isolated, next, silence};

const NO_BPF: &[CapabilitySet] = &[CapabilitySet::BPF, CapabilitySet::SYS_ADMIN];
const NOTHING: &[CapabilitySet] =
    &[CapabilitySet::BPF, CapabilitySet::SYS_ADMIN, CapabilitySet::PERFMON];

/// Whether the daemon goes by these means; if not, the test is skipped and says so.
async fn goes_by(test: &str, daemon: &Daemon, wanted: impl Fn(By) -> bool) -> bool {
    let means = daemon.means().await;
    let other = means.iter().find(|means| !wanted(means.by));
    if let Some(means) = other {
        println!("SKIP {test}: {means}");
    }
    other.is_none()
}

/// Opens and closes a port of each kind.
async fn tells_of_ports(daemon: &Daemon) {
    let mut events = daemon.client().await.get_events(()).await.expect("events").into_inner();
    let first = TcpListener::bind("127.0.0.1:8001").expect("port");
    assert_eq!(next(&mut events).await, ["+tcp 127.0.0.1 8001"]);
    let second = TcpListener::bind("[::1]:8002").expect("port");
    assert_eq!(next(&mut events).await, ["+tcp ::1 8002"]);
    let third = UdpSocket::bind("127.0.0.1:8003").expect("port");
    assert_eq!(next(&mut events).await, ["+udp 127.0.0.1 8003"]);
    let fourth = UdpSocket::bind("[::1]:8004").expect("port");
    assert_eq!(next(&mut events).await, ["+udp ::1 8004"]);
    drop(first);
    assert_eq!(next(&mut events).await, ["-tcp 127.0.0.1 8001"]);
    drop(second);
    assert_eq!(next(&mut events).await, ["-tcp ::1 8002"]);
    drop(third);
    assert_eq!(next(&mut events).await, ["-udp 127.0.0.1 8003"]);
    drop(fourth);
    assert_eq!(next(&mut events).await, ["-udp ::1 8004"]);
}

#[test]
fn bpf_tells_of_ports() {
    isolated("bpf_tells_of_ports", async || {
        let daemon = Daemon::start().await;
        if goes_by("bpf_tells_of_ports", &daemon, |by| by == By::Bpf).await {
            tells_of_ports(&daemon).await;
        }
    });
}

#[test]
fn without_bpf_trace_events_tell_of_ports() {
    let test = "without_bpf_trace_events_tell_of_ports";
    isolated(test, async || {
        let daemon = Daemon::start_without(NO_BPF).await;
        if goes_by(test, &daemon, |by| by == By::TraceEvents).await {
            for Means { refused, .. } in daemon.means().await {
                assert!(refused[0].starts_with("BPF: "), "{refused:?}");
            }
            tells_of_ports(&daemon).await;
        }
    });
}

#[test]
fn without_either_ports_are_polled_and_both_reasons_are_told() {
    let test = "without_either_ports_are_polled_and_both_reasons_are_told";
    isolated(test, async || {
        let daemon = Daemon::start_without(NOTHING).await;
        if goes_by(test, &daemon, |by| matches!(by, By::Polling(_))).await {
            for Means { refused, .. } in daemon.means().await {
                let [bpf, events] = &refused[..] else { panic!("{refused:?}") };
                assert!(bpf.starts_with("BPF: ") && events.starts_with("trace events: "));
            }
            tells_of_ports(&daemon).await;
        }
    });
}

/// Opens ports in another network namespace meanwhile.
async fn stays_silent(daemon: &Daemon) {
    let mut events = daemon.client().await.get_events(()).await.expect("events").into_inner();
    let other = std::thread::spawn(|| {
        // SAFETY: a new thread, with nothing open.
        unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) }
            .expect("namespace");
        // Each once: a daemon that another test starts may hold it for a moment.
        for port in 8_001..8_201 {
            let listener = TcpListener::bind(("0.0.0.0", port)).expect("port");
            let _udp = UdpSocket::bind(("0.0.0.0", port)).expect("port");
            std::thread::sleep(Duration::from_micros(500));
            drop(listener);
        }
    });
    silence(&mut events).await;
    let _own = TcpListener::bind("127.0.0.1:8002").expect("port");
    assert_eq!(next(&mut events).await, ["+tcp 127.0.0.1 8002"]);
    other.join().expect("the other thread");
}

#[test]
fn another_namespace_is_no_news() {
    isolated("another_namespace_is_no_news", async || {
        stays_silent(&Daemon::start().await).await;
        stays_silent(&Daemon::start_without(NO_BPF).await).await;
    });
}

#[test]
fn with_bpf_clients_connections_and_other_namespaces_do_not_even_wake_it() {
    let test = "with_bpf_clients_connections_and_other_namespaces_do_not_even_wake_it";
    isolated(test, async || {
        let daemon = Daemon::start().await;
        if !goes_by(test, &daemon, |by| by == By::Bpf).await {
            return;
        }
        let mut events = daemon.client().await.get_events(()).await.expect("events").into_inner();
        let server = TcpListener::bind("127.0.0.1:8001").expect("port");
        assert_eq!(next(&mut events).await, ["+tcp 127.0.0.1 8001"]);
        // What it writes of this is over by then.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let before = daemon.switches();
        for _ in 0..100 {
            let client = UdpSocket::bind("0.0.0.0:0").expect("socket");
            client.connect("127.0.0.1:9").expect("connected");
            let _v6 = UdpSocket::bind("[::]:0").expect("socket");
            drop(TcpStream::connect("127.0.0.1:8001").expect("connected"));
            drop(server.accept().expect("accepted"));
        }
        let other = std::thread::spawn(|| {
            // SAFETY: a new thread, with nothing open.
            unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) }
                .expect("namespace");
            for port in 8_001..8_101 {
                let _tcp = TcpListener::bind(("0.0.0.0", port)).expect("port");
                let _udp = UdpSocket::bind(("0.0.0.0", port)).expect("port");
            }
        });
        other.join().expect("the other thread");
        assert_eq!(daemon.switches(), before);
    });
}

#[test]
fn a_socket_that_names_its_port_only_at_its_second_bind_is_told() {
    isolated("a_socket_that_names_its_port_only_at_its_second_bind_is_told", async || {
        let daemon = Daemon::start().await;
        let mut events = daemon.client().await.get_events(()).await.expect("events").into_inner();
        let socket = rustix::net::socket(
            rustix::net::AddressFamily::INET,
            rustix::net::SocketType::DGRAM,
            None,
        )
        .expect("socket");
        let on: libc::c_int = 1;
        let length = libc::socklen_t::try_from(size_of_val(&on)).expect("size");
        // SAFETY: the value is valid for the call, and `length` its size.
        let set = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::IPPROTO_IP,
                libc::IP_BIND_ADDRESS_NO_PORT,
                (&raw const on).cast(),
                length,
            )
        };
        assert_eq!(set, 0);
        for port in [0, 8001] {
            let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
            rustix::net::bind(&socket, &address).expect("bound");
        }
        assert_eq!(next(&mut events).await, ["+udp 127.0.0.1 8001"]);
    });
}

#[test]
fn a_listener_that_never_named_a_port_comes_and_goes() {
    isolated("a_listener_that_never_named_a_port_comes_and_goes", async || {
        for denied in [&[], NO_BPF] {
            let daemon = Daemon::start_without(denied).await;
            let mut events =
                daemon.client().await.get_events(()).await.expect("events").into_inner();
            let listener = TcpListener::bind("127.0.0.1:0").expect("port");
            let port = listener.local_addr().expect("address").port();
            assert_eq!(next(&mut events).await, [format!("+tcp 127.0.0.1 {port}")]);
            drop(listener);
            assert_eq!(next(&mut events).await, [format!("-tcp 127.0.0.1 {port}")]);
            // Not even bound.
            let socket = tokio::net::TcpSocket::new_v4().expect("socket");
            let listener = socket.listen(1).expect("listening");
            let port = listener.local_addr().expect("address").port();
            assert_eq!(next(&mut events).await, [format!("+tcp 0.0.0.0 {port}")]);
            drop(listener);
            assert_eq!(next(&mut events).await, [format!("-tcp 0.0.0.0 {port}")]);
        }
    });
}
