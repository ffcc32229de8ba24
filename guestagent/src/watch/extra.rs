//! Ports that no socket of ours shows: services of Kubernetes, and rules that
//! translate addresses.
//!
//! Three sources, each a task with its own watch: [`super::kubernetes`],
//! [`super::nft`], [`super::iptables`]. They are joined here; a port that
//! several know is called after the first of them.

use super::{address, iptables, kubernetes, nft};
use crate::port::Port;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Ports that no socket of ours shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// The ports, and where each comes from.
    pub ports: BTreeMap<Port, Origin>,
    /// Lines for `status`: what is not seen, or costs something, and why.
    pub notes: Vec<String>,
}

/// Where a port comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A service of Kubernetes.
    Kubernetes {
        /// Its namespace.
        namespace: String,
        /// Its name.
        service: String,
    },
    /// A rule of nftables or iptables-nft.
    Nft {
        /// Table and chain, as `ip nat DOCKER`.
        chain: String,
        /// Where it leads, as `172.17.0.2:80`; empty if the rule does not say.
        to: String,
    },
    /// A rule of iptables-legacy or ip6tables-legacy.
    Iptables {
        /// Which of them: `iptables-legacy`.
        program: &'static str,
        /// Table and chain, as `nat DOCKER`.
        chain: String,
        /// Where it leads; empty if the rule does not say.
        to: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, chain, to) = match self {
            Self::Kubernetes { namespace, service } => {
                return write!(f, "kubernetes service {namespace}/{service}");
            }
            Self::Nft { chain, to } => ("nft", chain, to),
            Self::Iptables { program, chain, to } => (*program, chain, to),
        };
        let to = if to.is_empty() { String::new() } else { format!(" to {to}") };
        write!(f, "{name} {chain}{to}")
    }
}

impl Extras {
    /// Nothing but a line for `status`.
    pub fn noted(note: String) -> Self {
        Self { notes: vec![note], ..Self::default() }
    }

    /// Adds what another source knows.
    pub fn add(&mut self, source: &Self) {
        for (port, origin) in &source.ports {
            self.ports.entry(*port).or_insert_with(|| origin.clone());
        }
        self.notes.extend(source.notes.iter().cloned());
    }

    /// Tells those who wait, if it is news.
    pub fn publish(self, sender: &watch::Sender<Self>) {
        sender.send_if_modified(|known| {
            let changed = *known != self;
            *known = self;
            changed
        });
    }

    /// What a look at the rules of `source` has found. What cannot be read has
    /// not gone: the ports of the last look stay.
    pub fn of_look(source: &str, found: io::Result<Self>, last: &Self) -> Self {
        found.unwrap_or_else(|error| Self {
            ports: last.ports.clone(),
            notes: vec![format!("{source}: rules could not be read: {error}")],
        })
    }

    /// Tells that `source` cannot be followed at all.
    pub fn give_up(source: &str, error: &io::Error, sender: &watch::Sender<Self>) {
        tracing::warn!(source, %error, "ports of this source are not noticed");
        Self::noted(format!("{source}: not followed: {error}")).publish(sender);
    }
}

/// Starts all sources, and follows them until `stop`.
pub fn start(tasks: &TaskTracker, stop: &CancellationToken) -> watch::Receiver<Extras> {
    let addresses = address::start(tasks, stop);
    let sources = [
        kubernetes::start(kubernetes::Places::usual(), addresses.clone(), tasks, stop),
        nft::start(addresses.clone(), tasks, stop),
        iptables::start(iptables::Places::usual(), addresses, tasks, stop),
    ];
    let (sender, receiver) = watch::channel(Extras::default());
    tasks.spawn(stop.clone().run_until_cancelled_owned(join(sources, sender)));
    receiver
}

async fn join(mut sources: [watch::Receiver<Extras>; 3], sender: watch::Sender<Extras>) {
    loop {
        let mut all = Extras::default();
        for source in &mut sources {
            all.add(&source.borrow_and_update());
        }
        all.publish(&sender);
        let [first, second, third] = &mut sources;
        // A source that has ended keeps its last word.
        tokio::select! {
            Ok(()) = first.changed() => {}
            Ok(()) = second.changed() => {}
            Ok(()) = third.changed() => {}
            else => return,
        }
    }
}
