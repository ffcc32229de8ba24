//! The calls of a connection, by what they do with their stream.

use super::wire::{Body, Turn, Wire};
use crate::grpc::{self, Code, Collector, Status};
use crate::listen::Peer;
use crate::proto::{Event, Inotify, TimeSyncRequest};
use crate::rpc::{Agent, Method};
use crate::tunnel::{Linger, Tunnel};
use std::ops::Range;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;

/// A call that has begun.
#[derive(Debug)]
pub enum Call {
    /// One message in, one out.
    Unary(Unary),
    /// Messages out until either side stops.
    Events(Events),
    /// Messages in until the host stops.
    FileEvents(Rc<Agent>, Collector, End),
    /// Bytes both ways.
    Tunnel(Box<Tunnel>),
    /// None that we have: ends with this.
    Refused(Status),
}

/// A call that tells of changes. Nothing is followed for a call that has gone
/// before it had a turn.
#[derive(Debug)]
pub struct Events {
    agent: Rc<Agent>,
    events: Option<Receiver<Event>>,
    answer: Body,
}

/// Whether the host has sent all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It has not.
    Ahead,
    /// It has.
    Seen,
}

/// A call with one request and one answer.
#[derive(Debug)]
pub struct Unary {
    agent: Rc<Agent>,
    method: Method,
    request: Collector,
    end: End,
    answer: Body,
}

impl Call {
    /// The call of a method; `peer` is who asks.
    pub fn new(method: Option<Method>, agent: &Rc<Agent>, peer: &Peer) -> Self {
        let (request, answer) = (Collector::default(), Body::default());
        match method {
            Some(method @ (Method::Info | Method::Time)) => {
                let agent = agent.clone();
                Self::Unary(Unary { agent, method, request, end: End::Ahead, answer })
            }
            Some(Method::Events) => {
                Self::Events(Events { agent: agent.clone(), events: None, answer })
            }
            Some(Method::FileEvents) => Self::FileEvents(agent.clone(), request, End::Ahead),
            Some(Method::Tunnel) => {
                let (policy, publisher) = (agent.policy.clone(), agent.publisher.clone());
                Self::Tunnel(Box::new(Tunnel::new(policy, publisher, peer.clone())))
            }
            None => Self::Refused(Status::new(Code::Unimplemented, "unknown method")),
        }
    }

    /// Takes a part of the request's body, at `range` of `inbox`. A tunnel adds
    /// what it wants to write to `pieces`, for [`Call::write`].
    ///
    /// # Errors
    /// The call ends with this.
    pub fn data(
        &mut self,
        inbox: &[u8],
        range: Range<usize>,
        pieces: &mut Vec<Range<usize>>,
        wire: &mut Wire<'_>,
    ) -> Result<(), Status> {
        let collector = match self {
            Self::Tunnel(tunnel) => return tunnel.read(inbox, range, pieces, wire),
            Self::Unary(unary) => Some(&mut unary.request),
            Self::FileEvents(_, messages, _) => Some(messages),
            Self::Events(_) | Self::Refused(_) => None,
        };
        wire.release(range.len());
        match (collector, inbox.get(range)) {
            (Some(collector), Some(bytes)) => collector.push(bytes),
            _ => Ok(()),
        }
    }

    /// Writes what [`Call::data`] has gathered.
    pub fn write(&mut self, inbox: &[u8], pieces: &[Range<usize>], wire: &mut Wire<'_>) {
        if let Self::Tunnel(tunnel) = self {
            tunnel.write(inbox, pieces, wire);
        }
    }

    /// The host has sent all.
    pub fn end(&mut self) {
        match self {
            Self::Unary(unary) => unary.end = End::Seen,
            Self::FileEvents(_, _, end) => *end = End::Seen,
            Self::Tunnel(tunnel) => tunnel.end(),
            Self::Events(_) | Self::Refused(_) => {}
        }
    }

    /// Goes on with whatever can go on.
    pub fn poll(&mut self, wire: &mut Wire<'_>) -> Turn {
        let turn = match self {
            Self::Tunnel(tunnel) => tunnel.poll(wire),
            Self::Unary(unary) => unary.poll(wire),
            Self::Events(events) => events.poll(wire),
            Self::FileEvents(agent, messages, end) => pass_on(agent, messages, *end, wire),
            Self::Refused(status) => Err(status.clone()),
        };
        turn_or_end(turn, wire)
    }

    /// When to call [`Call::expire`], if nothing else happens.
    pub fn deadline(&self) -> Option<Instant> {
        if let Self::Tunnel(tunnel) = self { tunnel.deadline() } else { None }
    }

    /// Ends what has taken too long.
    pub fn expire(&self, now: Instant, wire: &mut Wire<'_>) -> Turn {
        let Self::Tunnel(tunnel) = self else { return Turn::Idle };
        turn_or_end(tunnel.expire(now), wire)
    }

    /// What is left to do when the stream is over.
    pub fn linger(self) -> Option<Linger> {
        if let Self::Tunnel(tunnel) = self { tunnel.linger() } else { None }
    }
}

fn turn_or_end(turn: Result<Turn, Status>, wire: &mut Wire<'_>) -> Turn {
    turn.unwrap_or_else(|status| {
        wire.end(&status);
        Turn::Over
    })
}

impl Unary {
    fn poll(&mut self, wire: &mut Wire<'_>) -> Result<Turn, Status> {
        if self.end == End::Ahead {
            return Ok(Turn::Idle);
        }
        if self.answer.is_empty() {
            let answer = match self.method {
                Method::Time => {
                    let asked = self.request.take::<TimeSyncRequest>();
                    let asked = asked.unwrap_or_else(|| Err(no_message()))?;
                    grpc::message(&self.agent.sync_time(asked.host_time))
                }
                _ => grpc::message(&self.agent.info()),
            };
            self.answer.push(&answer);
        }
        self.answer.send(wire).map_or_else(|| Err(Status::ok()), Ok)
    }
}

impl Events {
    fn poll(&mut self, wire: &mut Wire<'_>) -> Result<Turn, Status> {
        let events = self.events.get_or_insert_with(|| self.agent.events());
        loop {
            if let Some(turn) = self.answer.send(wire) {
                return Ok(turn);
            }
            match events.poll_recv(&mut Context::from_waker(wire.waker)) {
                Poll::Pending => return Ok(Turn::Idle),
                Poll::Ready(Some(event)) => self.answer.push(&grpc::message(&event)),
                Poll::Ready(None) => return Err(Status::ok()),
            }
        }
    }
}

fn no_message() -> Status {
    Status::new(Code::Internal, "the request has no message")
}

fn pass_on(
    agent: &Agent,
    messages: &mut Collector,
    end: End,
    wire: &mut Wire<'_>,
) -> Result<Turn, Status> {
    while let Some(message) = messages.take::<Inotify>() {
        agent.file_changed(message?);
    }
    if end == End::Ahead && !agent.stop.is_cancelled() {
        return Ok(Turn::Idle);
    }
    let mut answer = Body::default();
    answer.push(&grpc::message(&()));
    answer.send(wire);
    Err(Status::ok())
}
