//! The addresses of this machine, by `rtnetlink`, and news of them.
//!
//! The answer to `RTM_GETADDR` is a row of `ifaddrmsg` (8 bytes, family first)
//! with attributes: the address itself, and for IPv4 on a link with a far end
//! the local one.

use super::netlink::{self, Netlink, find};
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// `NETLINK_ROUTE` is the protocol 0.
const ROUTE: Option<rustix::net::Protocol> = None;
const RTM_GETADDR: u16 = 22;
/// `RTMGRP_IPV4_IFADDR` and `RTMGRP_IPV6_IFADDR`.
const GROUPS: u32 = 0x10 | 0x100;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const BODY: usize = 8;
/// More than this are not kept: load balancers may have thousands.
const MOST: usize = 1024;
/// News come in rows when an interface goes up.
const SETTLED: Duration = Duration::from_millis(20);

/// Addresses of this machine.
pub type Addresses = Arc<BTreeSet<IpAddr>>;

/// Follows the addresses until `stop`. They are none where the kernel does not
/// tell them; the log then says so.
pub fn start(tasks: &TaskTracker, stop: &CancellationToken) -> watch::Receiver<Addresses> {
    let (sender, receiver) = watch::channel(Addresses::default());
    match open() {
        Ok(socket) => {
            publish(&sender);
            tasks.spawn(stop.clone().run_until_cancelled_owned(follow(socket, sender)));
        }
        Err(error) => tracing::warn!(%error, "no news of addresses"),
    }
    receiver
}

fn open() -> io::Result<AsyncFd<std::os::fd::OwnedFd>> {
    let socket = netlink::subscribe(ROUTE, GROUPS)?;
    // SAFETY: an `OwnedFd` keeps the one descriptor it names until it is dropped.
    unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }.map_err(Into::into)
}

async fn follow(socket: AsyncFd<std::os::fd::OwnedFd>, sender: watch::Sender<Addresses>) {
    while let Ok(mut ready) = socket.readable().await {
        let Ok(drained) = ready.try_io(|socket| netlink::drain(socket.get_ref())) else { continue };
        if let Err(error) = drained {
            tracing::warn!(%error, "news of addresses ended");
            return;
        }
        tokio::time::sleep(SETTLED).await;
        publish(&sender);
    }
}

fn publish(sender: &watch::Sender<Addresses>) {
    match read() {
        Ok(fresh) => {
            sender.send_if_modified(|known| {
                let changed = **known != fresh;
                *known = Arc::new(fresh);
                changed
            });
        }
        Err(error) => tracing::warn!(%error, "addresses not read"),
    }
}

/// All addresses that the machine has now.
///
/// # Errors
/// The kernel does not tell.
pub fn read() -> io::Result<BTreeSet<IpAddr>> {
    let mut found = BTreeSet::new();
    Netlink::open(ROUTE)?.dump(RTM_GETADDR, &[0; BODY], |body| {
        if found.len() < MOST {
            found.extend(address(body));
        }
    })?;
    Ok(found)
}

fn address(body: &[u8]) -> Option<IpAddr> {
    let attributes = body.get(BODY..)?;
    let value = find(attributes, IFA_LOCAL).or_else(|| find(attributes, IFA_ADDRESS))?;
    let v4 = <[u8; 4]>::try_from(value).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(value).map(IpAddr::from)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_an_own_address() {
        let found = read().expect("addresses");
        assert!(found.contains(&[127, 0, 0, 1].into()), "{found:?}");
    }

    #[test]
    fn the_local_end_counts() {
        let far = netlink::attribute(IFA_ADDRESS, &[10, 0, 0, 1]);
        let near = netlink::attribute(IFA_LOCAL, &[10, 0, 0, 2]);
        let head = [2, 32, 0, 0, 1, 0, 0, 0];
        let body = [&head[..], &far, &near].concat();
        assert_eq!(address(&body), Some([10, 0, 0, 2].into()));
        assert_eq!(address(&body[..body.len() - 8]), Some([10, 0, 0, 1].into()));
        assert_eq!(address(&body[..9]), None);
    }
}
