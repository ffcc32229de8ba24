//! One connection of the host, and everything on it, in one task.
//!
//! The task reads what the host sends, lets every call that can go on have a
//! turn, and writes what they leave in the outbox; then it waits for whichever
//! socket moves next. Nothing of it is shared, so nothing is locked, and no
//! call can hold up another: each has a turn, in which it moves at most a chunk.

use super::call::Call;
use super::outbox::Outbox;
use super::ready::Ready;
use super::timers::Timers;
use super::wire::Wire;
use crate::http2::session::Session;
use crate::http2::streams::{Numbers, Streams};
use crate::listen::Peer;
use crate::rpc::Agent;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use streams::{Entry, Leaving, Phase, Pieces};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

mod ending;
mod input;
mod streams;
mod turns;

/// What is read from the host at once.
const INBOX: usize = 128 * 1024;
/// As many streams as all tunnels of a busy host.
const STREAMS: u32 = 4096;
/// What all stalled tunnels together may hold, before the greatest is ended.
const HELD: usize = 64 * 1024 * 1024;
/// Sockets on their way out; more are closed at once.
const LINGERS: usize = 4096;
/// How long a peer may be silent before it greets.
const GREETING: Duration = Duration::from_secs(10);
/// How long open tunnels may go on when the agent stops.
const GRACE: Duration = Duration::from_millis(750);
/// Rounds before other tasks have their turn.
const ROUNDS: usize = 4;
/// The timer of the connection itself: no stream has this number.
const OWN: u32 = 0;

/// A connection.
pub struct Connection<T> {
    io: Pin<Box<T>>,
    agent: Rc<Agent>,
    peer: Peer,
    inbox: Vec<u8>,
    filled: usize,
    pieces: Pieces,
    outbox: Outbox,
    control: Vec<u8>,
    session: Session,
    calls: Streams<Entry>,
    lingers: Streams<Leaving>,
    ready: Arc<Ready>,
    woken: Vec<u32>,
    queue: VecDeque<u32>,
    /// Lingers to be looked at when nothing more urgent is left.
    departing: Vec<u32>,
    /// Streams whose windows are closed, each once.
    blocked: Numbers,
    timers: Timers,
    phase: Phase,
}

impl<T: AsyncRead + AsyncWrite> Connection<T> {
    /// A connection that has just been accepted. `peer` is who asks.
    pub fn new(io: T, agent: Rc<Agent>, peer: Peer) -> Self {
        let mut control = Vec::new();
        let session = Session::new(STREAMS, &mut control);
        let mut timers = Timers::default();
        timers.set(OWN, Some(Instant::now() + GREETING));
        Self {
            io: Box::pin(io),
            agent,
            peer,
            inbox: vec![0; INBOX],
            filled: 0,
            pieces: Pieces::default(),
            outbox: Outbox::default(),
            control,
            session,
            calls: Streams::default(),
            lingers: Streams::default(),
            ready: Arc::default(),
            woken: Vec::new(),
            queue: VecDeque::new(),
            departing: Vec::new(),
            blocked: Numbers::default(),
            timers,
            phase: Phase::Serving,
        }
    }

    /// Serves until the host has gone or the agent has stopped.
    pub async fn run(mut self) {
        let stop = self.agent.stop.clone();
        let mut stopped = Box::pin(stop.cancelled());
        std::future::poll_fn(|context| {
            if self.phase == Phase::Serving && stopped.as_mut().poll(context).is_ready() {
                self.stop();
            }
            self.poll(context)
        })
        .await;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        for _ in 0..ROUNDS {
            let moved = self.round(context);
            if self.phase == Phase::Gone && self.lingers.is_empty() {
                return Poll::Ready(());
            }
            if !moved {
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether anything moved.
    fn round(&mut self, context: &mut Context<'_>) -> bool {
        let mut moved = self.expire(context);
        moved |= self.receive(context);
        self.ready.take(&mut self.woken, context);
        for stream in std::mem::take(&mut self.woken) {
            self.enqueue(stream);
        }
        moved |= self.turns();
        moved |= self.flush(context);
        self.depart();
        moved
    }

    /// Does something with a call and its stream, if they are there.
    fn with<R>(
        &mut self,
        stream: u32,
        work: impl FnOnce(&mut Call, &[u8], &mut Wire<'_>) -> R,
    ) -> Option<R> {
        let entry = self.calls.get_mut(&stream)?;
        let mut wire = Wire {
            session: &mut self.session,
            outbox: &mut self.outbox,
            control: &mut self.control,
            answered: &mut entry.answered,
            stream,
            waker: &entry.waker,
        };
        let done = work(&mut entry.call, &self.inbox, &mut wire);
        Some(done)
    }

    /// Sends what is there. At the end of a phase nothing more comes.
    fn flush(&mut self, context: &mut Context<'_>) -> bool {
        if self.phase == Phase::Gone {
            return false;
        }
        if !self.control.is_empty() {
            self.outbox.append(&self.control);
            self.control.clear();
        }
        let before = self.outbox.pending();
        match self.outbox.poll_flush(context, self.io.as_mut()) {
            Poll::Ready(Ok(())) if self.is_over() => self.leave(Phase::Gone),
            Poll::Ready(Err(error)) => self.disconnected(Err(error)),
            Poll::Pending | Poll::Ready(Ok(())) => return self.outbox.pending() < before,
        }
        true
    }

    fn is_over(&self) -> bool {
        let stopped = self.phase == Phase::Stopping && self.session.open() == 0;
        stopped || self.phase == Phase::Refusing
    }
}
