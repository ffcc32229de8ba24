//! How calls and the connection end.

use super::{Connection, Entry, GRACE, LINGERS, Leaving, OWN, Phase};
use crate::grpc::Status;
use crate::http2::frame::Code;
use crate::server::wire::Turn;
use crate::tunnel::Left;
use std::io;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

impl<T: AsyncRead + AsyncWrite> Connection<T> {
    pub(super) fn end(&mut self, stream: u32, status: &Status) {
        self.with(stream, |_, _, wire| wire.end(status));
        self.over(stream);
    }

    /// The stream has gone; what its call still has to do goes on without it.
    pub(super) fn over(&mut self, stream: u32) {
        self.timers.set(stream, None);
        self.blocked.remove(&stream);
        let Some(Entry { call, queue, waker, .. }) = self.calls.remove(&stream) else { return };
        if self.pieces.stream == stream {
            self.pieces.ranges.clear();
        }
        let Some(linger) = call.linger() else { return };
        if self.lingers.len() < LINGERS {
            self.lingers.insert(stream, Leaving { linger, queue, waker });
            self.departing.push(stream);
        }
    }

    pub(super) fn expire(&mut self, context: &mut Context<'_>) -> bool {
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
                self.departing.push(stream);
            }
        }
        true
    }

    pub(super) fn own_time_is_over(&mut self) {
        if self.phase == Phase::Serving {
            tracing::info!("peer that did not greet");
        }
        self.leave(Phase::Gone);
    }

    /// No new calls; events and file events end, tunnels have a moment.
    pub(super) fn stop(&mut self) {
        self.phase = Phase::Stopping;
        self.session.goaway(Code::None, &mut self.control);
        self.timers.set(OWN, Some(Instant::now() + GRACE));
        let streams: Vec<_> = self.calls.keys().copied().collect();
        for stream in streams {
            self.enqueue(stream);
        }
    }

    pub(super) fn disconnected(&mut self, ended: io::Result<()>) {
        match ended {
            Ok(()) => tracing::info!("host disconnected"),
            Err(error) => tracing::info!(%error, "connection of the host ended"),
        }
        self.leave(Phase::Gone);
    }

    /// All streams are over. What was received still goes to the programs.
    pub(super) fn leave(&mut self, phase: Phase) {
        self.phase = phase;
        let streams: Vec<_> = self.calls.keys().copied().collect();
        for stream in streams {
            self.over(stream);
        }
        let until = (phase == Phase::Refusing).then(|| Instant::now() + GRACE);
        self.timers.set(OWN, until);
    }

    /// Looks at the lingers that may go on. Their hosts wait for nothing any
    /// more, so they come after what others wait for.
    pub(super) fn depart(&mut self) {
        while let Some(stream) = self.departing.pop() {
            self.leaving(stream);
        }
        self.agent.policy.prepare();
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
}
