//! One connection of the host, and everything on it, in one task.
//!
//! The task reads what the host sends, lets every call that can go on have a
//! turn, and writes what they leave in the outbox; then it waits for whichever
//! socket moves next. Nothing of it is shared, so nothing is locked, and no
//! call can hold up another: each has a turn, in which it moves at most a chunk.

use super::call::Call;
use super::outbox::Outbox;
use super::ready::{CallWaker, Ready};
use super::timers::Timers;
use super::wire::{Turn, Wire};
use crate::grpc::Status;
use crate::http2::frame::Code;
use crate::http2::session::{Event, Fault, Session};
use crate::rpc::{Agent, Method};
use crate::tunnel::{Left, Linger};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

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
const ROUNDS: usize = 32;
/// The timer of the connection itself: no stream has this number.
const OWN: u32 = 0;

/// A connection.
pub struct Connection<T> {
    io: Pin<Box<T>>,
    agent: Rc<Agent>,
    peer: Option<u32>,
    inbox: Vec<u8>,
    filled: usize,
    pieces: Pieces,
    outbox: Outbox,
    control: Vec<u8>,
    session: Session,
    calls: HashMap<u32, Entry>,
    lingers: HashMap<u32, Leaving>,
    ready: Arc<Ready>,
    woken: Vec<u32>,
    queue: VecDeque<u32>,
    /// Streams whose windows are closed.
    blocked: Vec<u32>,
    timers: Timers,
    phase: Phase,
}

struct Entry {
    call: Call,
    queue: Arc<CallWaker>,
    waker: Waker,
    answered: bool,
    queued: bool,
}

struct Leaving {
    linger: Linger,
    queue: Arc<CallWaker>,
    waker: Waker,
}

/// Bytes of the inbox that one call will write together.
#[derive(Default)]
struct Pieces {
    stream: u32,
    ranges: Vec<Range<usize>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// The agent stops: what is open may go on for a moment.
    Stopping,
    /// The host broke the protocol: it is told so.
    Refusing,
    /// Nothing more goes to the host.
    Gone,
}

impl<T: AsyncRead + AsyncWrite> Connection<T> {
    /// A connection that has just been accepted. `peer` is the user who asks,
    /// where that is not the host.
    pub fn new(io: T, agent: Rc<Agent>, peer: Option<u32>) -> Self {
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
            calls: HashMap::new(),
            lingers: HashMap::new(),
            ready: Arc::default(),
            woken: Vec::new(),
            queue: VecDeque::new(),
            blocked: Vec::new(),
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
        moved | self.flush(context)
    }

