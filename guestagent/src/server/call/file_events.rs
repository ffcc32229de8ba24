//! Calls that pass on what changed in the host's files.

use super::End;
use crate::grpc::{self, Collector, Status};
use crate::proto::Inotify;
use crate::rpc::Agent;
use crate::server::wire::{Body, Turn, Wire};
use std::rc::Rc;

/// A call with messages in, and one answer at the end.
#[derive(Debug)]
pub struct FileEvents {
    agent: Rc<Agent>,
    pub(super) messages: Collector,
    pub(super) end: End,
}

impl FileEvents {
    /// A call without a message yet.
    pub fn new(agent: Rc<Agent>) -> Self {
        Self { agent, messages: Collector::default(), end: End::Ahead }
    }

    /// Passes on the messages that are whole.
    ///
    /// # Errors
    /// The end of the call, a good one included.
    pub fn poll(&mut self, wire: &mut Wire<'_>) -> Result<Turn, Status> {
        while let Some(message) = self.messages.take::<Inotify>() {
            self.agent.file_changed(message?);
        }
        if self.end == End::Ahead && !self.agent.stop.is_cancelled() {
            return Ok(Turn::Idle);
        }
        let mut answer = Body::default();
        answer.push(&grpc::message(&()));
        answer.send(wire);
        Err(Status::ok())
    }
}
