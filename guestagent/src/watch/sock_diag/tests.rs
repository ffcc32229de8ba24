//! Against the kernel, with sockets of this process.

use super::*;
use crate::port::Protocol;
use crate::port::socket::Autobound;
use std::net::{SocketAddr, TcpListener, UdpSocket};

fn list(query: Query) -> Vec<Socket> {
    let mut found = Vec::new();
    SockDiag::open().expect("netlink").list(query, &mut found).expect("dump");
    found
}

fn at(sockets: &[Socket], address: SocketAddr) -> Option<Socket> {
    let here = |socket: &&Socket| (socket.port.address, socket.port.number);
    sockets.iter().find(|s| here(s) == (address.ip(), address.port())).copied()
}

#[test]
fn own_listener_is_found_also_by_number() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("listener");
    let other = TcpListener::bind("127.0.0.1:0").expect("listener");
    let address = socket.local_addr().expect("address");
    assert!(at(&list(Query::all(Protocol::Tcp)), address).is_some());
    let number = Some(address.port());
    let found = list(Query { number, ..Query::all(Protocol::Tcp) });
    assert!(at(&found, address).is_some());
    assert_eq!(at(&found, other.local_addr().expect("address")), None);
}

#[test]
fn a_connected_socket_keeps_its_cookie_and_is_listed_on_request() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("socket");
    let address = socket.local_addr().expect("address");
    let query = Query::all(Protocol::Udp);
    let before = at(&list(query), address).expect("unconnected");
    socket.connect("127.0.0.1:9").expect("connected");
    assert_eq!(at(&list(query), address), None);
    let after = at(&list(Query { connected: true, ..query }), address).expect("connected");
    assert!(after.connected && !before.connected);
    assert_eq!(after.cookie, before.cookie);
}

#[test]
fn a_port_that_the_kernel_chose_is_told_apart() {
    let chosen = UdpSocket::bind("127.0.0.1:0").expect("socket");
    let address = chosen.local_addr().expect("address");
    let query = Query { autobound: Autobound::Skipped, ..Query::all(Protocol::Udp) };
    assert_eq!(at(&list(query), address), None);
    assert!(at(&list(Query::all(Protocol::Udp)), address).is_some());
    drop(chosen);
    let named = UdpSocket::bind(address).expect("the same port by name");
    assert!(at(&list(query), named.local_addr().expect("address")).is_some());
}
