//! Serves the host's connections, each in a task of its own.

use crate::listen::Endpoint;
use crate::rpc::Agent;
use connection::Connection;
use std::rc::Rc;
use std::time::Duration;

mod call;
mod connection;
mod outbox;
mod ready;
mod timers;
pub mod wire;

/// A host has one connection, two while it comes back. What is above this is
/// somebody's fault, and is closed.
const CONNECTIONS: usize = 64;
/// The pause after an accept that failed for want of descriptors or memory.
const BREATH: Duration = Duration::from_millis(200);

/// Accepts connections until the agent stops; their tasks belong to it.
pub async fn serve(endpoint: &Endpoint, agent: Rc<Agent>) {
    let stop = agent.stop.clone();
    // Counts the connections: each holds one.
    let open = Rc::new(());
    while let Some(accepted) = stop.run_until_cancelled(endpoint.accept()).await {
        match accepted {
            Ok(_) if Rc::strong_count(&open) > CONNECTIONS => {
                tracing::warn!(CONNECTIONS, "connection refused: too many are open");
            }
            Ok((stream, peer)) => {
                tracing::info!(%peer, "host connected");
                let connection = Connection::new(stream, agent.clone(), peer);
                let open = open.clone();
                agent.tasks.spawn_local(async move {
                    connection.run().await;
                    drop(open);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                stop.run_until_cancelled(tokio::time::sleep(BREATH)).await;
            }
        }
    }
}
