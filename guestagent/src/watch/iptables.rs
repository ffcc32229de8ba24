//! Ports that rules of iptables-legacy make.
//!
//! It has no notifications, so it is looked at every ten seconds: only while a
//! container runtime is there, which inotify tells, and what is looked at is
//! one line in `/proc` unless the `nat` table exists. Reading that line loads
//! no module and makes no table. A note says what this costs.

use super::address::Addresses;
use super::extra::{Extras, Origin};
use super::nft::notes;
use super::presence;
use super::rules::translated::{Via, translated};
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub mod entry;
pub mod kernel;

const NAME: &str = "iptables-legacy";
const INTERVAL: Duration = Duration::from_secs(10);
/// The tables of our own network namespace, one name a line.
const TABLES: &str = "/proc/thread-self/net/ip_tables_names";
/// What tells that containers may be started.
const RUNTIMES: [&str; 7] = [
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/docker.sock",
    "/run/k0s/containerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/libpod",
    "/run/podman/podman.sock",
];

/// Where to look, and how often.
#[derive(Clone, Debug)]
pub struct Places {
    /// Sockets and folders of container runtimes.
    pub runtimes: Vec<PathBuf>,
    /// The pause between two looks.
    pub interval: Duration,
}

impl Places {
    /// Those of a real machine.
    pub fn usual() -> Self {
        Self { runtimes: RUNTIMES.map(PathBuf::from).into(), interval: INTERVAL }
    }
}

/// Follows the rules until `stop`.
pub fn start(
    places: Places,
    addresses: watch::Receiver<Addresses>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> watch::Receiver<Extras> {
    let (sender, receiver) = watch::channel(Extras::default());
    match presence::start(places.runtimes, tasks, stop) {
        Ok(runtimes) => {
            let follow = follow(places.interval, runtimes, addresses, sender);
            tasks.spawn(stop.clone().run_until_cancelled_owned(follow));
        }
        Err(error) => Extras::give_up(NAME, &error, &sender),
    }
    receiver
}

async fn follow(
    interval: Duration,
    mut runtimes: watch::Receiver<presence::Present>,
    addresses: watch::Receiver<Addresses>,
    sender: watch::Sender<Extras>,
) {
    loop {
        if runtimes.borrow_and_update().is_empty() {
            Extras::default().publish(&sender);
            if runtimes.changed().await.is_err() {
                return;
            }
            continue;
        }
        let own = addresses.borrow().clone();
        // Long lists take a while, and the tunnels shall not wait for it.
        match tokio::task::spawn_blocking(move || look(&own)).await {
            Ok(found) => {
                let found = found.map(|found| noted(found, interval));
                Extras::publish_look(NAME, found, &sender);
            }
            Err(error) => tracing::warn!(%error, "rules of iptables-legacy not read"),
        }
        if let Ok(Err(_)) = tokio::time::timeout(interval, runtimes.changed()).await {
            return;
        }
    }
}

fn noted(found: Option<Extras>, interval: Duration) -> Extras {
    let seconds = interval.as_secs();
    let (mut extras, what) = match found {
        Some(extras) => (extras, "looked at"),
        None => (Extras::default(), "not in use, looked for"),
    };
    let note = format!("{NAME}: {what} every {seconds} s, since it has no notifications");
    extras.notes.insert(0, note);
    extras
}

/// One look at all rules; nothing if there is no `nat` table.
///
/// # Errors
/// They cannot be read.
pub fn look(own: &BTreeSet<IpAddr>) -> io::Result<Option<Extras>> {
    if !in_use()? {
        return Ok(None);
    }
    let (table, whole) = kernel::read()?;
    let found = translated(&[table], own);
    let origin = |via: &Via| Origin::Iptables { chain: via.chain.clone(), to: via.to.clone() };
    let ports = found.ports.iter().map(|(port, via)| (*port, origin(via))).collect();
    Ok(Some(Extras { ports, notes: notes(NAME, &found, !whole) }))
}

fn in_use() -> io::Result<bool> {
    match std::fs::read_to_string(TABLES) {
        Ok(names) => Ok(names.lines().any(|name| name == "nat")),
        // The kernel has not loaded iptables-legacy, or has none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
