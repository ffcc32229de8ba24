//! Peers that mean harm, or are broken: the agent keeps to its memory and goes
//! on serving others.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use nixvm_guestagent::http2::frame::{self, PREFACE, flag, kind};
use std::time::Duration;
use support::{Client, Daemon, PATIENCE, isolated};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// What any of this may add to the agent's memory, in KiB.
const MEMORY: u64 = 16 * 1024;

fn request(stream: u32, method: &str) -> Vec<u8> {
    let path = format!("/GuestService/{method}");
    let mut block = vec![0x83, 0x86, 0x45, u8::try_from(path.len()).expect("short")];
    block.extend(path.bytes());
    block.extend([0x81, 0x5f, 16]);
    block.extend(b"application/grpc");
    let mut bytes = Vec::new();
    frame::put(&mut bytes, kind::HEADERS, flag::END_HEADERS, stream, &block);
    bytes
}

async fn greeted(daemon: &Daemon) -> UnixStream {
    let mut stream = UnixStream::connect(daemon.socket()).await.expect("connected");
    stream.write_all(PREFACE).await.expect("sent");
    stream.write_all(&[0, 0, 0, kind::SETTINGS, 0, 0, 0, 0, 0]).await.expect("sent");
    stream
}

/// Everything until the agent closes.
async fn rest(stream: &mut UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end, too: the agent does not read what is refused.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("closed");
    bytes
}

async fn serves(client: &mut Client) {
    let info = tokio::time::timeout(PATIENCE, client.get_info(())).await.expect("in time");
    info.expect("an answer");
}

#[test]
fn peers_that_do_not_speak_http2_are_closed() {
    isolated("peers_that_do_not_speak_http2_are_closed", async || {
        let daemon = Daemon::start().await;
        let mut client = daemon.client().await;
        for garbage in ["GET / HTTP/1.1\r\n\r\n", "\0\0\0\0\0\0\0\0", "PRI * HTTP/2.0\r\n\r\nXX"] {
            for _ in 0..200 {
                let mut stream = UnixStream::connect(daemon.socket()).await.expect("connected");
                stream.write_all(garbage.as_bytes()).await.expect("sent");
                let said = rest(&mut stream).await;
                assert!(said.ends_with(&[0, 0, 0, 1]), "GOAWAY for a broken protocol: {said:?}");
            }
        }
        serves(&mut client).await;
    });
}

#[test]
fn slow_peers_keep_nobody_waiting() {
    isolated("slow_peers_keep_nobody_waiting", async || {
        let daemon = Daemon::start().await;
        let mut client = daemon.client().await;
        let mut slow = Vec::new();
        for _ in 0..30 {
            slow.push(UnixStream::connect(daemon.socket()).await.expect("connected"));
            let mut stream = greeted(&daemon).await;
            stream.write_all(&request(1, "Tunnel")[..20]).await.expect("sent");
            slow.push(stream);
        }
        serves(&mut client).await;
        // Too many: the next is closed, and those that are served stay so.
        for _ in 0..10 {
            slow.push(UnixStream::connect(daemon.socket()).await.expect("connected"));
        }
        assert_eq!(rest(slow.last_mut().expect("one")).await, b"");
        serves(&mut client).await;
        // Who never greets goes after ten seconds.
        let silent = &mut slow[0];
        let mut said = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(15), silent.read_to_end(&mut said));
        ended.await.expect("closed").expect("in order");
        serves(&mut client).await;
    });
}

#[test]
fn messages_beyond_reason_are_refused_at_their_head() {
    isolated("messages_beyond_reason_are_refused_at_their_head", async || {
        let daemon = Daemon::start().await;
        let mut client = daemon.client().await;
        let before = daemon.peak();
        for method in ["SyncTime", "PostInotify", "Tunnel"] {
            let mut stream = greeted(&daemon).await;
            stream.write_all(&request(1, method)).await.expect("sent");
            let mut head = Vec::new();
            frame::put(&mut head, kind::DATA, 0, 1, &[0, 4, 0, 0, 0]);
            stream.write_all(&head).await.expect("sent");
            let mut said = vec![0; 1024];
            let status = b"grpc-status\x018";
            let mut seen = 0;
            while !said[..seen].windows(status.len()).any(|part| part == status) {
                let read = tokio::time::timeout(PATIENCE, stream.read(&mut said[seen..])).await;
                let read = read.expect("in time").expect("an answer");
                assert!(read > 0, "{method}: closed without a status");
                seen += read;
            }
            // The rest of the 64 MiB is passed over; other calls go on.
            let mut part = Vec::new();
            frame::put(&mut part, kind::DATA, 0, 1, &vec![7; 16_384]);
            for _ in 0..4096 {
                stream.write_all(&part).await.expect("passed over");
            }
            serves(&mut client).await;
        }
        let grown = daemon.peak() - before;
        assert!(grown < MEMORY, "{grown} KiB more");
    });
}

#[test]
fn a_hundred_thousand_resets_cost_no_memory() {
    isolated("a_hundred_thousand_resets_cost_no_memory", async || {
        let daemon = Daemon::start().await;
        let mut client = daemon.client().await;
        let before = daemon.peak();
        let stream = greeted(&daemon).await;
        let (mut read, mut write) = stream.into_split();
        let reader = tokio::spawn(async move {
            let mut sink = vec![0; 65_536];
            while read.read(&mut sink).await.is_ok_and(|length| length > 0) {}
        });
        for batch in 0..100_u32 {
            let mut bytes = Vec::new();
            for call in 0..1000 {
                let number = 2 * (batch * 1000 + call) + 1;
                bytes.extend(request(number, if call % 2 == 0 { "Tunnel" } else { "GetEvents" }));
                frame::put_reset(&mut bytes, number, frame::Code::EnhanceYourCalm);
            }
            write.write_all(&bytes).await.expect("taken");
            if batch % 20 == 0 {
                serves(&mut client).await;
            }
        }
        serves(&mut client).await;
        drop(write);
        reader.await.expect("closed");
        let grown = daemon.peak() - before;
        assert!(grown < MEMORY, "{grown} KiB more");
    });
}
