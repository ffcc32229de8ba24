//! Whose rights a tunnel has, as the servers that it reaches see them.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use rustix::net::sockopt::socket_peercred;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::Path;
use support::{Client, Daemon, handshake, isolated};
use tokio_stream::wrappers::ReceiverStream;

const OWNER: u32 = 4711;

/// Opens a tunnel; it stays open until the sender goes.
async fn open(
    client: &mut Client,
    protocol: &str,
    target: &str,
) -> Result<tokio::sync::mpsc::Sender<nixvm_guestagent::proto::TunnelMessage>, tonic::Status> {
    let (send, messages) = tokio::sync::mpsc::channel(8);
    send.send(handshake(protocol, target)).await.expect("sent");
    client.tunnel(ReceiverStream::new(messages)).await?;
    Ok(send)
}

fn listener(path: &Path, owner: u32, mode: u32) -> UnixListener {
    let listener = UnixListener::bind(path).expect("socket");
    chown(path, Some(owner), Some(owner)).expect("owner");
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("mode");
    listener
}

#[test]
fn a_server_sees_the_owner_and_sockets_of_root_are_closed() {
    isolated("a_server_sees_the_owner_and_sockets_of_root_are_closed", async || {
        let daemon = Daemon::start_with(&["--socket-owner", &OWNER.to_string()]).await;
        let mut client = daemon.client().await;
        let sockets = tempfile::tempdir().expect("folder");
        std::fs::set_permissions(sockets.path(), PermissionsExt::from_mode(0o755)).expect("mode");
        let path = |name: &str| sockets.path().join(name).display().to_string();

        let own = listener(Path::new(&path("own")), OWNER, 0o600);
        let _open = open(&mut client, "unix", &path("own")).await.expect("own socket");
        let (stream, _) = own.accept().expect("connection");
        let seen = socket_peercred(&stream).expect("credentials");
        assert_eq!((seen.uid.as_raw(), seen.gid.as_raw()), (OWNER, 65_534));

        let _roots = listener(Path::new(&path("roots")), 0, 0o600);
        let refused = open(&mut client, "unix", &path("roots")).await.expect_err("of root");
        let expected = format!("dial unix {}: connect: permission denied", path("roots"));
        assert_eq!(refused.message(), expected);
    });
}

#[test]
fn tcp_sockets_are_the_owners_or_nobodys() {
    isolated("tcp_sockets_are_the_owners_or_nobodys", async || {
        let server = std::net::TcpListener::bind("127.0.0.1:8001").expect("port");
        let nobody = uid_of("nobody");
        for (arguments, expected) in [(&["--socket-owner", "4711"][..], OWNER), (&[], nobody)] {
            let daemon = Daemon::start_with(arguments).await;
            let _open = open(&mut daemon.client().await, "tcp", "127.0.0.1:8001").await;
            let (_stream, peer) = server.accept().expect("connection");
            assert_eq!(uid_of_port(peer.port()), Some(expected));
        }
    });
}

fn uid_of(name: &str) -> u32 {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = passwd.lines().find(|line| line.starts_with(&format!("{name}:")));
    line.and_then(|line| line.split(':').nth(2)?.parse().ok()).unwrap_or(65_534)
}

/// Whose socket has this local port, as the kernel lists it.
fn uid_of_port(port: u16) -> Option<u32> {
    let table = std::fs::read_to_string("/proc/thread-self/net/tcp").expect("table");
    let port = format!(":{port:04X}");
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines.find(|fields| fields[1].ends_with(&port))?[7].parse().ok()
}
