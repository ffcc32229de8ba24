//! `GetEvents`: the differences between what listens and what the host knows.
//!
//! Each stream makes its own difference, against what the host was told over
//! any stream before. It ends with OK when the agent stops.

use super::Agent;
use crate::port::announced::Batch;
use crate::port::{Port, Snapshot, store::Telling};
use crate::proto::Event;
use crate::report::publisher::Counted;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Messages on their way to a host that is slow to read. While none fits,
/// further changes of the ports become one.
const QUEUE: usize = 1;

/// The events for one host.
pub fn follow(agent: &Agent) -> mpsc::Receiver<Event> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let follower = Follower {
        telling: agent.store.begin(),
        snapshots: agent.snapshots.clone(),
        _host: agent.publisher.host(),
        fault: None,
        sender,
    };
    agent.tasks.spawn(follower.run(agent.stop.clone()));
    receiver
}

struct Follower {
    telling: Telling,
    snapshots: watch::Receiver<Snapshot>,
    /// Counted while the stream lasts.
    _host: Counted,
    fault: Option<Arc<str>>,
    sender: mpsc::Sender<Event>,
}

impl Follower {
    async fn run(mut self, stop: CancellationToken) {
        stop.run_until_cancelled(self.follow()).await;
    }

    /// Until the host has gone or nobody writes snapshots any more.
    async fn follow(&mut self) {
        loop {
            let snapshot = self.snapshots.borrow_and_update().clone();
            let batch = self.telling.advance(&snapshot.ports, Instant::now());
            let again = batch.again;
            let fault = self.news(&snapshot);
            for event in messages(batch, fault) {
                if self.sender.send(event).await.is_err() {
                    return;
                }
            }
            self.telling.sent();
            tokio::select! {
                changed = self.snapshots.changed() => if changed.is_err() { return },
                () = at(again) => {}
                () = self.sender.closed() => return,
            }
        }
    }

    /// The fault, when it has not been told.
    fn news(&mut self, snapshot: &Snapshot) -> Option<String> {
        if self.fault == snapshot.fault {
            return None;
        }
        self.fault.clone_from(&snapshot.fault);
        self.fault.as_deref().map(str::to_owned)
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Removals before additions.
fn messages(batch: Batch, fault: Option<String>) -> Vec<Event> {
    let time = Some(SystemTime::now().into());
    let wire = |ports: Vec<Port>| ports.iter().map(Into::into).collect::<Vec<_>>();
    let base = Event { time, ..Event::default() };
    let mut events = Vec::new();
    if !batch.removed.is_empty() {
        events.push(Event { removed_local_ports: wire(batch.removed), ..base.clone() });
    }
    if !batch.added.is_empty() {
        events.push(Event { added_local_ports: wire(batch.added), ..base.clone() });
    }
    if let Some(text) = fault {
        events.push(Event { errors: vec![text], ..base });
    }
    events
}
