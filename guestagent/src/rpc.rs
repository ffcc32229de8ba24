//! The service: what each method does, without its way over the wire.

use crate::clock::Clock;
use crate::file_events::FileEvents;
use crate::port::{Snapshot, store::Store};
use crate::proto::{Event, Info, Inotify, TimeSyncResponse};
use crate::report::publisher::Publisher;
use crate::tunnel::policy::Policy;
use std::cell::RefCell;
use std::rc::Rc;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod events;
mod info;

/// The methods of the service. There is no package: see the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GetInfo`
    Info,
    /// `GetEvents`
    Events,
    /// `PostInotify`
    FileEvents,
    /// `Tunnel`
    Tunnel,
    /// `SyncTime`
    Time,
}

impl Method {
    /// The method of a request's path.
    pub fn of(path: &[u8]) -> Option<Self> {
        match path.strip_prefix(b"/GuestService/")? {
            b"GetInfo" => Some(Self::Info),
            b"GetEvents" => Some(Self::Events),
            b"PostInotify" => Some(Self::FileEvents),
            b"Tunnel" => Some(Self::Tunnel),
            b"SyncTime" => Some(Self::Time),
            _ => None,
        }
    }
}

/// What the calls share.
#[derive(Debug)]
pub struct Agent {
    /// What listens in the guest.
    pub snapshots: watch::Receiver<Snapshot>,
    /// What the host has been told.
    pub store: Store,
    /// What the daemon says of itself.
    pub publisher: Publisher,
    /// Takes the times of files that changed on the host.
    pub file_events: FileEvents,
    /// The guest's clock, unless something else keeps it.
    pub clock: Option<RefCell<Clock>>,
    /// Whom tunnels are dialled for.
    pub policy: Rc<Policy>,
    /// The owner of every task.
    pub tasks: TaskTracker,
    /// Ends streams in good order.
    pub stop: CancellationToken,
}

impl Agent {
    /// The listening ports now.
    pub fn info(&self) -> Info {
        info::info(&self.snapshots.borrow())
    }

    /// Changes of the listening ports, until the receiver goes.
    pub fn events(&self) -> mpsc::Receiver<Event> {
        events::follow(self)
    }

    /// A file of a share has changed on the host.
    pub fn file_changed(&self, message: Inotify) {
        self.file_events.push(message);
    }

    /// Compares the clocks, and corrects the guest's.
    pub fn sync_time(&self, host: Option<prost_types::Timestamp>) -> TimeSyncResponse {
        let Some(clock) = &self.clock else { return TimeSyncResponse::default() };
        let answer = clock.borrow_mut().sync(host);
        if answer.adjusted {
            self.publisher.clock(step(answer.drift_ms));
        }
        answer
    }
}

/// What `status` says of a step; `drift_ms` is guest minus host before it.
fn step(drift_ms: i64) -> String {
    format!("set by {} ms", -i128::from(drift_ms))
}
