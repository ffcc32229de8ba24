//! The programs that the kernel runs for us, and what they write.
//!
//! - [`listening`] runs at each change of a TCP socket's state (the raw
//!   tracepoint `inet_sock_set_state`) and tells of entering and of leaving
//!   LISTEN.
//! - [`bound`] runs in each `bind` of an IP socket, when it has its port, and
//!   tells of UDP sockets.
//! - [`asked`] runs in the same `bind` before that. It takes note of sockets that
//!   name no port: those are clients, of which `bound` is then silent.
//!
//! Each looks at our network namespace only, changes nothing and forbids
//! nothing. The first reads the kernel's memory by a function that the kernel
//! keeps for programs under the GPL; the instructions in this file are therefore
//! also under the MIT licence or the GPL, version 2, as the taker likes
//! (`docs/decisions/0012-hints-by-bpf.md`).

use super::instruction::{
    Label, Line, R0, R1, R2, R3, R4, R6, R7, R8, STACK, Size, add, call, copy, exit, from_network,
    go, if_equal, load, set, set_map, set_wide, store, unless_equal, unless_equal_32, unless_same,
};
use std::os::fd::RawFd;

/// What the kernel is told of the licence.
pub const LICENCE: &std::ffi::CStr = c"Dual MIT/GPL";

/// The bytes of a record: what has happened, and the port.
pub const RECORD: i32 = 8;
/// A TCP socket enters LISTEN.
pub const ENTERED: i32 = 1;
/// A TCP socket has left LISTEN.
pub const LEFT: i32 = 2;
/// A UDP socket has got its port.
pub const BOUND: i32 = 3;

const MAP_UPDATE: i32 = 2;
const MAP_DELETE: i32 = 3;
const SOCKET_COOKIE: i32 = 46;
const READ_KERNEL: i32 = 113;
const NAMESPACE_COOKIE: i32 = 122;
const RING_OUTPUT: i32 = 130;
/// The reader is woken for each record: whether it sleeps is not guessed.
const FORCE_WAKEUP: i32 = 2;

const LISTEN: i32 = 10;
/// A listener ends here. Sockets of accepted connections leave LISTEN, too, as
/// copies of theirs, but for `SYN_RECV`.
const CLOSE: i32 = 7;
/// Of `bpf_sock` (`linux/bpf.h`).
const SOCK_PROTOCOL: i16 = 12;
const SOCK_PORT: i16 = 44;
/// Of `bpf_sock_addr`.
const ADDRESS_PORT: i16 = 24;
const ADDRESS_PROTOCOL: i16 = 36;
/// The places of our stack.
const SCRATCH: i16 = -8;
const OUTPUT: i16 = -16;

/// Where the kernel keeps what we need, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The protocol of a `sock`.
    pub protocol: i32,
    /// The port of an `inet_sock`, in network order. The same number in its
    /// `sock` is zero again before a listener leaves whose port nobody named.
    pub port: i32,
    /// Its `net`.
    pub net: i32,
    /// The number of a `net`.
    pub number: i32,
}

/// Tells of TCP sockets that enter or leave LISTEN in the namespace of this
/// number.
pub fn listening(ring: RawFd, places: &Places, namespace: u32) -> Vec<Line> {
    let begin = [
        load(Size::Double, R6, R1, 0),
        load(Size::Double, R2, R1, 8),
        load(Size::Double, R3, R1, 16),
        set(R7, ENTERED),
        if_equal(R3, LISTEN, Label::Chosen),
        unless_equal(R2, LISTEN, Label::End),
        unless_equal(R3, CLOSE, Label::End),
        set(R7, LEFT),
        Line::Here(Label::Chosen),
    ];
    [
        &begin[..],
        &read(Size::Half, R1, R6, places.protocol),
        // MPTCP has a socket of its own beside that of TCP.
        &[unless_equal(R1, libc::IPPROTO_TCP, Label::End)],
        &read(Size::Double, R8, R6, places.net),
        &read(Size::Word, R1, R8, places.number),
        &[unless_equal_32(R1, namespace, Label::End)],
        &read(Size::Half, R1, R6, places.port),
        &[from_network(R1)],
        &tell(ring),
        &[Line::Here(Label::End), set(R0, 0), exit()],
    ]
    .concat()
}

/// Tells of UDP sockets that have got a port in the namespace of this cookie,
/// but not of those in `clients`.
pub fn bound(ring: RawFd, clients: Option<RawFd>, namespace: u64) -> Vec<Line> {
    let known = clients.map(|clients| {
        vec![
            copy(R1, R6),
            call(SOCKET_COOKIE),
            store(Size::Double, STACK, SCRATCH, R0),
            set_map(R1, clients),
            copy(R2, STACK),
            add(R2, SCRATCH.into()),
            call(MAP_DELETE),
            if_equal(R0, 0, Label::End),
        ]
    });
    [
        &udp(SOCK_PROTOCOL, namespace)[..],
        &known.unwrap_or_default(),
        &[set(R7, BOUND), load(Size::Word, R1, R6, SOCK_PORT)],
        &tell(ring),
        &ALLOW,
    ]
    .concat()
}

/// Keeps in `clients` which UDP sockets name no port.
pub fn asked(clients: RawFd, namespace: u64) -> Vec<Line> {
    let key = [copy(R2, STACK), add(R2, SCRATCH.into()), set_map(R1, clients)];
    [
        &udp(ADDRESS_PROTOCOL, namespace)[..],
        &[
            load(Size::Word, R7, R6, ADDRESS_PORT),
            copy(R1, R6),
            call(SOCKET_COOKIE),
            store(Size::Double, STACK, SCRATCH, R0),
            if_equal(R7, 0, Label::Chosen),
        ],
        // It may have failed to get any port before.
        &key,
        &[call(MAP_DELETE), go(Label::End), Line::Here(Label::Chosen)],
        &key,
        &[copy(R3, R2), set(R4, 0), call(MAP_UPDATE)],
        &ALLOW,
    ]
    .concat()
}

/// The end of a program that could forbid.
const ALLOW: [Line; 3] = [Line::Here(Label::End), set(R0, 1), exit()];

/// Begins with what concerns us: UDP, and our namespace. Keeps what the program
/// is about in [`R6`].
fn udp(protocol: i16, namespace: u64) -> [Line; 6] {
    [
        copy(R6, R1),
        load(Size::Word, R2, R6, protocol),
        unless_equal(R2, libc::IPPROTO_UDP, Label::End),
        call(NAMESPACE_COOKIE),
        set_wide(R1, namespace),
        unless_same(R0, R1, Label::End),
    ]
}

/// `to = *(from + offset)` in the kernel's memory; zero if it cannot be read.
fn read(size: Size, to: u8, from: u8, offset: i32) -> [Line; 7] {
    let bytes = match size {
        Size::Half => 2,
        Size::Word => 4,
        Size::Double => 8,
    };
    [
        copy(R1, STACK),
        add(R1, SCRATCH.into()),
        set(R2, bytes),
        copy(R3, from),
        add(R3, offset),
        call(READ_KERNEL),
        load(size, to, STACK, SCRATCH),
    ]
}

/// Writes a record of what is in [`R7`] and of the port in [`R1`].
fn tell(ring: RawFd) -> [Line; 8] {
    [
        store(Size::Word, STACK, OUTPUT, R7),
        store(Size::Word, STACK, OUTPUT + 4, R1),
        set_map(R1, ring),
        copy(R2, STACK),
        add(R2, OUTPUT.into()),
        set(R3, RECORD),
        set(R4, FORCE_WAKEUP),
        call(RING_OUTPUT),
    ]
}
