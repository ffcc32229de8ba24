//! Ports that rules of iptables-legacy and ip6tables-legacy make.
//!
//! They have no notifications, so they are looked at every ten seconds: only
//! while a container runtime is there, which inotify tells, and what is looked
//! at is one line in `/proc` for each unless its `nat` table exists. Reading that
//! line loads no module and makes no table. A note says what this costs.

use super::address::Addresses;
use super::extra::{Extras, Origin};
use super::nft::notes;
use super::presence;
use super::rules::Version;
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

const INTERVAL: Duration = Duration::from_secs(10);
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

/// One of the two programs, by whose name users know the rules.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    name: &'static str,
    version: Version,
    /// The tables of our own network namespace, one name a line.
    tables: &'static str,
}

/// Both.
pub const PROGRAMS: [Program; 2] = [
    Program {
        name: "iptables-legacy",
        version: Version::V4,
        tables: "/proc/thread-self/net/ip_tables_names",
    },
    Program {
        name: "ip6tables-legacy",
        version: Version::V6,
        tables: "/proc/thread-self/net/ip6_tables_names",
    },
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
        Err(error) => Extras::give_up("iptables-legacy", &error, &sender),
    }
    receiver
}

async fn follow(
    interval: Duration,
    mut runtimes: watch::Receiver<presence::Present>,
    addresses: watch::Receiver<Addresses>,
    sender: watch::Sender<Extras>,
) {
    let mut last: [Extras; 2] = Default::default();
    loop {
        if runtimes.borrow_and_update().is_empty() {
            last = Default::default();
            Extras::default().publish(&sender);
            if runtimes.changed().await.is_err() {
                return;
            }
            continue;
        }
        let own = addresses.borrow().clone();
        // Long lists take a while, and the tunnels shall not wait for it.
        match tokio::task::spawn_blocking(move || PROGRAMS.map(|program| program.look(&own))).await
        {
            Ok(found) => publish(found, &mut last, interval, &sender),
            Err(error) => tracing::warn!(%error, "rules of iptables-legacy not read"),
        }
        if let Ok(Err(_)) = tokio::time::timeout(interval, runtimes.changed()).await {
            return;
        }
    }
}

fn publish(
    found: [io::Result<Option<Extras>>; 2],
    last: &mut [Extras; 2],
    interval: Duration,
    sender: &watch::Sender<Extras>,
) {
    let mut all = Extras::default();
    for ((program, found), last) in PROGRAMS.into_iter().zip(found).zip(last) {
        let found = found.map(|found| program.noted(found, interval));
        *last = Extras::of_look(program.name, found, last);
        all.add(last);
    }
    all.publish(sender);
}

impl Program {
    fn noted(self, found: Option<Extras>, interval: Duration) -> Extras {
        let (name, seconds) = (self.name, interval.as_secs());
        let (mut extras, what) = match found {
            Some(extras) => (extras, "looked at"),
            None => (Extras::default(), "not in use, looked for"),
        };
        let note = format!("{name}: {what} every {seconds} s, since it has no notifications");
        extras.notes.insert(0, note);
        extras
    }

    /// One look at all rules; nothing if there is no `nat` table.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn look(self, own: &BTreeSet<IpAddr>) -> io::Result<Option<Extras>> {
        if !self.in_use()? {
            return Ok(None);
        }
        let (table, whole) = kernel::read(self.version)?;
        let found = translated(&[table], own);
        let origin = |via: &Via| {
            let (chain, to) = (via.chain.clone(), via.to.clone());
            Origin::Iptables { program: self.name, chain, to }
        };
        let ports = found.ports.iter().map(|(port, via)| (*port, origin(via))).collect();
        Ok(Some(Extras { ports, notes: notes(self.name, &found, !whole) }))
    }

    fn in_use(self) -> io::Result<bool> {
        match std::fs::read_to_string(self.tables) {
            Ok(names) => Ok(names.lines().any(|name| name == "nat")),
            // The kernel has not loaded the program's part, or has none.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}
