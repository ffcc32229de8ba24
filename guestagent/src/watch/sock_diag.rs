//! Lists sockets with `NETLINK_SOCK_DIAG` (`linux/inet_diag.h`).
//!
//! The kernel writes the list while we read, in our own context, so a dump
//! never waits for anybody. It walks its whole table of sockets for each
//! family, and only what agrees with the request is copied to us: so a request
//! says as much as it can.

use super::netlink::Netlink;
use crate::port::socket::{Families, Query, Socket};
use rustix::net::netlink::SOCK_DIAG;
use std::io;

mod message;

pub use message::{cookie, socket};

const SOCK_DIAG_BY_FAMILY: u16 = 20;

/// A netlink socket for dumps.
#[derive(Debug)]
pub struct SockDiag {
    netlink: Netlink,
    request: Vec<u8>,
}

impl SockDiag {
    /// Opens the socket.
    ///
    /// # Errors
    /// The kernel has no `NETLINK_SOCK_DIAG`, or forbids it.
    pub fn open() -> io::Result<Self> {
        Ok(Self { netlink: Netlink::open(Some(SOCK_DIAG))?, request: Vec::new() })
    }

    /// Adds all sockets that agree with the query to `found`, IPv4 before IPv6.
    ///
    /// # Errors
    /// A request failed, or an answer was cut short.
    pub fn list(&mut self, query: Query, found: &mut Vec<Socket>) -> io::Result<()> {
        let families: &[libc::c_int] = match query.families {
            Families::V4 => &[libc::AF_INET],
            Families::Both => &[libc::AF_INET, libc::AF_INET6],
        };
        for family in families {
            message::request(&mut self.request, *family, query);
            self.netlink.dump(SOCK_DIAG_BY_FAMILY, &self.request, |answer| {
                found.extend(message::socket(answer, query.protocol));
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
