//! Serves the host's connections: HTTP/2 with the service on top.
//!
//! A stream's window bounds what the host may send before the guest's program
//! has read it, so what one stalled tunnel can hold. The connection's window has
//! room for all of them: were it smaller, a few stalled tunnels would block
//! every other call, the host's ping included.

use crate::http2::stream::Http2Stream;
use crate::listen::{Endpoint, Peer, Stream};
use crate::proto::guest_service_server::{GuestService, GuestServiceServer};
use hyper::rt::Executor;
use hyper::server::conn::http2::Builder;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// More than a local link has in flight: 128 KiB in 0.1 ms are 1.3 GB/s.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = STREAMS * STREAM_WINDOW;
const SEND_BUFFER: usize = 64 * 1024;
/// As many as Lima's own agent admits: one each connection or UDP flow.
const STREAMS: u32 = 2048;
/// The host cancels a stream for every connection that its clients drop, so
/// many at once are churn and no attack.
const RESETS: usize = 4096;
/// How long a stopping connection may take, tunnels' own grace included.
const GRACE: Duration = Duration::from_secs(3);
/// The pause after an accept that failed for want of descriptors or memory.
const BREATH: Duration = Duration::from_millis(200);

/// Accepts connections until `stop`; their tasks belong to `tasks`.
pub async fn serve<S: GuestService + Clone>(
    endpoint: &Endpoint,
    service: S,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    while let Some(accepted) = stop.run_until_cancelled(endpoint.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                let service = service.clone();
                tasks.spawn(connection(stream, peer, service, tasks.clone(), stop.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                stop.run_until_cancelled(tokio::time::sleep(BREATH)).await;
            }
        }
    }
}

async fn connection<S: GuestService>(
    stream: Stream,
    peer: Peer,
    service: S,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    tracing::info!(%peer, "host connected");
    let io = TokioIo::new(Http2Stream::new(stream));
    let service = TowerToHyperService::new(GuestServiceServer::new(service));
    let mut connection = pin!(builder(Owned(tasks)).serve_connection(io, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => Ok(ended),
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(GRACE, connection).await
        }
    };
    match ended {
        Ok(Ok(())) => tracing::info!("host disconnected"),
        Ok(Err(error)) => tracing::info!(error = cause(&error), "connection of the host ended"),
        Err(_) => tracing::info!("connection of the host closed at the end of its grace"),
    }
}

fn builder(executor: Owned) -> Builder<Owned> {
    let mut builder = Builder::new(executor);
    builder
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS);
    builder
}

/// The last cause says most; hyper's own text is only "connection error".
fn cause(error: &hyper::Error) -> String {
    let first: &dyn std::error::Error = error;
    std::iter::successors(Some(first), |error| error.source())
        .last()
        .map(|last| last.downcast_ref::<io::Error>().map_or(last.to_string(), ToString::to_string))
        .unwrap_or_default()
}

/// Gives every task of a connection the same owner.
#[derive(Clone)]
struct Owned(TaskTracker);

impl<F> Executor<F> for Owned
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(async move { drop(task.await) });
    }
}
