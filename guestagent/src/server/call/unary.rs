//! Calls with one request and one answer.

use super::End;
use crate::grpc::{self, Code, Collector, Status};
use crate::proto::TimeSyncRequest;
use crate::rpc::{Agent, Method};
use crate::server::wire::{Body, Turn, Wire};
use std::rc::Rc;

/// A call with one request and one answer.
#[derive(Debug)]
pub struct Unary {
    agent: Rc<Agent>,
    method: Method,
    pub(super) request: Collector,
    pub(super) end: End,
    answer: Body,
}

impl Unary {
    /// A call of this method.
    pub fn new(agent: Rc<Agent>, method: Method) -> Self {
        let (request, answer) = (Collector::default(), Body::default());
        Self { agent, method, request, end: End::Ahead, answer }
    }

    /// Answers when the host has sent all.
    ///
    /// # Errors
    /// The end of the call, a good one included.
    pub fn poll(&mut self, wire: &mut Wire<'_>) -> Result<Turn, Status> {
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

fn no_message() -> Status {
    Status::new(Code::Internal, "the request has no message")
}
