//! Calls that tell of changes.

use crate::grpc::{self, Status};
use crate::proto::Event;
use crate::rpc::Agent;
use crate::server::wire::{Body, Turn, Wire};
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::sync::mpsc::Receiver;

/// A call that tells of changes. Nothing is followed for a call that has gone
/// before it had a turn.
#[derive(Debug)]
pub struct Events {
    agent: Rc<Agent>,
    events: Option<Receiver<Event>>,
    answer: Body,
}

impl Events {
    /// A call that has not had a turn.
    pub fn new(agent: Rc<Agent>) -> Self {
        Self { agent, events: None, answer: Body::default() }
    }

    /// Sends what there is to tell.
    ///
    /// # Errors
    /// The end of the call, a good one included.
    pub fn poll(&mut self, wire: &mut Wire<'_>) -> Result<Turn, Status> {
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
