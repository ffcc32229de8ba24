//! Where the kernel tells that ports may have changed, and the dump that says
//! what they are.
//!
//! - [`bpf`]: TCP sockets that enter or leave LISTEN, and UDP sockets that get a
//!   port, of our network namespace alone.
//! - [`tracepoint`]: the same where BPF is refused, of all namespaces, and every
//!   bind, through `perf_event_open` with a filter in the kernel.
//! - [`destroy`]: UDP sockets that go away, through `sock_diag`'s multicast.
//! - [`sock_diag`]: the listening sockets, the only truth.
//! - [`extra`]: ports that no socket shows, with their own truth.
//!
//! Where both are refused, the dump is repeated now and then; [`means`] says
//! which it is. Tracepoints see all network namespaces, the dump only our own:
//! [`namespace`] tells how likely it is that a hint is about ours.

use crate::port::Protocol;
use crate::port::schedule::Hint;
use crate::port::socket::Autobound;
use means::Means;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub mod address;
pub mod bpf;
mod cpu;
pub mod destroy;
pub mod extra;
mod filter;
pub mod format;
pub mod iptables;
pub mod kernel;
pub mod kubernetes;
pub mod means;
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
    /// How changes of TCP ports are noticed.
    pub tcp: Means,
    /// How changes of UDP ports are noticed.
    pub udp: Means,
    /// Chooses the news of UDP sockets that close.
    pub gate: Option<destroy::Gate>,
}

/// Starts the best watchers that this kernel and our rights allow, and logs
/// which those are. `longest` is the pause between dumps where there are no
/// hints.
pub fn start(
    longest: Duration,
    autobound: Autobound,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Watch {
    let (sender, hints) = mpsc::channel(QUEUE);
    let programs = bpf::start(autobound, &sender, tasks, stop);
    let left = [(Protocol::Tcp, &programs.listen), (Protocol::Udp, &programs.bind)];
    let left = left.into_iter().filter(|(_, outcome)| outcome.is_err());
    let left: Vec<Protocol> = left.map(|(protocol, _)| protocol).collect();
    let events = tracepoint::start(&left, &sender, tasks, stop);
    let (gate, closing) = match destroy::start(&sender, tasks, stop) {
        Ok(gate) => (Some(gate), Ok(())),
        Err(error) => (None, Err(error)),
    };
    let tcp = Means::decide(Protocol::Tcp, [programs.listen, events.listen, Ok(())], longest);
    let udp = Means::decide(Protocol::Udp, [programs.bind, events.bind, closing], longest);
    tcp.log();
    udp.log();
    Watch { hints, tcp, udp, gate }
}

/// The same error, for a second one who must know.
fn again(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

/// Bytes of a fixed number at a place of what the kernel wrote.
fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
