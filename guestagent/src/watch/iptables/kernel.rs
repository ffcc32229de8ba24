//! Asking the kernel for the `nat` tables of iptables-legacy and
//! ip6tables-legacy.
//!
//! By `getsockopt`, as iptables itself does, and not by running
//! `iptables-legacy-save`: no process each time, the same with whatever names
//! a system has for the program or without it, and the answer is bounded and in
//! a form that is read already for iptables-nft. iptables asks on a raw socket,
//! which takes `CAP_NET_RAW`; the kernel answers on any socket of the IP version,
//! and only `CAP_NET_ADMIN` is needed. A table is asked for only when it exists,
//! since asking would make it.

use super::entry;
use crate::watch::field;
use crate::watch::rules::{Table, Version};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// `IPT_SO_GET_INFO` and `IPT_SO_GET_ENTRIES`; those of IPv6 are the same.
const INFO: libc::c_int = 64;
const ENTRIES: libc::c_int = 65;
/// The name of a table is 32 bytes in either answer.
const NAME: usize = 32;
/// `ipt_getinfo`: name, hooks in use, 5 places of hooks, 5 of policies, number
/// of entries, their size.
const INFO_SIZE: usize = 84;
/// `ipt_get_entries`: name, size, and the entries at a multiple of eight.
const ENTRIES_HEAD: usize = 40;
/// No table is larger, or it is not read: some 100,000 rules.
const MOST_BYTES: usize = 32 << 20;
/// How often a table that changes while it is read is read anew.
const TRIES: usize = 3;

/// The table of one IP version, and whether all of it could be read.
///
/// # Errors
/// Not permitted, too large, or changing all the time.
pub fn read(version: Version) -> io::Result<(Table, bool)> {
    let (family, level) = match version {
        Version::V4 => (AddressFamily::INET, libc::IPPROTO_IP),
        Version::V6 => (AddressFamily::INET6, libc::IPPROTO_IPV6),
    };
    let socket = net::socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    for _ in 0..TRIES {
        let mut info = named(INFO_SIZE);
        get(&socket, level, INFO, &mut info)?;
        let word = |at: usize| field(&info, at).map(u32::from_ne_bytes).unwrap_or_default();
        let size = usize::try_from(word(80)).unwrap_or(usize::MAX);
        if size > MOST_BYTES {
            return Err(io::Error::other(format!("the nat table has {size} bytes")));
        }
        let mut entries = named(ENTRIES_HEAD + size);
        if let Some(place) = entries.get_mut(NAME..NAME + 4) {
            place.copy_from_slice(&word(80).to_ne_bytes());
        }
        match get(&socket, level, ENTRIES, &mut entries) {
            // It has another size by now.
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => {}
            other => {
                other?;
                let hooks = [36, 40, 44, 48, 52].map(word);
                let row = entries.get(ENTRIES_HEAD..).unwrap_or_default();
                return Ok(entry::table(version, row, &hooks));
            }
        }
    }
    Err(io::Error::other("the nat table changes all the time"))
}

fn named(size: usize) -> Vec<u8> {
    let mut bytes = b"nat".to_vec();
    bytes.resize(size, 0);
    bytes
}

fn get(
    socket: &OwnedFd,
    level: libc::c_int,
    what: libc::c_int,
    answer: &mut [u8],
) -> io::Result<()> {
    let mut length = libc::socklen_t::try_from(answer.len()).map_err(io::Error::other)?;
    // SAFETY: the kernel reads and writes at most `length` bytes at the start of
    // `answer`, which is that long and lives on; `length` may be written too.
    let status = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            what,
            answer.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
