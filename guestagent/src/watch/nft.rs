//! Ports that rules of nftables make: Docker without its proxies, Podman, the
//! port mappings of CNI, node ports; also those of iptables where it is
//! iptables-nft, which is most systems today.
//!
//! The kernel tells of every change of its tables; a change asks for one new
//! look, a few milliseconds later, so that the many changes of one container
//! are one look. A look costs in proportion to the rules, so looks are never
//! more than a twentieth of the time.
//!
//! On a kernel with modules the first look loads that of nftables, as `nft list
//! ruleset` does: without it there is nobody to tell us of changes.

use super::address::Addresses;
use super::extra::{Extras, Origin};
use super::netlink;
use super::rules::translated::{Translated, translated};
use rustix::net::netlink::NETFILTER;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub mod expression;
pub mod list;
pub mod set;

/// `NFNLGRP_NFTABLES` is 7; group N is bit N-1.
const GROUP: u32 = 1 << 6;
/// Changes come in rows, a batch or several at once.
const SETTLED: Duration = Duration::from_millis(5);
/// A look may cost one part of this many of the time.
const SHARE: u32 = 20;
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often a look is tried anew when rules change while it is taken.
const TRIES: usize = 5;
/// Ports that a note names.
const NAMED: usize = 16;

/// Follows the rules until `stop`.
pub fn start(
    addresses: watch::Receiver<Addresses>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> watch::Receiver<Extras> {
    let (sender, receiver) = watch::channel(Extras::default());
    match subscribe() {
        Ok(news) => {
            let follow = follow(news, addresses, sender);
            tasks.spawn(stop.clone().run_until_cancelled_owned(follow));
        }
        Err(error) => Extras::give_up("nft", &error, &sender),
    }
    receiver
}

fn subscribe() -> io::Result<AsyncFd<OwnedFd>> {
    let socket = netlink::subscribe(Some(NETFILTER), GROUP)?;
    // SAFETY: an `OwnedFd` keeps the one descriptor it names until it is dropped.
    unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }.map_err(Into::into)
}

async fn follow(
    news: AsyncFd<OwnedFd>,
    mut addresses: watch::Receiver<Addresses>,
    sender: watch::Sender<Extras>,
) {
    loop {
        let began = Instant::now();
        let own = addresses.borrow_and_update().clone();
        // Long lists take a while, and the tunnels shall not wait for it.
        match tokio::task::spawn_blocking(move || look(&own)).await {
            Ok(found) => {
                let found = Extras::of_look("nft", found, &sender.borrow());
                found.publish(&sender);
            }
            Err(error) => tracing::warn!(%error, "rules of nftables not read"),
        }
        let pause = (began.elapsed() * SHARE).clamp(SETTLED, LONGEST_PAUSE);
        if !change(&news, &mut addresses).await {
            return;
        }
        tokio::time::sleep(pause).await;
        // What came meanwhile is seen by the look that follows.
        if let Err(error) = netlink::drain(news.get_ref())
            && error.kind() != io::ErrorKind::WouldBlock
        {
            tracing::warn!(%error, "news of nftables broken");
            return;
        }
    }
}

/// Waits for a change of rules or addresses; `false` if there are no more news.
async fn change(news: &AsyncFd<OwnedFd>, addresses: &mut watch::Receiver<Addresses>) -> bool {
    loop {
        tokio::select! {
            // Without news of addresses, those of rules are still to be had.
            Ok(()) = addresses.changed() => return true,
            ready = news.readable() => match ready.map(|mut ready| {
                ready.try_io(|socket| netlink::drain(socket.get_ref())).map_err(drop)
            }) {
                Ok(Ok(Ok(()))) => return true,
                Ok(Err(())) => {}
                Ok(Ok(Err(error))) | Err(error) => {
                    tracing::warn!(%error, "news of nftables broken");
                    return false;
                }
            },
        }
    }
}

/// One look at all rules.
///
/// # Errors
/// They cannot be read, or change all the time.
pub fn look(own: &BTreeSet<std::net::IpAddr>) -> io::Result<Extras> {
    let mut tries = 0;
    let (tables, cut) = loop {
        tries += 1;
        match list::read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted && tries < TRIES => {}
            other => break other?,
        }
    };
    Ok(extras(&translated(&tables, own), cut))
}

fn extras(found: &Translated, cut: bool) -> Extras {
    let origin = |via: &super::rules::translated::Via| Origin::Nft {
        chain: via.chain.clone(),
        to: via.to.clone(),
    };
    let ports = found.ports.iter().map(|(port, via)| (*port, origin(via))).collect();
    Extras { ports, notes: notes("nft", found, cut) }
}

/// What a user should know of a look.
pub fn notes(source: &str, found: &Translated, cut: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if cut || found.cut {
        notes.push(format!("{source}: more rules than are looked at; ports may be missing"));
    }
    if !found.outside.is_empty() {
        let named = found.outside.iter().take(NAMED);
        let mut ports: Vec<_> =
            named.map(|(protocol, port)| format!("{protocol} {port}")).collect();
        if found.outside.len() > NAMED {
            ports.push("...".into());
        }
        let ports = ports.join(", ");
        notes.push(format!("{source}: translated only for packets from outside: {ports}"));
    }
    notes
}

#[cfg(test)]
mod tests;
