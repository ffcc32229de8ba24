//! Whose turn it is.

use super::Connection;
use crate::server::wire::Turn;
use tokio::io::{AsyncRead, AsyncWrite};

impl<T: AsyncRead + AsyncWrite> Connection<T> {
    pub(super) fn enqueue(&mut self, stream: u32) {
        let queued = self.calls.get_mut(&stream).map(|entry| &mut entry.queued);
        if queued.is_none_or(|queued| !std::mem::replace(queued, true)) {
            self.queue.push_back(stream);
        }
    }

    /// A turn for each that waits for one now.
    pub(super) fn turns(&mut self) -> bool {
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
                Turn::NoWindow => drop(self.blocked.insert(stream)),
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

    pub(super) fn turn(&mut self, stream: u32) -> Turn {
        if let Some(entry) = self.calls.get_mut(&stream) {
            entry.queued = false;
            entry.queue.seen();
        }
        let turn = self.with(stream, |call, _, wire| (call.poll(wire), call.deadline()));
        if let Some((turn, deadline)) = turn {
            self.timers.set(stream, deadline);
            return turn;
        }
        self.departing.push(stream);
        Turn::Idle
    }
}
