//! One connection or UDP flow of the host to a port of the guest.
//!
//! The first message names the target; there is no positive answer, a refusal
//! is the status of the call. Then data flows both ways. The host's end of
//! stream is a half-close: the guest's program sees the end of its input and
//! may still answer. The other way there is no half-close: when the guest's
//! program has finished, the call ends, and with it both directions.
//!
//! Nothing is copied that can go at once: up, from the buffer of the connection
//! to the socket; down, from the socket to its place among the frames. Only
//! what a slow program leaves in our hands is kept, and that is at most the
//! stream's window.

use crate::grpc::Status;
use crate::listen::Peer;
use crate::report::publisher::{Counted, Publisher};
use crate::server::wire::{Body, Turn, Wire};
use decode::{Decoder, Handshake};
use encode::Encoder;
use policy::Policy;
use socket::{Kind, Socket};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

pub mod decode;
mod dial;
mod download;
mod encode;
mod linger;
pub mod lists;
mod owner;
pub mod policy;
mod socket;
mod upload;

pub use linger::{Left, Linger};

/// Longer than the kernel's first few attempts, shorter than a user's patience.
const DIAL: Duration = Duration::from_secs(30);
/// The host never ends a UDP flow, so the guest does after this silence; the
/// host then opens another one with the next datagram.
const SILENCE: Duration = Duration::from_secs(90);
/// How long the begin of the answer waits for the program's first bytes, to go
/// out with them. A shorter time would set the machine's clock anew with every
/// connection.
const CONFIRM: Duration = Duration::from_millis(50);

/// A tunnel while its stream is open.
#[derive(Debug)]
pub struct Tunnel {
    policy: Rc<Policy>,
    peer: Peer,
    decoder: Decoder,
    encoder: Encoder,
    state: State,
    /// Bytes for the program that have not gone, or a datagram in the making.
    backlog: VecDeque<u8>,
    /// The host has sent all.
    ended: bool,
    /// The program has been told so, or takes no more.
    finished: bool,
    /// The program has sent all.
    closed: bool,
    publisher: Publisher,
    /// Counts it as open once it is dialled.
    counted: Option<Counted>,
    /// Datagrams for the host that wait for its windows.
    answer: Body,
    active: Instant,
    /// The host has sent something for the program.
    asked: bool,
    /// When the answer begins at the latest, if it has not.
    confirm: Option<Instant>,
}

#[derive(Debug)]
enum State {
    Greeting,
    Connecting(Socket, Handshake, Instant),
    Open(Socket),
}

impl Tunnel {
    /// A tunnel whose first message is yet to come. `peer` is who asks.
    pub fn new(policy: Rc<Policy>, publisher: Publisher, peer: Peer) -> Self {
        Self {
            policy,
            peer,
            decoder: Decoder::new(),
            encoder: Encoder::default(),
            state: State::Greeting,
            backlog: VecDeque::new(),
            ended: false,
            finished: false,
            closed: false,
            publisher,
            counted: None,
            answer: Body::default(),
            active: Instant::now(),
            asked: false,
            confirm: None,
        }
    }

    /// Goes on with whatever can go on.
    ///
    /// # Errors
    /// The end of the call, a good one included.
    pub fn poll(&mut self, wire: &mut Wire<'_>) -> Result<Turn, Status> {
        self.connect(wire)?;
        if matches!(self.state, State::Open(_)) {
            self.confirm(wire);
            self.upload(wire);
            return self.download(wire);
        }
        // A host that closes before it has named a target wanted nothing.
        if self.ended && matches!(self.state, State::Greeting) {
            return Err(Status::ok());
        }
        Ok(Turn::Idle)
    }

    fn greet(&mut self) -> Result<(), Status> {
        let wanted = self.decoder.handshake()?;
        let dialled = self.policy.dial(&self.peer, &wanted);
        let socket = dialled.map_err(|error| {
            if error.is_refusal() {
                self.publisher.refused();
            }
            Status::from(&error)
        })?;
        self.counted = Some(self.publisher.tunnel());
        self.encoder = Encoder::new(&wanted.id);
        self.state = State::Connecting(socket, wanted, Instant::now() + DIAL);
        Ok(())
    }

    fn connect(&mut self, wire: &mut Wire<'_>) -> Result<(), Status> {
        let State::Connecting(socket, wanted, _) = &mut self.state else { return Ok(()) };
        match socket.poll_connected(&mut Context::from_waker(wire.waker)) {
            Poll::Pending => return Ok(()),
            Poll::Ready(Err(error)) => return Err(dial::refused(wanted, error)),
            Poll::Ready(Ok(())) => {}
        }
        if socket.kind() == Kind::Stream {
            self.confirm = Some(Instant::now() + CONFIRM);
        }
        if let State::Connecting(socket, ..) = std::mem::replace(&mut self.state, State::Greeting) {
            self.state = State::Open(socket);
        }
        Ok(())
    }

    /// Both sides hear at once of a connection that the host has opened to
    /// listen. If it has sent something, it does not wait for the begin of the
    /// answer, which can go out with the program's first bytes.
    fn confirm(&mut self, wire: &mut Wire<'_>) {
        if let State::Open(socket) = &self.state
            && self.confirm.is_some()
            && !self.asked
        {
            socket.acknowledge();
            self.confirm = None;
            wire.answer();
        }
    }

    fn kind(&self) -> Option<Kind> {
        match &self.state {
            State::Connecting(socket, ..) | State::Open(socket) => Some(socket.kind()),
            State::Greeting => None,
        }
    }

    /// When to call [`Tunnel::expire`], if nothing else happens.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Connecting(_, _, deadline) => Some(*deadline),
            State::Open(socket) if socket.kind() == Kind::Datagram => Some(self.active + SILENCE),
            State::Open(_) => self.confirm,
            State::Greeting => None,
        }
    }

    /// Ends what has taken too long.
    ///
    /// # Errors
    /// The end of the call, a good one included.
    pub fn expire(&mut self, now: Instant, wire: &mut Wire<'_>) -> Result<Turn, Status> {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return Ok(Turn::Idle);
        }
        if self.confirm.take().is_some() {
            wire.answer();
            return Ok(Turn::Idle);
        }
        Err(match &self.state {
            State::Connecting(_, wanted, _) => {
                dial::refused(wanted, io::Error::new(io::ErrorKind::TimedOut, "i/o timeout"))
            }
            State::Open(_) | State::Greeting => Status::ok(),
        })
    }

    /// What is left to do when the stream is over. A program that has sent all
    /// ends a tunnel in good order, and may still take what is on its way.
    pub fn linger(self) -> Option<Linger> {
        if self.kind() != Some(Kind::Stream) || (self.closed && self.backlog.is_empty()) {
            return None;
        }
        let (State::Connecting(socket, ..) | State::Open(socket)) = self.state else { return None };
        Some(Linger::new(socket, self.backlog, self.ended || self.closed, self.finished))
    }
}
