//! The one writer of what listens: hints in, snapshots out.
//!
//! A dump that fails changes no port: it becomes the snapshot's fault, which
//! the host shows, and is tried again. "Cannot be read" is not "all gone".

use super::rules::Rules;
use super::schedule::{Dumped, Hint, Hinted, Look, Schedule};
use super::socket::{Families, Followed, Query, Socket};
use super::{Protocol, Snapshot};
use crate::watch::extra::Extras;
use std::io;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant, sleep_until};
use tokio_util::sync::CancellationToken;

mod merge;

/// How long after a failed dump it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Something that can list what listens now.
pub trait Dump {
    /// Adds the sockets that agree with the query to `found`.
    ///
    /// # Errors
    /// The list is not known or not whole.
    fn list(&mut self, query: Query, found: &mut Vec<Socket>) -> io::Result<()>;

    /// Hears which UDP ports are of interest. Whether its hints covered less
    /// until now, so that the ports must be looked at again.
    fn cover(&mut self, udp: &[Socket]) -> bool;
}

/// What the table goes by.
#[derive(Debug)]
pub struct Sources {
    /// Whether TCP needs no polling.
    pub tcp: Hinted,
    /// Whether UDP needs no polling.
    pub udp: Hinted,
    /// What no host is to hear of.
    pub rules: Rules,
    /// Ports that no socket shows.
    pub extras: watch::Receiver<Extras>,
}

/// What listens, as last seen.
#[derive(Debug)]
pub struct Table<D> {
    dump: D,
    schedule: Schedule,
    tcp: Vec<Socket>,
    udp: Followed,
    /// Room for the next list.
    fresh: Vec<Socket>,
    rules: Rules,
    extras: watch::Receiver<Extras>,
    faults: [Option<Arc<str>>; 2],
    snapshots: watch::Sender<Snapshot>,
}

impl<D: Dump> Table<D> {
    /// Dumps once, so that there is an answer from the first moment.
    pub fn new(dump: D, sources: Sources) -> Self {
        let mut table = Self {
            dump,
            schedule: Schedule::new(sources.tcp, sources.udp, Instant::now()),
            tcp: Vec::new(),
            udp: Followed::default(),
            fresh: Vec::new(),
            rules: sources.rules,
            extras: sources.extras,
            faults: [None, None],
            snapshots: watch::Sender::new(Snapshot::default()),
        };
        table.work();
        table.publish();
        table
    }

    /// The snapshots from now on.
    pub fn subscribe(&self) -> watch::Receiver<Snapshot> {
        self.snapshots.subscribe()
    }

