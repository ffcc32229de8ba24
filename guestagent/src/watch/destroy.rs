//! Hints that a UDP socket has gone, from `sock_diag`'s multicast groups.
//!
//! The kernel sends a `nlmsghdr` and an `inet_diag_msg` for every UDP socket
//! that is destroyed, in our network namespace only. A filter on the socket
//! (classic BPF, run in the kernel) lets pass those that could have been
//! announced: unconnected (state 7) and with a port. The TCP groups are not
//! joined: they report every connection, and the tracepoint knows better.

use crate::port::schedule::Hint;
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{self, AddressFamily, RecvFlags, SocketFlags, SocketType};
use std::io;
use std::mem::size_of_val;
use std::os::fd::{AsRawFd, OwnedFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// `SKNLGRP_INET_UDP_DESTROY` and `SKNLGRP_INET6_UDP_DESTROY`; group N is bit N-1.
const GROUPS: u32 = 1 << (2 - 1) | 1 << (4 - 1);
/// `inet_diag_msg` follows the head of 16 bytes: state at 1, source port at 4.
const STATE: u32 = 17;
const SOURCE_PORT: u32 = 20;
const TCP_CLOSE: u32 = 7;

/// Joins the groups and follows them until `stop`.
///
/// # Errors
/// Not permitted, or a kernel without these groups.
pub fn start(
    hints: &Sender<Hint>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> io::Result<()> {
    // SAFETY: an `OwnedFd` keeps the one descriptor it names until it is dropped.
    let socket = unsafe { AsyncFd::register_with_interest(open()?, Interest::READABLE) }?;
    tasks.spawn(follow(socket, hints.clone(), stop.clone()));
    Ok(())
}

fn open() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket =
        net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::SOCK_DIAG))?;
    attach_filter(&socket)?;
    net::bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
    Ok(socket)
}

async fn follow(socket: AsyncFd<OwnedFd>, hints: Sender<Hint>, stop: CancellationToken) {
    while let Some(Ok(mut ready)) = stop.run_until_cancelled(socket.readable()).await {
        let Ok(hint) = ready.try_io(|socket| receive(socket.get_ref())) else { continue };
        let hint = hint.unwrap_or_else(|error| {
            // ENOBUFS: more sockets went than there was room for.
            tracing::debug!(%error, "news of closed sockets lost");
            Hint::Lost
        });
        if hints.send(hint).await.is_err() {
            return;
        }
    }
}

/// Empties the socket: what it says is always the same.
fn receive(socket: &OwnedFd) -> io::Result<Hint> {
    let mut message = [0; 128];
    net::recv(socket, message.as_mut_slice(), RecvFlags::TRUNC)?;
    loop {
        match net::recv(socket, message.as_mut_slice(), RecvFlags::TRUNC) {
            Ok(_) => {}
            Err(Errno::AGAIN) => return Ok(Hint::Udp),
            Err(error) => return Err(error.into()),
        }
    }
}

fn attach_filter(socket: &OwnedFd) -> io::Result<()> {
    // Load a byte or half-word at an offset (BPF_LD|BPF_B/H|BPF_ABS), compare
    // (BPF_JMP|BPF_JEQ|BPF_K), return how much of the message to keep (BPF_RET).
    let code = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut program = [
        code(0x30, 0, 0, STATE),
        code(0x15, 0, 2, TCP_CLOSE),
        code(0x28, 0, 0, SOURCE_PORT),
        code(0x15, 0, 1, 0),
        code(0x06, 0, 0, 0),
        code(0x06, 0, 0, u32::MAX),
    ];
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    let size = libc::socklen_t::try_from(size_of_val(&program)).map_err(io::Error::other)?;
    // SAFETY: `program` and the instructions it points to outlive the call, and
    // `len` is their number; the kernel copies and checks them.
    let status = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            size,
        )
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
