//! Deadlines of a connection's streams, with one timer for the next of them.

use crate::http2::streams::Streams;
use std::collections::BTreeSet;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::time::{Instant, Sleep, sleep_until};

/// At most one deadline a stream. Without any there is no timer.
#[derive(Debug, Default)]
pub struct Timers {
    by_time: BTreeSet<(Instant, u32)>,
    by_stream: Streams<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timers {
    /// Sets, changes or takes away a stream's deadline. One that only moves
    /// further away is left where it is: whoever it wakes sets it again.
    pub fn set(&mut self, stream: u32, deadline: Option<Instant>) {
        match (self.by_stream.get(&stream).copied(), deadline) {
            (None, None) => {}
            (Some(old), Some(new)) if old <= new => {}
            (old, new) => {
                if let Some(old) = old {
                    self.by_time.remove(&(old, stream));
                    self.by_stream.remove(&stream);
                }
                if let Some(new) = new {
                    self.by_time.insert((new, stream));
                    self.by_stream.insert(stream, new);
                }
            }
        }
    }

    /// Waits for the next deadline. A timer that is set too early is left to
    /// ring once in vain: to set it anew costs more, and under load there is
    /// a new deadline with every connection.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Instant> {
        while let Some((next, _)) = self.by_time.first().copied() {
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(next)));
            if sleep.deadline() > next {
                sleep.as_mut().reset(next);
            }
            ready!(sleep.as_mut().poll(context));
            self.sleep = None;
            let now = Instant::now();
            if next <= now {
                return Poll::Ready(now);
            }
        }
        Poll::Pending
    }

    /// A stream whose deadline is over; it then has none.
    pub fn pop(&mut self, now: Instant) -> Option<u32> {
        let (time, stream) = self.by_time.first().copied().filter(|(time, _)| *time <= now)?;
        self.by_time.remove(&(time, stream));
        self.by_stream.remove(&stream);
        Some(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn deadlines_come_in_order_and_can_be_taken_back() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timers = Timers::default();
        timers.set(1, Some(at(3)));
        timers.set(3, Some(at(1)));
        timers.set(5, Some(at(2)));
        timers.set(5, None);
        timers.set(1, Some(at(9)));
        assert_eq!(timers.pop(at(0)), None);
        assert_eq!(timers.pop(at(5)), Some(3));
        assert_eq!(timers.pop(at(5)), Some(1), "the earlier one stays");
        assert_eq!(timers.pop(at(9)), None);
    }
}
