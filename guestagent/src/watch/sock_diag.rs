//! Lists listening sockets with `NETLINK_SOCK_DIAG` (`linux/inet_diag.h`).
//!
//! A request is a 16-byte `nlmsghdr` and a 56-byte `inet_diag_req_v2`: family,
//! protocol, extensions, padding, a mask of states, and a socket id left zero.
//! The answer is a row of `nlmsghdr` + `inet_diag_msg` (72 bytes: family,
//! state, timer, retransmits, then the id: source port in network order at 4,
//! source address at 8, and the inode at 68), ended by `NLMSG_DONE`, which
//! carries an error number when the list was cut short. Numbers are in the
//! machine's order if not said otherwise. The kernel writes the list while we
//! read, in our own context, so a dump never waits for anybody.

use crate::port::table::Dump;
use crate::port::{Port, PortSet, Protocol};
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::time::Duration;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST_DUMP: u16 = 0x1 | 0x300;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const HEAD: usize = 16;
const TCP_CLOSE: u8 = 7;
const TCP_LISTEN: u8 = 10;
/// The kernel fills messages of at most 32 KiB for a reader with this room.
const BUFFER: usize = 32 * 1024;
/// A dump does not wait; this only keeps a kernel fault from hanging us.
const PATIENCE: Duration = Duration::from_secs(1);

/// A socket that listens, and the inode that finds its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// Where it listens.
    pub port: Port,
    /// The inode of `/proc/PID/fd/N -> socket:[inode]`.
    pub inode: u32,
}

/// A netlink socket for dumps.
#[derive(Debug)]
pub struct SockDiag {
    socket: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl SockDiag {
    /// Opens the socket.
    ///
    /// # Errors
    /// The kernel has no `NETLINK_SOCK_DIAG`, or forbids it.
    pub fn open() -> io::Result<Self> {
        let socket = net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(netlink::SOCK_DIAG),
        )?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(PATIENCE))?;
        Ok(Self { socket, sequence: 0, buffer: vec![0; BUFFER] })
    }

    /// All listening sockets of one protocol, IPv4 and IPv6.
    ///
    /// # Errors
    /// A request failed, or an answer was cut short.
    pub fn listeners(&mut self, protocol: Protocol) -> io::Result<Vec<Listener>> {
        let mut found = Vec::new();
        for family in [libc::AF_INET, libc::AF_INET6] {
            self.request(family, protocol)?;
            while self.receive(protocol, &mut found)? == More::Yes {}
        }
        Ok(found)
    }

    fn request(&mut self, family: libc::c_int, protocol: Protocol) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let (number, state) = match protocol {
            Protocol::Tcp => (libc::IPPROTO_TCP, TCP_LISTEN),
            Protocol::Udp => (libc::IPPROTO_UDP, TCP_CLOSE),
        };
        let mut message = Vec::with_capacity(72);
        message.extend(72_u32.to_ne_bytes());
        message.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        message.extend(NLM_F_REQUEST_DUMP.to_ne_bytes());
        message.extend(self.sequence.to_ne_bytes());
        message.extend(0_u32.to_ne_bytes());
        message.extend([low_byte(family), low_byte(number), 0, 0]);
        message.extend((1_u32 << state).to_ne_bytes());
        message.resize(72, 0);
        net::sendto(&self.socket, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        Ok(())
    }

    fn receive(&mut self, protocol: Protocol, found: &mut Vec<Listener>) -> io::Result<More> {
        let (length, _) = net::recv(&self.socket, self.buffer.as_mut_slice(), RecvFlags::empty())?;
        parse(self.buffer.get(..length).unwrap_or_default(), self.sequence, protocol, found)
    }
}

