//! What the host is told about ports, by the real daemon.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use rustix::mount::UnmountFlags;
use rustix::process::Signal;
use std::net::{TcpListener, UdpSocket};
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
fn without_tracepoints_ports_are_polled() {
    isolated("without_tracepoints_ports_are_polled", async || {
        let hidden = rustix::mount::unmount("/sys/kernel/tracing", UnmountFlags::DETACH);
        hidden.expect("tracefs of this namespace");
        let daemon = Daemon::start().await;
        let mut events = daemon.client().await.get_events(()).await.expect("events").into_inner();
        let first = TcpListener::bind("127.0.0.1:8001").expect("port");
        assert_eq!(next(&mut events).await, ["+tcp 127.0.0.1 8001"]);
        let _second = UdpSocket::bind("127.0.0.1:8002").expect("port");
        assert_eq!(next(&mut events).await, ["+udp 127.0.0.1 8002"]);
        drop(first);
        assert_eq!(next(&mut events).await, ["-tcp 127.0.0.1 8001"]);
    });
}
