//! The calls of a connection, by what they do with their stream.

use super::wire::{Turn, Wire};
use crate::grpc::{Code, Status};
use crate::listen::Peer;
use crate::rpc::{Agent, Method};
use crate::tunnel::{Linger, Tunnel};
use events::Events;
use file_events::FileEvents;
use std::ops::Range;
use std::rc::Rc;
use tokio::time::Instant;
use unary::Unary;

mod events;
mod file_events;
mod unary;

/// A call that has begun.
#[derive(Debug)]
pub enum Call {
    /// One message in, one out.
    Unary(Unary),
    /// Messages out until either side stops.
    Events(Events),
    /// Messages in until the host stops.
    FileEvents(FileEvents),
    /// Bytes both ways.
    Tunnel(Box<Tunnel>),
    /// None that we have: ends with this.
    Refused(Status),
}

/// Whether the host has sent all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It has not.
    Ahead,
    /// It has.
    Seen,
}

impl Call {
    /// The call of a method; `peer` is who asks.
    pub fn new(method: Option<Method>, agent: &Rc<Agent>, peer: &Peer) -> Self {
        match method {
            Some(method @ (Method::Info | Method::Time)) => {
                Self::Unary(Unary::new(agent.clone(), method))
            }
            Some(Method::Events) => Self::Events(Events::new(agent.clone())),
            Some(Method::FileEvents) => Self::FileEvents(FileEvents::new(agent.clone())),
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
            Self::FileEvents(events) => Some(&mut events.messages),
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
            Self::FileEvents(events) => events.end = End::Seen,
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
            Self::FileEvents(events) => events.poll(wire),
            Self::Refused(status) => Err(status.clone()),
        };
        turn_or_end(turn, wire)
    }

    /// When to call [`Call::expire`], if nothing else happens.
    pub fn deadline(&self) -> Option<Instant> {
        if let Self::Tunnel(tunnel) = self { tunnel.deadline() } else { None }
    }

    /// Ends what has taken too long.
    pub fn expire(&mut self, now: Instant, wire: &mut Wire<'_>) -> Turn {
        let Self::Tunnel(tunnel) = self else { return Turn::Idle };
        turn_or_end(tunnel.expire(now, wire), wire)
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
