//! The kernel as the table sees it: lists of sockets, and what to tell of them.

use super::destroy::Gate;
use super::sock_diag::SockDiag;
use crate::port::socket::{Query, Socket};
use crate::port::table::Dump;
use std::io;

/// Lists sockets, and chooses the news of UDP sockets that close.
#[derive(Debug)]
pub struct Kernel {
    diag: SockDiag,
    gate: Option<Gate>,
}

impl Kernel {
    /// Opens the list.
    ///
    /// # Errors
    /// The kernel has no such list, or forbids it.
    pub fn open(gate: Option<Gate>) -> io::Result<Self> {
        Ok(Self { diag: SockDiag::open()?, gate })
    }
}

impl Dump for Kernel {
    fn list(&mut self, query: Query, found: &mut Vec<Socket>) -> io::Result<()> {
        self.diag.list(query, found)
    }

    fn cover(&mut self, udp: &[Socket]) -> bool {
        self.gate.as_mut().is_some_and(|gate| gate.cover(udp))
    }
}
