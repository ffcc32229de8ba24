//! What the host is told about ports, by the real daemon.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use rustix::process::Signal;
use std::net::{TcpListener, UdpSocket};
use std::time::Duration;
use support::{Daemon, isolated, next, silence};

#[test]
fn open_ports_are_told_first_and_changes_after() {
    isolated("open_ports_are_told_first_and_changes_after", async || {
        let first = TcpListener::bind("127.0.0.1:8001").expect("port");
        let daemon = Daemon::start().await;
        let mut client = daemon.client().await;
        let info = client.get_info(()).await.expect("info").into_inner();
        assert_eq!(info.local_ports.len(), 1);

        let mut events = client.get_events(()).await.expect("events").into_inner();
        assert_eq!(next(&mut events).await, ["+tcp 127.0.0.1 8001"]);
        let second = TcpListener::bind("[::1]:8002").expect("port");
        assert_eq!(next(&mut events).await, ["+tcp ::1 8002"]);
        let third = UdpSocket::bind("0.0.0.0:8003").expect("port");
        assert_eq!(next(&mut events).await, ["+udp 0.0.0.0 8003"]);
        drop(first);
        assert_eq!(next(&mut events).await, ["-tcp 127.0.0.1 8001"]);
        drop(third);
        assert_eq!(next(&mut events).await, ["-udp 0.0.0.0 8003"]);
        drop(second);
        assert_eq!(next(&mut events).await, ["-tcp ::1 8002"]);
        silence(&mut events).await;
    });
}

#[test]
fn a_second_stream_gets_the_difference_also_after_a_crash() {
    isolated("a_second_stream_gets_the_difference_also_after_a_crash", async || {
        let _udp = UdpSocket::bind("127.0.0.1:8001").expect("port");
        let daemon = Daemon::start().await;
        let mut events = daemon.client().await.get_events(()).await.expect("events").into_inner();
        assert_eq!(next(&mut events).await, ["+udp 127.0.0.1 8001"]);
        drop(events);
        let mut events = daemon.client().await.get_events(()).await.expect("events").into_inner();
        silence(&mut events).await;
        // Longer than a change may be unsaved.
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        daemon.signal(Signal::KILL);
        let (_, folder) = daemon.ended().await;

        let _tcp = TcpListener::bind("127.0.0.1:8002").expect("port");
        let daemon = Daemon::start_in(folder).await;
        let mut events = daemon.client().await.get_events(()).await.expect("events").into_inner();
        assert_eq!(next(&mut events).await, ["+tcp 127.0.0.1 8002"]);
        silence(&mut events).await;
    });
}

#[test]
fn a_listener_that_binds_long_before_it_listens_is_told() {
    isolated("a_listener_that_binds_long_before_it_listens_is_told", async || {
        let daemon = Daemon::start().await;
        let mut events = daemon.client().await.get_events(()).await.expect("events").into_inner();
        let socket = tokio::net::TcpSocket::new_v4().expect("socket");
        socket.bind("127.0.0.1:8001".parse().expect("address")).expect("bound");
        silence(&mut events).await;
        let _listener = socket.listen(1).expect("listening");
        assert_eq!(next(&mut events).await, ["+tcp 127.0.0.1 8001"]);
    });
}

#[test]
fn a_udp_server_that_connects_keeps_its_port_and_clients_are_no_news() {
    isolated("a_udp_server_that_connects_keeps_its_port_and_clients_are_no_news", async || {
        let daemon = Daemon::start().await;
        let mut events = daemon.client().await.get_events(()).await.expect("events").into_inner();
        // In the range of clients, and chosen by name: a server.
        let server = UdpSocket::bind("127.0.0.1:40001").expect("port");
        assert_eq!(next(&mut events).await, ["+udp 127.0.0.1 40001"]);
        server.connect("127.0.0.1:9").expect("connected");
        // Each bind asks for a look, and none of these is a server.
        for _ in 0..20 {
            let client = UdpSocket::bind("0.0.0.0:0").expect("socket");
            client.connect("127.0.0.1:9").expect("connected");
            let _unconnected = UdpSocket::bind("0.0.0.0:0").expect("socket");
        }
        for noise in ["0.0.0.0:68", "0.0.0.0:5353"] {
            let _noise = UdpSocket::bind(noise).expect("port");
            silence(&mut events).await;
        }
        drop(server);
        assert_eq!(next(&mut events).await, ["-udp 127.0.0.1 40001"]);
        let wild = UdpSocket::bind("0.0.0.0:8001").expect("port");
        assert_eq!(next(&mut events).await, ["+udp 0.0.0.0 8001"]);
        wild.connect("127.0.0.1:9").expect("connected");
        let other = UdpSocket::bind("127.0.0.1:8002").expect("port");
        assert_eq!(next(&mut events).await, ["+udp 127.0.0.1 8002"]);
        drop(wild);
        assert_eq!(next(&mut events).await, ["-udp 0.0.0.0 8001"]);
        drop(other);
        assert_eq!(next(&mut events).await, ["-udp 127.0.0.1 8002"]);
    });
}

#[test]
fn a_port_told_just_before_a_kill_is_removed_and_told_again() {
    isolated("a_port_told_just_before_a_kill_is_removed_and_told_again", async || {
        let _udp = UdpSocket::bind("127.0.0.1:8001").expect("port");
        let daemon = Daemon::start().await;
        let mut events = daemon.client().await.get_events(()).await.expect("events").into_inner();
        assert_eq!(next(&mut events).await, ["+udp 127.0.0.1 8001"]);
        daemon.signal(Signal::KILL);
        let (_, folder) = daemon.ended().await;
        let daemon = Daemon::start_in(folder).await;
        let mut events = daemon.client().await.get_events(()).await.expect("events").into_inner();
        assert_eq!(next(&mut events).await, ["-udp 127.0.0.1 8001"]);
        let removed = std::time::Instant::now();
        assert_eq!(next(&mut events).await, ["+udp 127.0.0.1 8001"]);
        assert!(removed.elapsed() > Duration::from_millis(90), "{:?}", removed.elapsed());
        silence(&mut events).await;
    });
}

#[test]
fn many_ports_at_once_and_short_ones_are_told() {
    isolated("many_ports_at_once_and_short_ones_are_told", async || {
        let daemon = Daemon::start().await;
        let mut events = daemon.client().await.get_events(()).await.expect("events").into_inner();
        let bind = |port: u16| TcpListener::bind(("127.0.0.1", port)).expect("port");
        let listeners: Vec<TcpListener> = (9_000..9_500).map(bind).collect();
        let mut added = 0;
        while added < listeners.len() {
            added += next(&mut events).await.len();
        }
        let short = bind(8_001);
        tokio::time::sleep(Duration::from_millis(20)).await;
        drop(short);
        assert_eq!(next(&mut events).await, ["+tcp 127.0.0.1 8001"]);
        assert_eq!(next(&mut events).await, ["-tcp 127.0.0.1 8001"]);
        drop(listeners);
        while added > 0 {
            added -= next(&mut events).await.len();
        }
        silence(&mut events).await;
    });
}
