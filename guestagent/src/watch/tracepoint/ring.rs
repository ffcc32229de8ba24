//! Follows the ring of one CPU.
//!
//! Each record that wakes us costs a few microseconds. That is nothing while
//! they are of use; under a flood from another network namespace, or of binds
//! that are none of our concern, it is nearly all that we do. So after
//! [`PATIENCE`] such wake-ups in a row the ring is left alone for [`PAUSE`] at a
//! time, not even waking the event loop, until one brings something of use or
//! nothing at all.

use super::record::Reader;
use crate::port::schedule::Hint;
use crate::watch::perf::Ring;
use std::io;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::Sender;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Wake-ups in vain that are put up with.
const PATIENCE: u32 = 16;
/// So many are left after a pause that brought nothing: two more begin the next.
const PROBATION: u32 = PATIENCE - 2;
/// How long a ring is left alone. It has room for 200 records in this time; if
/// there are more, a look at everything makes up for them.
const PAUSE: Duration = Duration::from_millis(16);
/// Wake-ups that are farther apart are no flood.
const QUIET: Duration = Duration::from_millis(50);

/// Sends the hints in a ring until `stop`.
pub async fn follow(ring: Ring, reader: Reader, hints: Sender<Hint>, stop: CancellationToken) {
    let mut follower = Follower { reader, hints, vain: 0, last: Instant::now() };
    if let Some(Err(error)) = stop.run_until_cancelled(follower.follow(ring)).await {
        tracing::warn!(%error, "no more hints from one CPU");
    }
}

struct Follower {
    reader: Reader,
    hints: Sender<Hint>,
    /// Wake-ups in a row that brought nothing of use.
    vain: u32,
    last: Instant,
}

/// Nobody wants hints any more.
struct Closed;

impl Follower {
    async fn follow(&mut self, mut ring: Ring) -> io::Result<()> {
        loop {
            // SAFETY: a `Ring` always names the same descriptor, its own.
            let mut woken = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }?;
            // The kernel forgets that there is something to read when it is asked
            // (`perf_poll`), and registering asks: so look once unasked.
            if let Err(Closed) = self.drain(woken.get_mut()).await {
                return Ok(());
            }
            while self.vain < PATIENCE {
                let mut ready = woken.readable_mut().await?;
                // First forget the readiness, then look: a record in between
                // wakes again.
                ready.clear_ready();
                if let Err(Closed) = self.drain(ready.get_inner_mut()).await {
                    return Ok(());
                }
            }
            ring = woken.into_inner();
            while self.vain >= PATIENCE {
                tokio::time::sleep(PAUSE).await;
                if let Err(Closed) = self.drain(&mut ring).await {
                    return Ok(());
                }
            }
        }
    }

    async fn drain(&mut self, ring: &mut Ring) -> Result<(), Closed> {
        let now = Instant::now();
        let mut found = Vec::new();
        ring.drain(|record| found.extend(self.reader.hint(&record, now)));
        self.judge(&found, now);
        found.dedup();
        for hint in found {
            self.hints.send(hint).await.map_err(|_| Closed)?;
        }
        Ok(())
    }

    fn judge(&mut self, found: &[Hint], now: Instant) {
        let useful = |hint: &Hint| !matches!(hint, Hint::Unlikely(_) | Hint::Lost);
        if found.is_empty() {
            // The flood may have gone to another CPU, and will be back.
            self.vain = self.vain.min(PROBATION);
            return;
        }
        let quiet = now.saturating_duration_since(self.last) > QUIET;
        self.vain = if quiet || found.iter().any(useful) { 0 } else { self.vain + 1 };
        self.last = now;
    }
}
