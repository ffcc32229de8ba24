//! Hints from tracepoints, where BPF is refused.
//!
//! - `sock:inet_sock_set_state` fires when a socket enters LISTEN (just before
//!   it can be found) and when it leaves it (just after it could); all other
//!   changes of state are filtered in the kernel.
//! - `syscalls:sys_exit_bind` fires for every `bind`, of any protocol, that
//!   succeeded: a UDP socket needs no more to listen. The kernel has no event
//!   for UDP alone without kprobes or BPF.
//! - `syscalls:sys_enter_bind` wakes nobody. It tells the length of the address,
//!   and so which of those are hardly IP addresses.
//!
//! One task and one ring a CPU ([`ring`]); CPUs that come later get theirs.

use super::again;
use super::cpu::{self, Changes, News};
use super::format::Format;
use super::perf::{Event, Ring, Wakes};
use crate::port::Protocol;
use crate::port::schedule::Hint;
use record::{Layout, Reader};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub mod record;
mod ring;

/// Which of the tracepoints give hints. One that was not wanted did not fail.
#[derive(Debug)]
pub struct Opened {
    /// Entering and leaving LISTEN.
    pub listen: io::Result<()>,
    /// Binding.
    pub bind: io::Result<()>,
}

/// What each ring is opened with.
#[derive(Clone, Debug)]
struct Plan {
    events: Arc<[Event]>,
    layout: Layout,
    hints: Sender<Hint>,
    tasks: TaskTracker,
}

/// Starts what can be started for these protocols.
pub fn start(
    wanted: &[Protocol],
    hints: &Sender<Hint>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Opened {
    let listen = wanted.contains(&Protocol::Tcp).then(record::listen).transpose();
    let bind = wanted.contains(&Protocol::Udp).then(|| Format::read("syscalls/sys_exit_bind"));
    let bind = bind.transpose();
    let mut layout = Layout::default();
    let mut events = Vec::new();
    if let Ok(Some((place, event))) = &listen {
        layout.listen = Some(*place);
        events.push(event.clone());
    }
    if let Ok(Some(format)) = &bind {
        events.push(Event { id: format.id, filter: "ret == 0".into(), wakes: Wakes::Yes });
        // Without it each bind is taken for one of an IP socket.
        if let Ok((place, event)) = record::enter_bind() {
            layout.enter_bind = Some(place);
            events.push(event);
        }
    }
    let plan = Plan { events: events.into(), layout, hints: hints.clone(), tasks: tasks.clone() };
    let started = plan.start(stop);
    let outcome = |known: io::Result<()>| known.and(started.as_ref().copied().map_err(again));
    Opened { listen: outcome(listen.map(drop)), bind: outcome(bind.map(drop)) }
}

impl Plan {
    fn start(self, stop: &CancellationToken) -> io::Result<()> {
        if self.events.is_empty() {
            return Ok(());
        }
        // Before the list of CPUs is read: who comes in between is heard of.
        let changes = Changes::open();
        let mut rings = BTreeMap::new();
        for cpu in cpu::online()? {
            rings.insert(cpu, self.follow(cpu, stop)?);
        }
        match changes {
            Ok(changes) => {
                let stop = stop.clone();
                self.tasks.clone().spawn(self.keep(rings, changes, stop));
            }
            Err(error) => tracing::warn!(%error, "CPUs that come online later are not seen"),
        }
        Ok(())
    }

    /// Follows one CPU until the returned token is cancelled.
    fn follow(&self, cpu: i32, stop: &CancellationToken) -> io::Result<CancellationToken> {
        let ring = Ring::open(cpu, &self.events)?;
        let end = stop.child_token();
        let reader = Reader::new(self.layout);
        self.tasks.spawn(ring::follow(ring, reader, self.hints.clone(), end.clone()));
        Ok(end)
    }

    /// Opens and closes rings as CPUs come and go.
    async fn keep(
        self,
        mut rings: BTreeMap<i32, CancellationToken>,
        changes: Changes,
        stop: CancellationToken,
    ) {
        while let Some(Ok(news)) = stop.run_until_cancelled(changes.next()).await {
            if let News::Online(cpu) | News::Offline(cpu) = news
                && let Some(end) = rings.remove(&cpu)
            {
                end.cancel();
            }
            if let News::Online(cpu) = news {
                tracing::info!(cpu, "CPU came online");
                match self.follow(cpu, &stop) {
                    Ok(end) => drop(rings.insert(cpu, end)),
                    Err(error) => tracing::warn!(cpu, %error, "no hints from this CPU"),
                }
                // What it has done until now was not seen. A table that is gone
                // has no use for it.
                let _ = self.hints.send(Hint::Lost).await;
            }
        }
    }
}
