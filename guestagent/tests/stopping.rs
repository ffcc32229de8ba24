//! SIGTERM: bounded, whatever the host still holds open.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use rustix::process::Signal;
use std::time::{Duration, Instant};
use support::{Daemon, PATIENCE, handshake, isolated};

#[test]
fn open_streams_do_not_keep_the_daemon() {
    isolated("open_streams_do_not_keep_the_daemon", async || {
        let listener = std::net::TcpListener::bind("127.0.0.1:8001").expect("port");
        let daemon = Daemon::start().await;
        let mut client = daemon.client().await;
        let mut events = client.get_events(()).await.expect("events").into_inner();
        support::next(&mut events).await;
        let (send, messages) = tokio::sync::mpsc::channel(1);
        send.send(handshake("tcp", "127.0.0.1:8001")).await.expect("sent");
        let messages = tokio_stream::wrappers::ReceiverStream::new(messages);
        let _tunnel = client.tunnel(messages).await.expect("tunnel").into_inner();
        let _peer = listener.accept().expect("tunnel is through");

        let start = Instant::now();
        daemon.signal(Signal::TERM);
        let last = tokio::time::timeout(PATIENCE, events.message()).await.expect("in time");
        assert!(last.expect("ended with OK").is_none());
        let socket = daemon.socket();
        let (status, _folder) = daemon.ended().await;
        assert_eq!(status.code(), Some(0));
        assert!(start.elapsed() < Duration::from_millis(2500), "{:?}", start.elapsed());
        assert!(!socket.exists());
    });
}
