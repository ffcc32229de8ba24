//! The service: one file for each call, and here only who calls what.

use crate::port::{Snapshot, store::Store};
use crate::proto::guest_service_server::GuestService;
use crate::proto::{Event, Info, Inotify, TimeSyncRequest, TimeSyncResponse, TunnelMessage};
use crate::report::publisher::Publisher;
use crate::tunnel::Download;
use std::pin::Pin;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status, Streaming};

mod events;
mod info;
mod inotify;
mod time;

/// What the calls share.
#[derive(Clone, Debug)]
pub struct Agent {
    /// What listens in the guest.
    pub snapshots: watch::Receiver<Snapshot>,
    /// What the host has been told.
    pub store: Store,
    /// What the daemon says of itself.
    pub publisher: Publisher,
    /// The owner of every task.
    pub tasks: TaskTracker,
    /// Ends streams in good order.
    pub stop: CancellationToken,
}

/// A stream of events, boxed: there is one a host.
pub type Events = Pin<Box<dyn futures_core::Stream<Item = Result<Event, Status>> + Send>>;

#[tonic::async_trait]
impl GuestService for Agent {
    type GetEventsStream = Events;
    type TunnelStream = Download;

    async fn get_info(&self, _: Request<()>) -> Result<Response<Info>, Status> {
        Ok(Response::new(info::info(&self.snapshots.borrow())))
    }

    async fn get_events(&self, _: Request<()>) -> Result<Response<Events>, Status> {
        Ok(Response::new(events::stream(self)))
    }

    async fn post_inotify(
        &self,
        request: Request<Streaming<Inotify>>,
    ) -> Result<Response<()>, Status> {
        inotify::follow(request.into_inner(), &self.stop).await.map(Response::new)
    }

    async fn tunnel(
        &self,
        request: Request<Streaming<TunnelMessage>>,
    ) -> Result<Response<Download>, Status> {
        crate::tunnel::open(request.into_inner(), &self.tasks, &self.stop).await.map(Response::new)
    }

    async fn sync_time(
        &self,
        request: Request<TimeSyncRequest>,
    ) -> Result<Response<TimeSyncResponse>, Status> {
        Ok(Response::new(time::sync(request.into_inner().host_time)))
    }
}
