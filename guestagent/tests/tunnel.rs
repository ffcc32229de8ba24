//! Tunnels through the real daemon.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use nixvm_guestagent::proto::TunnelMessage;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::time::Duration;
use support::{Client, Daemon, PATIENCE, data, eventually, handshake, isolated};
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

type Tunnel = (Sender<TunnelMessage>, Streaming<TunnelMessage>);

async fn open(client: &mut Client, protocol: &str, target: &str) -> Result<Tunnel, tonic::Status> {
    let (send, messages) = channel(8);
    send.send(handshake(protocol, target)).await.expect("sent");
    let tunnel = client.tunnel(ReceiverStream::new(messages)).await?;
    Ok((send, tunnel.into_inner()))
}

async fn receive(tunnel: &mut Streaming<TunnelMessage>) -> Option<Vec<u8>> {
    let message = tokio::time::timeout(PATIENCE, tunnel.message()).await.expect("in time");
    message.expect("stream is whole").map(|message| message.data.to_vec())
}

#[test]
fn half_close_of_the_host_lets_the_guest_answer() {
    isolated("half_close_of_the_host_lets_the_guest_answer", async || {
        let listener = TcpListener::bind("127.0.0.1:8001").expect("port");
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("connection");
            let mut request = String::new();
            stream.read_to_string(&mut request).expect("request");
            write!(stream, "answer to {request}").expect("answer");
        });
        let daemon = Daemon::start().await;
        let mut client = daemon.client().await;
        let (send, mut tunnel) = open(&mut client, "tcp", "127.0.0.1:8001").await.expect("tunnel");
        send.send(data(b"request")).await.expect("sent");
        drop(send);
        let mut answer = Vec::new();
        // A stream has no messages: the answer may come in pieces.
        while let Some(piece) = receive(&mut tunnel).await {
            answer.extend(piece);
        }
        assert_eq!(answer, b"answer to request");
        server.join().expect("server");
    });
}

#[test]
fn the_answer_begins_though_the_program_says_nothing() {
    isolated("the_answer_begins_though_the_program_says_nothing", async || {
        let listener = TcpListener::bind("127.0.0.1:8001").expect("port");
        let daemon = Daemon::start().await;
        let mut client = daemon.client().await;
        let (send, messages) = channel(8);
        send.send(handshake("tcp", "127.0.0.1:8001")).await.expect("sent");
        send.send(data(b"request")).await.expect("sent");
        let opened = client.tunnel(ReceiverStream::new(messages));
        let mut tunnel = tokio::time::timeout(PATIENCE, opened).await.expect("in time");
        let (mut program, _) = listener.accept().expect("connection");
        write!(program, "late").expect("answer");
        let tunnel = tunnel.as_mut().expect("tunnel").get_mut();
        assert_eq!(receive(tunnel).await.as_deref(), Some(&b"late"[..]));
    });
}

#[test]
fn close_of_the_guest_ends_the_call_though_the_host_goes_on() {
    isolated("close_of_the_guest_ends_the_call_though_the_host_goes_on", async || {
        let listener = TcpListener::bind("[::1]:8001").expect("port");
        let daemon = Daemon::start().await;
        let mut client = daemon.client().await;
        let (_send, mut tunnel) = open(&mut client, "tcp", "[::1]:8001").await.expect("tunnel");
        drop(listener.accept().expect("connection"));
        assert_eq!(receive(&mut tunnel).await, None);
    });
}

#[test]
fn cancelling_the_call_closes_the_guest_side() {
    isolated("cancelling_the_call_closes_the_guest_side", async || {
        let listener = TcpListener::bind("127.0.0.1:8001").expect("port");
        let daemon = Daemon::start().await;
        let mut client = daemon.client().await;
        let (send, tunnel) = open(&mut client, "tcp", "127.0.0.1:8001").await.expect("tunnel");
        let (mut peer, _) = listener.accept().expect("connection");
        peer.set_nonblocking(true).expect("a read must not stop the client");
        // hyper resets the stream when both halves have gone.
        drop(tunnel);
        drop(send);
        eventually("end of stream", || matches!(peer.read(&mut [0; 1]), Ok(0))).await;
        // A half-close alone would let the guest write for ever.
        eventually("refused write", || peer.write(b"x").is_err()).await;
    });
}

#[test]
fn datagrams_keep_their_bounds() {
    isolated("datagrams_keep_their_bounds", async || {
        let server = UdpSocket::bind("127.0.0.1:8001").expect("port");
        let echo = std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            for _ in 0..3 {
                let (length, from) = server.recv_from(&mut buffer).expect("datagram");
                server.send_to(&buffer[..length], from).expect("sent");
            }
        });
        let daemon = Daemon::start().await;
        let mut client = daemon.client().await;
        let (send, mut tunnel) = open(&mut client, "udp", "127.0.0.1:8001").await.expect("tunnel");
        for size in [1, 40_000, 65_507] {
            let datagram = vec![7; size];
            send.send(data(&datagram)).await.expect("sent");
            assert_eq!(receive(&mut tunnel).await.map(|got| got == datagram), Some(true), "{size}");
        }
        echo.join().expect("server");
    });
}

/// Each stalled tunnel takes its window and nothing more: there must be room
/// for the others, and above all for the host's ping.
#[test]
fn stalled_tunnels_do_not_block_the_ping() {
    isolated("stalled_tunnels_do_not_block_the_ping", async || {
        let listener = TcpListener::bind("127.0.0.1:8001").expect("port");
        let daemon = Daemon::start().await;
        let mut client = daemon.client().await;
        let mut stalled = Vec::new();
        for _ in 0..64 {
            let tunnel = open(&mut client, "tcp", "127.0.0.1:8001").await.expect("tunnel");
            stalled.push((tunnel, listener.accept().expect("connection")));
        }
        let bytes = vec![7; 32_768];
        for ((send, _), _) in &stalled {
            let send = async || send.send(data(&bytes)).await.expect("sent");
            while tokio::time::timeout(Duration::from_millis(50), send()).await.is_ok() {}
        }
        let info = tokio::time::timeout(PATIENCE, client.get_info(())).await.expect("in time");
        info.expect("an answer");
    });
}

#[test]
fn refusals_have_code_and_text() {
    isolated("refusals_have_code_and_text", async || {
        let daemon = Daemon::start().await;
        let mut client = daemon.client().await;
        for (protocol, target, code, text) in [
            (
                "tcp",
                "127.0.0.1:9",
                tonic::Code::Unknown,
                "dial tcp 127.0.0.1:9: connect: connection refused",
            ),
            (
                "unix",
                "/run/docker.sock",
                tonic::Code::PermissionDenied,
                "dial unix /run/docker.sock: no owner is known by whose rights it could be judged",
            ),
        ] {
            let status = open(&mut client, protocol, target).await.expect_err("refused");
            assert_eq!((status.code(), status.message()), (code, text));
        }
    });
}
