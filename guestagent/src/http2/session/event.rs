//! What input means: an event, or the end of the connection.

use crate::http2::frame::Code;
use std::ops::Range;

/// What the input meant.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// A request has begun.
    Request {
        /// Its stream.
        stream: u32,
        /// Its fields.
        request: Request,
    },
    /// A part of the request's body. Its length counts against the window
    /// until it is released.
    Data {
        /// The stream.
        stream: u32,
        /// Where in the input the bytes are.
        range: Range<usize>,
    },
    /// The host has sent all of its half.
    Ended {
        /// The stream.
        stream: u32,
    },
    /// The stream is gone, whatever was on it.
    Reset {
        /// The stream.
        stream: u32,
    },
    /// Windows have opened: what waits to be sent may go on.
    Unblocked,
}

/// The fields of a request that matter here.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `/Service/Method`.
    pub path: Vec<u8>,
    /// Whether the body is said to be gRPC.
    pub grpc: bool,
}

/// The connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Fault {
    /// What to tell the host.
    pub code: Code,
    /// What to tell people.
    pub reason: &'static str,
}

pub(super) const fn fault(code: Code, reason: &'static str) -> Fault {
    Fault { code, reason }
}

pub(super) const fn broken(reason: &'static str) -> Fault {
    fault(Code::Protocol, reason)
}
