//! The bodies of requests and answers. Pure.
//!
//! A request is a 56-byte `inet_diag_req_v2`: family, protocol, extensions,
//! padding, a mask of states, and a socket id, of which only the source port is
//! given. After it may stand a program that each socket must pass (attribute
//! 1). An answer is an `inet_diag_msg` (72 bytes: family, state, timer,
//! retransmits, then the id: source port in network order at 4, source address
//! at 8, the cookie at 44, and the inode at 68). Numbers are in the machine's
//! order if not said otherwise.

use crate::port::socket::{Autobound, Query, Socket};
use crate::port::{Port, Protocol};
use crate::watch::field;
use std::net::{IpAddr, Ipv6Addr};

const INET_DIAG_REQ_BYTECODE: u16 = 1;
const INET_DIAG_BC_JMP: u8 = 1;
const INET_DIAG_BC_AUTO: u8 = 6;
const REQUEST: usize = 56;
const ESTABLISHED: u8 = 1;
const CLOSE: u8 = 7;
const LISTEN: u8 = 10;

/// Writes the request for one family.
pub fn request(bytes: &mut Vec<u8>, family: libc::c_int, query: Query) {
    let number = match query.protocol {
        Protocol::Tcp => libc::IPPROTO_TCP,
        Protocol::Udp => libc::IPPROTO_UDP,
    };
    bytes.clear();
    bytes.extend([low_byte(family), low_byte(number), 0, 0]);
    bytes.extend(states(query).to_ne_bytes());
    bytes.extend(query.number.unwrap_or(0).to_be_bytes());
    bytes.resize(REQUEST, 0);
    if query.autobound == Autobound::Skipped {
        skip_autobound(bytes);
    }
}

fn states(query: Query) -> u32 {
    match query.protocol {
        Protocol::Tcp => 1 << LISTEN,
        Protocol::Udp if query.connected => 1 << CLOSE | 1 << ESTABLISHED,
        Protocol::Udp => 1 << CLOSE,
    }
}

/// A program of two steps. Each is a code, how far to go on if it holds, and
/// how far if not; who ends exactly behind the program has passed, who goes
/// farther has not. Step one holds if the kernel chose the port; step two never
/// holds.
fn skip_autobound(bytes: &mut Vec<u8>) {
    bytes.extend(12_u16.to_ne_bytes());
    bytes.extend(INET_DIAG_REQ_BYTECODE.to_ne_bytes());
    for code in [INET_DIAG_BC_AUTO, INET_DIAG_BC_JMP] {
        bytes.extend([code, 4]);
        bytes.extend(8_u16.to_ne_bytes());
    }
}

/// Nothing for a socket without a port: it is being bound at this moment.
pub fn socket(body: &[u8], protocol: Protocol) -> Option<Socket> {
    let number = u16::from_be_bytes(field(body, 4)?);
    let (address, v6) = match i32::from(*body.first()?) {
        libc::AF_INET => (IpAddr::from(field::<4>(body, 8)?), false),
        libc::AF_INET6 => (IpAddr::from(Ipv6Addr::from(field::<16>(body, 8)?)), true),
        _ => return None,
    };
    let inode = u32::from_ne_bytes(field(body, 68)?);
    (number != 0).then_some(Socket {
        port: Port::new(protocol, address, number),
        cookie: cookie(body)?,
        inode,
        connected: *body.get(1)? == ESTABLISHED,
        v6,
    })
}

/// The number that a socket has from its first to its last day.
pub fn cookie(body: &[u8]) -> Option<u64> {
    field(body, 44).map(u64::from_ne_bytes)
}

fn low_byte(number: libc::c_int) -> u8 {
    number.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cut_messages_are_ignored() {
        for length in 0..72 {
            assert_eq!(socket(&vec![2; length], Protocol::Tcp), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let found = socket(&bytes, Protocol::Udp);
            prop_assert!(found.is_none_or(|socket| socket.port.number != 0));
        }
    }
}
