//! Hints that a UDP socket has gone, from `sock_diag`'s multicast groups.
//!
//! The kernel sends a `nlmsghdr` and an `inet_diag_msg` for every UDP socket
//! that is destroyed, in our network namespace only. A filter on the socket
//! (classic BPF, run in the kernel) lets pass those with a port that could be
//! served: outside of the range from which the kernel takes the ports of
//! clients, or all while somebody serves one in that range. The TCP groups are
//! not joined: they report every connection, and the tracepoint knows better.

use super::filter;
use super::sock_diag::cookie;
use crate::port::schedule::Hint;
use crate::port::socket::Socket;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{self, AddressFamily, RecvFlags, SocketFlags, SocketType};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// `SKNLGRP_INET_UDP_DESTROY` and `SKNLGRP_INET6_UDP_DESTROY`; group N is bit N-1.
const GROUPS: u32 = 1 << (2 - 1) | 1 << (4 - 1);
/// `inet_diag_msg` follows the head of 16 bytes: source port at 4.
const SOURCE_PORT: u32 = 20;
const HEAD: usize = 16;
const RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// The first and last port of clients; the first is greater if there are none.
type Clients = (u16, u16);
const NONE: Clients = (1, 0);

/// Decides which ports' ends are told.
#[derive(Debug)]
pub struct Gate {
    socket: Arc<AsyncFd<OwnedFd>>,
    /// Ports of clients.
    clients: Clients,
    /// Whether those are told too.
    open: bool,
}

/// Joins the groups and follows them until `stop`.
///
/// # Errors
/// Not permitted, or a kernel without these groups.
pub fn start(
    hints: &Sender<Hint>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> io::Result<Gate> {
    let clients = std::fs::read_to_string(RANGE).map_or(NONE, |text| range(&text));
    // SAFETY: an `OwnedFd` keeps the one descriptor it names until it is dropped.
    let socket = unsafe { AsyncFd::register_with_interest(open(clients)?, Interest::READABLE) }?;
    let socket = Arc::new(socket);
    tasks.spawn(follow(socket.clone(), hints.clone(), stop.clone()));
    Ok(Gate { socket, clients, open: false })
}

impl Gate {
    /// Opens for the ports of clients if one of these is such a port, and
    /// closes again. Whether it has just been opened: what closed before was
    /// not told.
    pub fn cover(&mut self, udp: &[Socket]) -> bool {
        let (first, last) = self.clients;
        let open = udp.iter().any(|socket| (first..=last).contains(&socket.port.number));
        if open == self.open {
            return false;
        }
        let skipped = if open { NONE } else { self.clients };
        match filter::attach(self.socket.get_ref(), &program(skipped)) {
            Ok(()) => self.open = open,
            Err(error) => tracing::warn!(%error, "news of closed UDP sockets not chosen anew"),
        }
        open
    }
}

/// None if the text is no range: then all ends are told.
fn range(text: &str) -> Clients {
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(first)), Some(Ok(last))) => (first, last),
        _ => NONE,
    }
}

fn open(skipped: Clients) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket =
        net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::SOCK_DIAG))?;
    filter::attach(&socket, &program(skipped))?;
    net::bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
    Ok(socket)
}

/// Nothing without a port, and nothing in the range.
fn program((first, last): Clients) -> [libc::sock_filter; 6] {
    let (first, last) = (u32::from(first), u32::from(last));
    [
        filter::load_half(SOURCE_PORT),
        filter::if_equal(0, 3, 0),
        filter::if_at_least(first, 0, 1),
        filter::if_greater(last, 0, 1),
        filter::keep(),
        filter::drop(),
    ]
}

async fn follow(socket: Arc<AsyncFd<OwnedFd>>, hints: Sender<Hint>, stop: CancellationToken) {
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

/// The next socket that has gone.
fn receive(socket: &OwnedFd) -> io::Result<Hint> {
    let mut message = [0; 128];
    let (length, _) = net::recv(socket, message.as_mut_slice(), RecvFlags::empty())?;
    let body = message.get(HEAD..length).unwrap_or_default();
    Ok(cookie(body).map_or(Hint::Lost, Hint::Gone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(range("32768\t60999\n"), (32_768, 60_999));
        assert_eq!([range(""), range("1 x")], [NONE; 2]);
    }
}
