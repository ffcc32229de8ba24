//! Hints from small programs that the kernel runs for us (eBPF, Linux 5.14).
//!
//! They see which network namespace a socket is of, its port, and whether a
//! program asked for that port, and write a record only where all of it concerns
//! us: nothing else wakes us. Debian and Ubuntu allow them to a service with
//! `CAP_BPF` and `CAP_PERFMON` (`CAP_NET_ADMIN` too for UDP), and forbid it
//! [`super::perf`] (`kernel.perf_event_paranoid`): docs/decisions/0012-hints-by-bpf.md.
//!
//! No compiler is needed: [`program`] has the instructions, [`btf`] the places
//! of the kernel's fields, as this kernel itself tells them.

use super::again;
use crate::port::schedule::Hint;
use crate::port::socket::Autobound;
use attach::Links;
use ring::{Record, Ring};
use std::fmt;
use std::io;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod attach;
pub mod btf;
mod call;
mod group;
mod instruction;
mod pages;
mod program;
mod ring;

/// Which of the programs run.
#[derive(Debug)]
pub struct Opened {
    /// That for entering and leaving LISTEN.
    pub listen: io::Result<()>,
    /// Those for binding.
    pub bind: io::Result<()>,
}

/// Starts what can be started. `autobound` says what about UDP sockets that do
/// not ask for a port.
pub fn start(
    autobound: Autobound,
    hints: &Sender<Hint>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Opened {
    let ring = match Ring::open() {
        Ok(ring) => ring,
        Err(error) => return Opened { listen: Err(again(&error)), bind: Err(error) },
    };
    let (listen, bind) = (attach::listen(&ring), attach::bind(&ring, autobound));
    let mut links = Links::new();
    let mut keep = |opened: io::Result<Links>| opened.map(|opened| links.extend(opened));
    let opened = Opened { listen: keep(listen), bind: keep(bind) };
    if !links.is_empty() {
        tasks.spawn(follow(ring, links, hints.clone(), stop.clone()));
    }
    opened
}

fn about(what: impl fmt::Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Sends the hints in the ring until `stop`.
async fn follow(ring: Ring, links: Links, hints: Sender<Hint>, stop: CancellationToken) {
    let followed = stop.run_until_cancelled(pass_on(ring, &hints)).await;
    drop(links);
    if let Some(Err(error)) = followed {
        tracing::warn!(%error, "no more hints from BPF");
    }
}

async fn pass_on(ring: Ring, hints: &Sender<Hint>) -> io::Result<()> {
    // SAFETY: a `Ring` always names the same descriptor, its own.
    let mut ring = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }?;
    let mut found = Vec::new();
    loop {
        let mut ready = ring.readable_mut().await?;
        // First forget the readiness, then look: a record in between wakes again.
        ready.clear_ready();
        ready.get_inner_mut().drain(|record| found.push(hint(record)));
        for hint in found.drain(..) {
            if hints.send(hint).await.is_err() {
                return Ok(());
            }
        }
    }
}

fn hint(record: Record) -> Hint {
    let Record::News(what, port) = record else { return Hint::Lost };
    let Ok(port) = u16::try_from(port) else { return Hint::Lost };
    match what.cast_signed() {
        program::ENTERED => Hint::Listening(port),
        program::LEFT => Hint::NotListening(port),
        program::BOUND => Hint::Binding(port),
        _ => Hint::Lost,
    }
}

#[cfg(test)]
mod tests;
