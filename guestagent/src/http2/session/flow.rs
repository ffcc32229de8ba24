//! Windows: how much may be on its way.
//!
//! What a stream may send us before its bytes have gone on is what a stalled
//! one can make us hold. While little is held, every stream has a wide window:
//! Lima's host drops what it has queued when it closes a tunnel, so the less
//! it has to queue, the less is lost. When more is held, all windows are made
//! narrow by one setting, and wide again when it has gone. The connection's own
//! window never closes: it would let one stalled stream block the others, the
//! host's ping included.

use crate::http2::frame::{self, setting};
use std::collections::VecDeque;

mod receive;
mod send;

/// The protocol's first value, which holds until the host has our settings.
const FIRST: u32 = 65_535;
/// A stream's window while little is held.
const WIDE: u32 = 2 * 1024 * 1024;
/// The connection's window, opened again by half of it.
const CONNECTION: u32 = 1 << 30;
const MOST: i64 = 0x7fff_ffff;

/// The windows of the connection.
#[derive(Debug)]
pub struct Windows {
    /// What we may send.
    send: i64,
    /// What each new stream may be sent.
    initial: i64,
    /// What the host may send.
    receive: i64,
    /// What it has sent since its window was opened last.
    taken: u32,
    /// The first window of streams, as the host knows it and as we want it.
    known: u32,
    wanted: u32,
    /// Changes of it that the host has not confirmed.
    told: VecDeque<u32>,
    /// Bytes of all streams that have not been released.
    held: usize,
}

/// The windows of one stream.
#[derive(Debug)]
pub struct Flow {
    /// The host has sent its half.
    pub ended: bool,
    /// Bytes that have not been released.
    pub held: usize,
    send: i64,
    receive: i64,
    released: u32,
}

impl Windows {
    /// Appends the frames that open the windows of the connection and of
    /// streams, of which there may be so many.
    pub fn new(streams: u32, out: &mut Vec<u8>) -> Self {
        let settings =
            [(setting::MAX_CONCURRENT_STREAMS, streams), (setting::INITIAL_WINDOW_SIZE, WIDE)];
        frame::put_settings(out, &settings);
        frame::put_window_update(out, 0, CONNECTION - FIRST);
        Self {
            send: i64::from(FIRST),
            initial: i64::from(FIRST),
            receive: i64::from(CONNECTION),
            taken: 0,
            known: FIRST,
            wanted: WIDE,
            told: VecDeque::from([WIDE]),
            held: 0,
        }
    }

    /// The windows of a new stream.
    pub fn stream(&self) -> Flow {
        let receive = i64::from(self.known);
        Flow { ended: false, held: 0, send: self.initial, receive, released: 0 }
    }

    /// Bytes of all streams that have not been released.
    pub fn held(&self) -> usize {
        self.held
    }
}

/// Lengths here are those of frames and of windows: below 2 GiB.
fn wide(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(MOST)
}

fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
