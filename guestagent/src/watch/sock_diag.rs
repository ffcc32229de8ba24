//! Lists sockets with `NETLINK_SOCK_DIAG` (`linux/inet_diag.h`).
//!
//! A request is answered by a row of messages, ended by `NLMSG_DONE`, which
//! carries an error number when the list was cut short. The kernel writes the
//! list while we read, in our own context, so a dump never waits for anybody.
//! It walks its whole table of sockets for each family, and only what agrees
//! with the request is copied to us: so a request says as much as it can.

use crate::port::Protocol;
use crate::port::socket::{Families, Query, Socket};
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

mod message;

pub use message::cookie;
use message::{Content, Message};

/// The kernel fills messages of at most 32 KiB for a reader with this room.
const BUFFER: usize = 32 * 1024;
/// A dump does not wait; this only keeps a kernel fault from hanging us.
const PATIENCE: Duration = Duration::from_secs(1);

/// A netlink socket for dumps.
#[derive(Debug)]
pub struct SockDiag {
    socket: OwnedFd,
    sequence: u32,
    request: Vec<u8>,
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
        Ok(Self { socket, sequence: 0, request: Vec::new(), buffer: vec![0; BUFFER] })
    }

    /// Adds all sockets that agree with the query to `found`, IPv4 before IPv6.
    ///
    /// # Errors
    /// A request failed, or an answer was cut short.
    pub fn list(&mut self, query: Query, found: &mut Vec<Socket>) -> io::Result<()> {
        let listed = self.families(query, found);
        // What is left of a broken answer must not be taken for the next one.
        self.sequence = self.sequence.wrapping_add(1);
        listed
    }

    fn families(&mut self, query: Query, found: &mut Vec<Socket>) -> io::Result<()> {
        let families: &[libc::c_int] = match query.families {
            Families::V4 => &[libc::AF_INET],
            Families::Both => &[libc::AF_INET, libc::AF_INET6],
        };
        for family in families {
            self.sequence = self.sequence.wrapping_add(1);
            message::request(&mut self.request, *family, query, self.sequence);
            let kernel = SocketAddrNetlink::new(0, 0);
            net::sendto(&self.socket, &self.request, SendFlags::empty(), &kernel)?;
            while self.receive(query, found)? == More::Yes {}
        }
        Ok(())
    }

    fn receive(&mut self, query: Query, found: &mut Vec<Socket>) -> io::Result<More> {
        let (length, _) = net::recv(&self.socket, self.buffer.as_mut_slice(), RecvFlags::empty())?;
        let datagram = self.buffer.get(..length).unwrap_or_default();
        parse(datagram, self.sequence, query.protocol, found)
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
    found: &mut Vec<Socket>,
) -> io::Result<More> {
    while let Some(message) = Message::first(datagram) {
        datagram = datagram.get(message.aligned..).unwrap_or_default();
        if message.sequence != sequence {
            continue;
        }
        match message.content()? {
            Content::End => return Ok(More::No),
            Content::Socket(body) => found.extend(message::socket(body, protocol)),
        }
    }
    Ok(More::Yes)
}

/// Whether the answer goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// In the next datagram.
    Yes,
    /// This was all.
    No,
}

#[cfg(test)]
mod tests;
