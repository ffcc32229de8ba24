//! Finds out what the programs must know of this kernel, loads and attaches them.

use super::btf::{self, Btf};
use super::call::{self, Family, Kind};
use super::pages::Pages;
use super::program::{self, Places};
use super::ring::Ring;
use super::{about, group};
use crate::port::socket::Autobound;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::fs::MetadataExt;

/// Clients that are remembered from asking for a port to having it, which takes
/// no longer than a call of `bind`.
const CLIENTS: u32 = 512;

/// What makes programs run, until it is dropped.
pub type Links = Vec<OwnedFd>;

/// Has the changes of TCP sockets told.
///
/// # Errors
/// Not permitted, or a kernel that lacks something.
pub fn listen(ring: &Ring) -> io::Result<Links> {
    // The number that the link `net:[4026531840]` shows.
    let namespace = std::fs::metadata("/proc/thread-self/ns/net")?.st_ino();
    let namespace = u32::try_from(namespace).map_err(io::Error::other)?;
    let lines = program::listening(ring.as_raw_fd(), &places()?, namespace);
    let program = call::load(Kind::RawTracepoint, &lines)?;
    Ok(vec![call::at_tracepoint(c"inet_sock_set_state", &program)?])
}

/// Has the binding of UDP sockets told.
///
/// # Errors
/// Not permitted, or a kernel that lacks something.
pub fn bind(ring: &Ring, autobound: Autobound) -> io::Result<Links> {
    let root = group::root().map_err(|error| about("the root of control groups", &error))?;
    let namespace = own_cookie()?;
    let known = match autobound {
        Autobound::Skipped => Some(call::set(CLIENTS)?),
        Autobound::Listed => None,
    };
    let known = known.as_ref().map(AsRawFd::as_raw_fd);
    let mut links = Links::new();
    for family in [Family::V4, Family::V6] {
        let mut run = |kind, lines: &[_]| {
            let program = call::load(kind, lines)?;
            links.push(call::in_group(&root, kind, &program)?);
            io::Result::Ok(())
        };
        run(Kind::Bound(family), &program::bound(ring.as_raw_fd(), known, namespace))?;
        if let Some(known) = known {
            run(Kind::Asks(family), &program::asked(known, namespace))?;
        }
    }
    Ok(links)
}

fn places() -> io::Result<Places> {
    let bytes = Pages::read(btf::FILE).map_err(|error| about(btf::FILE, &error))?;
    let missing = || io::Error::other(format!("a field is missing in {}", btf::FILE));
    let btf = Btf::parse(&bytes).ok_or_else(missing)?;
    let place = |structure, path: &[&str], size| {
        btf.offset(structure, path, size).and_then(|place| i32::try_from(place).ok())
    };
    let pointer = u32::try_from(size_of::<usize>()).map_err(io::Error::other)?;
    let places = || {
        Some(Places {
            protocol: place("sock", &["sk_protocol"], 2)?,
            port: place("inet_sock", &["inet_sport"], 2)?,
            net: place("sock", &["__sk_common", "skc_net", "net"], pointer)?,
            number: place("net", &["ns", "inum"], 4)?,
        })
    };
    places().ok_or_else(missing)
}

/// The number that our network namespace has from its first to its last day
/// (Linux 5.14).
fn own_cookie() -> io::Result<u64> {
    let socket = std::os::unix::net::UnixDatagram::unbound()?;
    let mut cookie = 0_u64;
    let mut length = libc::socklen_t::try_from(size_of::<u64>()).map_err(io::Error::other)?;
    // SAFETY: both places are valid for the call, and `length` tells the room of
    // the first.
    let status = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NETNS_COOKIE,
            (&raw mut cookie).cast(),
            &raw mut length,
        )
    };
    if status == 0 { Ok(cookie) } else { Err(io::Error::last_os_error()) }
}