    /// Reads once, and acts on what was read.
    fn receive(&mut self, context: &mut Context<'_>) -> bool {
        if !matches!(self.phase, Phase::Serving | Phase::Stopping) || self.outbox.overflows() {
            return false;
        }
        let mut buffer = ReadBuf::new(self.inbox.get_mut(self.filled..).unwrap_or_default());
        match self.io.as_mut().poll_read(context, &mut buffer) {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                self.filled += buffer.filled().len();
            }
            Poll::Ready(ended) => {
                self.disconnected(ended);
                return true;
            }
        }
        if let Err(fault) = self.act() {
            tracing::warn!(reason = fault.reason, "connection refused");
            self.session.goaway(fault.code, &mut self.control);
            self.leave(Phase::Refusing);
        }
        true
    }

    fn act(&mut self) -> Result<(), Fault> {
        let mut at = 0;
        loop {
            let input = self.inbox.get(at..self.filled).unwrap_or_default();
            let (taken, event) = self.session.receive(input, &mut self.control)?;
            match event {
                Some(Event::Data { stream, range }) => {
                    self.data(stream, at + range.start..at + range.end);
                }
                Some(event) => {
                    self.write();
                    self.handle(event);
                }
                None if taken == 0 => break,
                None => {}
            }
            at += taken;
        }
        self.write();
        self.inbox.copy_within(at..self.filled, 0);
        self.filled -= at;
        if self.session.greeted() && self.phase == Phase::Serving {
            self.timers.set(OWN, None);
        }
        Ok(())
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Request { stream, request } => {
                let method = Method::of(&request.path).filter(|_| request.grpc);
                let queue = CallWaker::new(&self.ready, stream);
                let waker = Waker::from(queue.clone());
                let call = Call::new(method, &self.agent, self.peer);
                let entry = Entry { call, queue, waker, answered: false, queued: false };
                self.calls.insert(stream, entry);
                self.enqueue(stream);
            }
            Event::Ended { stream } => {
                if let Some(entry) = self.calls.get_mut(&stream) {
                    entry.call.end();
                }
                self.enqueue(stream);
            }
            Event::Reset { stream } => self.over(stream),
            Event::Unblocked => {
                for stream in std::mem::take(&mut self.blocked) {
                    self.enqueue(stream);
                }
            }
            Event::Data { .. } => {}
        }
    }

    /// Gathers a call's data; those of one stream in a row are written at once.
    fn data(&mut self, stream: u32, range: Range<usize>) {
        if self.pieces.stream != stream {
            self.write();
            self.pieces.stream = stream;
        }
        let mut pieces = std::mem::take(&mut self.pieces.ranges);
        let (length, mut read) = (range.len(), None);
        self.with(stream, |call, inbox, wire| {
            read = Some(call.data(inbox, range, &mut pieces, wire));
        });
        self.pieces.ranges = pieces;
        match read {
            Some(Ok(())) => self.enqueue(stream),
            Some(Err(status)) => self.end(stream, &status),
            None => self.session.release(stream, length, &mut self.control),
        }
        if self.session.held() > HELD
            && let Some(hog) = self.session.hog()
        {
            tracing::warn!("a stalled tunnel ended, since too much is held by all of them");
            self.session.reset(hog, Code::EnhanceYourCalm, &mut self.control);
            self.over(hog);
        }
    }

    fn write(&mut self) {
        let ranges = std::mem::take(&mut self.pieces.ranges);
        if !ranges.is_empty() {
            self.with(self.pieces.stream, |call, inbox, wire| call.write(inbox, &ranges, wire));
        }
        self.pieces.ranges = ranges;
        self.pieces.ranges.clear();
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

    fn enqueue(&mut self, stream: u32) {
        let queued = self.calls.get_mut(&stream).map(|entry| &mut entry.queued);
        if queued.is_none_or(|queued| !std::mem::replace(queued, true)) {
            self.queue.push_back(stream);
        }
    }

    /// A turn for each that waits for one now.
    fn turns(&mut self) -> bool {
        let mut moved = false;
        for _ in 0..self.queue.len() {
            let Some(stream) = self.queue.pop_front() else { break };
            match self.turn(stream) {
                Turn::NoRoom => {
                    self.queue.push_front(stream);
                    if let Some(entry) = self.calls.get_mut(&stream) {
                        entry.queued = true;
                    }
                    break;
                }
                Turn::NoWindow => self.blocked.push(stream),
                Turn::Again => {
                    self.enqueue(stream);
                    moved = true;
                }
                Turn::Over => {
                    self.over(stream);
                    moved = true;
                }
                Turn::Idle => {}
            }
        }
        moved
    }

    fn turn(&mut self, stream: u32) -> Turn {
        if let Some(entry) = self.calls.get_mut(&stream) {
            entry.queued = false;
            entry.queue.seen();
        }
        let turn = self.with(stream, |call, _, wire| (call.poll(wire), call.deadline()));
        if let Some((turn, deadline)) = turn {
            self.timers.set(stream, deadline);
            return turn;
        }
        self.leaving(stream);
        Turn::Idle
    }

    fn leaving(&mut self, stream: u32) {
        let Some(leaving) = self.lingers.get_mut(&stream) else { return };
        leaving.queue.seen();
        match leaving.linger.poll(&leaving.waker) {
            Left::Until(time) => self.timers.set(stream, Some(time)),
            Left::Nothing => {
                self.timers.set(stream, None);
                if let Some(Leaving { linger, .. }) = self.lingers.remove(&stream) {
                    linger.close();
                }
            }
        }
    }

    fn end(&mut self, stream: u32, status: &Status) {
        self.with(stream, |_, _, wire| wire.end(status));
        self.over(stream);
    }

    /// The stream has gone; what its call still has to do goes on without it.
    fn over(&mut self, stream: u32) {
        self.timers.set(stream, None);
        let Some(Entry { call, queue, waker, .. }) = self.calls.remove(&stream) else { return };
        if self.pieces.stream == stream {
            self.pieces.ranges.clear();
        }
        let Some(linger) = call.linger() else { return };
        if self.lingers.len() < LINGERS {
            self.lingers.insert(stream, Leaving { linger, queue, waker });
            self.leaving(stream);
        }
    }

    fn expire(&mut self, context: &mut Context<'_>) -> bool {
        let Poll::Ready(now) = self.timers.poll(context) else { return false };
        while let Some(stream) = self.timers.pop(now) {
            if stream == OWN {
                self.own_time_is_over();
            } else if let Some((turn, deadline)) =
                self.with(stream, |call, _, wire| (call.expire(now, wire), call.deadline()))
            {
                self.timers.set(stream, deadline);
                if turn == Turn::Over {
                    self.over(stream);
                }
            } else {
                self.leaving(stream);
            }
        }
        true
    }

    fn own_time_is_over(&mut self) {
        if self.phase == Phase::Serving {
            tracing::info!("peer that did not greet");
        }
        self.leave(Phase::Gone);
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

    /// No new calls; events and file events end, tunnels have a moment.
    fn stop(&mut self) {
        self.phase = Phase::Stopping;
        self.session.goaway(Code::None, &mut self.control);
        self.timers.set(OWN, Some(Instant::now() + GRACE));
        let streams: Vec<_> = self.calls.keys().copied().collect();
        for stream in streams {
            self.enqueue(stream);
        }
    }

    fn disconnected(&mut self, ended: io::Result<()>) {
        match ended {
            Ok(()) => tracing::info!("host disconnected"),
            Err(error) => tracing::info!(%error, "connection of the host ended"),
        }
        self.leave(Phase::Gone);
    }

    /// All streams are over. What was received still goes to the programs.
    fn leave(&mut self, phase: Phase) {
        self.phase = phase;
        let streams: Vec<_> = self.calls.keys().copied().collect();
        for stream in streams {
            self.over(stream);
        }
        let until = (phase == Phase::Refusing).then(|| Instant::now() + GRACE);
        self.timers.set(OWN, until);
    }
}