    /// Follows the hints until `stop`.
    pub async fn run(mut self, mut hints: mpsc::Receiver<Hint>, stop: CancellationToken) {
        let mut extras = self.extras.clone();
        let mut extras_live = true;
        loop {
            let due = self.schedule.next();
            tokio::select! {
                () = stop.cancelled() => return,
                Some(hint) = hints.recv() => self.note(hint),
                changed = extras.changed(), if extras_live => {
                    // Nobody looks for them any more: the last word holds.
                    extras_live = changed.is_ok();
                    self.publish();
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
            while let Ok(hint) = hints.try_recv() {
                self.note(hint);
            }
            self.work();
        }
    }

    /// Asks for a look, if the hint is about something that we know or await.
    fn note(&mut self, hint: Hint) {
        let there = match hint {
            Hint::Listening(port) | Hint::NotListening(port) => count(&self.tcp, port),
            Hint::Binding(port) => count(self.udp.sockets(), port),
            Hint::Bound(_) | Hint::Gone(_) | Hint::Unlikely(_) | Hint::Lost => 0,
        };
        let news = match hint {
            Hint::NotListening(port) => there > 0 || self.schedule.awaits(port),
            Hint::Gone(cookie) => self.udp.has(cookie),
            _ => true,
        };
        if news {
            self.schedule.note(hint, there, Instant::now());
        }
    }

    fn work(&mut self) {
        let mut changed = false;
        if let Some(look) = self.schedule.take(Protocol::Tcp, self.tcp.len(), Instant::now()) {
            changed |= self.refresh(Protocol::Tcp, &look);
        }
        if let Some(look) = self.schedule.take(Protocol::Udp, 0, Instant::now()) {
            changed |= self.refresh(Protocol::Udp, &look);
        }
        if changed {
            self.publish();
        }
    }

    /// Whether anything is different, the fault included.
    fn refresh(&mut self, protocol: Protocol, look: &Look) -> bool {
        let (begun, before) = (Instant::now(), cpu_time());
        let listed = match protocol {
            Protocol::Tcp => self.list_tcp(look),
            Protocol::Udp => self.list_udp(look),
        };
        let [tcp_fault, udp_fault] = &mut self.faults;
        let fault = if protocol == Protocol::Tcp { tcp_fault } else { udp_fault };
        match listed {
            Ok(changed) => {
                let healed = fault.take().is_some();
                let listed: &[_] = match protocol {
                    Protocol::Tcp => &self.tcp,
                    Protocol::Udp => self.udp.sockets(),
                };
                let cost = cpu_time().saturating_sub(before);
                let there = |port| count(listed, port);
                self.schedule.saw(protocol, there, Dumped { changed, begun, cost });
                healed || changed
            }
            Err(error) => {
                let text = format!("listing the {protocol} ports of the guest: {error}");
                tracing::warn!(%protocol, %error, "listening ports could not be read");
                self.schedule.retry(protocol, Instant::now() + RETRY);
                fault.replace(text.as_str().into()).as_deref() != Some(&text)
            }
        }
    }

    /// Whether other sockets listen than before.
    fn list_tcp(&mut self, look: &Look) -> io::Result<bool> {
        self.fresh.clear();
        let all = Query::all(Protocol::Tcp);
        match look {
            Look::All | Look::V4 => self.dump.list(all, &mut self.fresh)?,
            Look::Ports(ports) => {
                for port in ports {
                    let query = Query { number: Some(*port), ..all };
                    self.dump.list(query, &mut self.fresh)?;
                }
                let others = self.tcp.iter().filter(|s| !ports.contains(&s.port.number));
                self.fresh.extend(others);
            }
        }
        self.fresh.sort_unstable();
        std::mem::swap(&mut self.tcp, &mut self.fresh);
        Ok(self.tcp != self.fresh)
    }

    /// The same for UDP.
    fn list_udp(&mut self, look: &Look) -> io::Result<bool> {
        let autobound = self.rules.autobound();
        let connected = self.udp.any_connected();
        let families = if *look == Look::V4 { Families::V4 } else { Families::Both };
        let mut query = Query { connected, families, autobound, ..Query::all(Protocol::Udp) };
        self.ask_udp(query)?;
        if !query.connected && self.udp.misses(&self.fresh) {
            query.connected = true;
            self.ask_udp(query)?;
        }
        self.udp.update(&mut self.fresh);
        if self.dump.cover(self.udp.sockets()) {
            self.schedule.note(Hint::Bound(Families::Both), 0, Instant::now());
        }
        Ok(self.udp.sockets() != self.fresh)
    }

    /// What the kernel lists, and what it was not asked for as it was known.
    fn ask_udp(&mut self, query: Query) -> io::Result<()> {
        self.fresh.clear();
        self.dump.list(query, &mut self.fresh)?;
        if query.families == Families::V4 {
            self.fresh.extend(self.udp.sockets().iter().filter(|socket| socket.v6));
        }
        Ok(())
    }

    fn publish(&mut self) {
        let extras = self.extras.borrow_and_update();
        let sockets = self.tcp.iter().chain(self.udp.sockets()).map(|socket| socket.port);
        let mut snapshot = merge::merge(sockets, &extras, &self.rules);
        let faults: Vec<&str> = self.faults.iter().flatten().map(AsRef::as_ref).collect();
        snapshot.fault = (!faults.is_empty()).then(|| faults.join("; ").into());
        tracing::debug!(ports = snapshot.ports.len(), "listening ports changed");
        self.snapshots.send_if_modified(|old| {
            let changed = *old != snapshot;
            *old = snapshot;
            changed
        });
    }
}

/// What this thread has used until now.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// How many sockets have this port; all of them if it is zero.
fn count(sockets: &[Socket], port: u16) -> usize {
    if port == 0 {
        return sockets.len();
    }
    sockets.iter().filter(|socket| socket.port.number == port).count()
}

#[cfg(test)]
mod tests;
