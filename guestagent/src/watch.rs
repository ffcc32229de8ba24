//! Where the kernel tells that ports may have changed, and the dump that says
//! what they are.
//!
//! - [`tracepoint`]: TCP sockets that enter or leave LISTEN, and every bind,
//!   through `perf_event_open` with a filter in the kernel; no BPF.
//! - [`destroy`]: UDP sockets that go away, through `sock_diag`'s multicast.
//! - [`sock_diag`]: the listening sockets, the only truth.
//!
//! Tracepoints see all network namespaces, the dump only our own.

use crate::port::schedule::{Hint, Hinted};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod destroy;
pub mod extra;
mod format;
mod perf;
pub mod sock_diag;
mod tracepoint;

/// Hints that may wait. More of them wait in the kernel's own buffers.
const QUEUE: usize = 64;

/// The running watchers.
#[derive(Debug)]
pub struct Watch {
    /// What they say.
    pub hints: mpsc::Receiver<Hint>,
    /// Whether TCP needs no polling.
    pub tcp: Hinted,
    /// Whether UDP needs no polling.
    pub udp: Hinted,
}

/// Starts all watchers that this kernel and our rights allow, and logs which
/// not. `longest` is the pause between dumps where there are no hints.
pub fn start(longest: Duration, tasks: &TaskTracker, stop: &CancellationToken) -> Watch {
    let (sender, hints) = mpsc::channel(QUEUE);
    let opened = tracepoint::start(&sender, tasks, stop);
    let destroyed = destroy::start(&sender, tasks, stop);
    let tcp = hinted("tcp", longest, opened.listen);
    let udp = hinted("udp", longest, opened.bind.and(destroyed));
    Watch { hints, tcp, udp }
}

fn hinted(protocol: &str, longest: Duration, outcome: std::io::Result<()>) -> Hinted {
    match outcome {
        Ok(()) => Hinted::Yes,
        Err(error) => {
            tracing::warn!(protocol, %error, ?longest, "no hints from the kernel, polling");
            Hinted::No(longest)
        }
    }
}
