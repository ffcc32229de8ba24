//! What a connection keeps of its streams, and how far its own life has come.

use crate::server::call::Call;
use crate::server::ready::CallWaker;
use crate::tunnel::Linger;
use std::ops::Range;
use std::sync::Arc;
use std::task::Waker;

/// A call and its way to be woken.
pub struct Entry {
    pub call: Call,
    pub queue: Arc<CallWaker>,
    pub waker: Waker,
    pub answered: bool,
    pub queued: bool,
}

/// What is left of a call whose stream is over.
pub struct Leaving {
    pub linger: Linger,
    pub queue: Arc<CallWaker>,
    pub waker: Waker,
}

/// Bytes of the inbox that one call will write together.
#[derive(Default)]
pub struct Pieces {
    pub stream: u32,
    pub ranges: Vec<Range<usize>>,
}

/// How far its life has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Calls come and go.
    Serving,
    /// The agent stops: what is open may go on for a moment.
    Stopping,
    /// The host broke the protocol: it is told so.
    Refusing,
    /// Nothing more goes to the host.
    Gone,
}
