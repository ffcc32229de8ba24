//! Where the kernel tells that ports may have changed, and the dump that says
//! what they are.
//!
//! - [`tracepoint`]: TCP sockets that enter or leave LISTEN, and every bind,
//!   through `perf_event_open` with a filter in the kernel; no BPF.
//! - [`destroy`]: UDP sockets that go away, through `sock_diag`'s multicast.
//! - [`sock_diag`]: the listening sockets, the only truth.
//! - [`extra`]: ports that no socket shows, with their own truth.
//!
//! Tracepoints see all network namespaces, the dump only our own: [`namespace`]
//! tells how likely it is that a hint is about ours.

use crate::port::schedule::{Hint, Hinted};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub mod address;
mod cpu;
pub mod destroy;
pub mod extra;
mod filter;
pub mod format;
pub mod iptables;
pub mod kernel;
pub mod kubernetes;
mod namespace;
pub mod netlink;
pub mod nft;
pub mod perf;
pub mod presence;
pub mod rules;
pub mod sock_diag;
pub mod tracepoint;

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
    /// Chooses the news of UDP sockets that close.
    pub gate: Option<destroy::Gate>,
    /// Which protocols are polled and why, for `status`.
    pub polled: Vec<String>,
}

/// Starts all watchers that this kernel and our rights allow, and logs which
/// not. `longest` is the pause between dumps where there are no hints.
pub fn start(longest: Duration, tasks: &TaskTracker, stop: &CancellationToken) -> Watch {
    let (sender, hints) = mpsc::channel(QUEUE);
    let opened = tracepoint::start(&sender, tasks, stop);
    let destroyed = destroy::start(&sender, tasks, stop);
    let mut polled = Vec::new();
    let tcp = hinted("tcp", longest, opened.listen, &mut polled);
    let (gate, destroyed) = match destroyed {
        Ok(gate) => (Some(gate), Ok(())),
        Err(error) => (None, Err(error)),
    };
    let udp = hinted("udp", longest, opened.bind.and(destroyed), &mut polled);
    Watch { hints, tcp, udp, gate, polled }
}

fn hinted(
    protocol: &str,
    longest: Duration,
    outcome: std::io::Result<()>,
    polled: &mut Vec<String>,
) -> Hinted {
    match outcome {
        Ok(()) => Hinted::Yes,
        Err(error) => {
            tracing::warn!(protocol, %error, ?longest, "no hints from the kernel, polling");
            polled.push(format!("{protocol} is polled, every {longest:?} at least: {error}"));
            Hinted::No(longest)
        }
    }
}

/// Bytes of a fixed number at a place of what the kernel wrote.
fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