/// Reads one datagram of an answer.
///
/// # Errors
/// The kernel refused the request, or the list is not whole.
pub fn parse(
    mut datagram: &[u8],
    sequence: u32,
    protocol: Protocol,
    found: &mut Vec<Listener>,
) -> io::Result<More> {
    while let Some(message) = Message::first(datagram) {
        datagram = datagram.get(message.aligned..).unwrap_or_default();
        if message.sequence != sequence {
            continue;
        }
        match message.kind {
            NLMSG_DONE | NLMSG_ERROR => return message.status().map(|()| More::No),
            _ if message.flags & NLM_F_DUMP_INTR != 0 => {
                return Err(io::Error::other("the list changed while it was read"));
            }
            _ => found.extend(listener(message.body, protocol)),
        }
    }
    Ok(More::Yes)
}

impl Dump for SockDiag {
    fn dump(&mut self, protocol: Protocol) -> io::Result<PortSet> {
        let listeners = self.listeners(protocol).inspect_err(|_| {
            // What is left of the answer must not be taken for the next one.
            self.sequence = self.sequence.wrapping_add(1);
        })?;
        Ok(listeners.into_iter().map(|listener| listener.port).collect())
    }
}

/// Whether the answer goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// In the next datagram.
    Yes,
    /// This was all.
    No,
}

/// One netlink message of a datagram.
struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    aligned: usize,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    fn first(bytes: &'a [u8]) -> Option<Self> {
        let length = usize::try_from(u32::from_ne_bytes(field(bytes, 0)?)).ok()?;
        Some(Self {
            kind: u16::from_ne_bytes(field(bytes, 4)?),
            flags: u16::from_ne_bytes(field(bytes, 6)?),
            sequence: u32::from_ne_bytes(field(bytes, 8)?),
            aligned: length.max(HEAD).next_multiple_of(4),
            body: bytes.get(HEAD..length)?,
        })
    }

    /// The number in `NLMSG_ERROR` and `NLMSG_DONE`: zero or a negative errno.
    fn status(&self) -> io::Result<()> {
        match field(self.body, 0).map(i32::from_ne_bytes) {
            Some(code @ ..0) => Err(io::Error::from_raw_os_error(code.saturating_neg())),
            _ => Ok(()),
        }
    }
}

/// Nothing for a socket without a port: it is being bound at this moment.
fn listener(body: &[u8], protocol: Protocol) -> Option<Listener> {
    let number = u16::from_be_bytes(field(body, 4)?);
    let address = match i32::from(*body.first()?) {
        libc::AF_INET => IpAddr::from(field::<4>(body, 8)?),
        libc::AF_INET6 => IpAddr::from(Ipv6Addr::from(field::<16>(body, 8)?)),
        _ => return None,
    };
    let inode = u32::from_ne_bytes(field(body, 68)?);
    (number != 0).then(|| Listener { port: Port::new(protocol, address, number), inode })
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn low_byte(number: libc::c_int) -> u8 {
    number.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn own_listener_is_found() {
        let socket = TcpListener::bind("127.0.0.1:0").expect("listener");
        let at = socket.local_addr().expect("address");
        let ports = SockDiag::open().expect("netlink").dump(Protocol::Tcp).expect("dump");
        assert!(ports.contains(&Port::new(Protocol::Tcp, at.ip(), at.port())));
    }

    #[test]
    fn connected_udp_socket_is_no_listener() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("socket");
        let at = socket.local_addr().expect("address");
        let port = Port::new(Protocol::Udp, at.ip(), at.port());
        let mut diag = SockDiag::open().expect("netlink");
        assert!(diag.dump(Protocol::Udp).expect("dump").contains(&port));
        socket.connect("127.0.0.1:9").expect("connected");
        assert!(!diag.dump(Protocol::Udp).expect("dump").contains(&port));
    }

    #[test]
    fn cut_messages_are_ignored() {
        for length in 0..16 {
            assert!(Message::first(&vec![0xff; length]).is_none());
        }
        for length in 0..72 {
            assert_eq!(listener(&vec![2; length], Protocol::Tcp), None);
        }
    }
}
