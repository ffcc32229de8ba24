//! Windows: how much may be on its way.
//!
//! What a stream may send us before its bytes have gone on is what a stalled
//! one can make us hold. While little is held, every stream has a wide window:
//! Lima's host drops what it has queued when it closes a tunnel, so the less
//! it has to queue, the less is lost. When more is held, all windows are made
//! narrow by one setting, and wide again when it has gone. The connection's own
//! window never closes: it would let one stalled stream block the others, the
//! host's ping included.

use super::{Fault, broken, fault};
use crate::http2::frame::{self, Code, setting};
use std::collections::VecDeque;

/// The protocol's first value, which holds until the host has our settings.
const FIRST: u32 = 65_535;
/// A stream's window while little is held.
const WIDE: u32 = 2 * 1024 * 1024;
/// A stream's window while much is held.
const NARROW: u32 = 64 * 1024;
/// So much is much, in bytes.
const MUCH: usize = 8 * 1024 * 1024;
/// So much is little again.
const LITTLE: usize = 2 * 1024 * 1024;
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

    /// Counts received data, and opens the connection's window again in time.
    pub fn take(&mut self, length: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        self.receive -= wide(length);
        self.taken += narrow(length);
        if self.receive < 0 {
            return Err(fault(Code::FlowControl, "more data than the connection's window"));
        }
        if self.taken >= CONNECTION / 2 {
            frame::put_window_update(out, 0, self.taken);
            self.receive += i64::from(self.taken);
            self.taken = 0;
        }
        Ok(())
    }

    /// Counts a stream's data. Whether its window allowed it and the host had
    /// not ended its half.
    pub fn hold(&mut self, flow: &mut Flow, length: usize, out: &mut Vec<u8>) -> bool {
        flow.receive -= wide(length);
        flow.held += length;
        self.held += length;
        self.adapt(out);
        flow.receive >= 0 && !flow.ended
    }

    /// By how much to open a stream's window, once it is worth a frame.
    pub fn release(&mut self, flow: &mut Flow, length: usize, out: &mut Vec<u8>) -> Option<u32> {
        flow.held = flow.held.saturating_sub(length);
        self.held = self.held.saturating_sub(length);
        self.adapt(out);
        flow.released += narrow(length);
        if flow.ended || flow.released < self.wanted / 2 {
            return None;
        }
        flow.receive += i64::from(flow.released);
        Some(std::mem::take(&mut flow.released))
    }

    /// Forgets what a stream has held.
    pub fn gone(&mut self, flow: &Flow) {
        self.held = self.held.saturating_sub(flow.held);
    }

    /// Changes the windows of all streams when what is held asks for it.
    fn adapt(&mut self, out: &mut Vec<u8>) {
        let wanted = match self.held {
            MUCH.. => NARROW,
            0..LITTLE => WIDE,
            _ => self.wanted,
        };
        // One change at a time: a host that does not confirm is not flooded.
        if wanted != self.wanted && self.told.is_empty() {
            self.wanted = wanted;
            self.told.push_back(wanted);
            frame::put_settings(out, &[(setting::INITIAL_WINDOW_SIZE, wanted)]);
        }
    }

    /// The host confirms our settings: from here on it keeps to them.
    pub fn confirm<'a>(&mut self, streams: impl Iterator<Item = &'a mut Flow>) {
        if let Some(known) = self.told.pop_front() {
            let change = i64::from(known) - i64::from(self.known);
            self.known = known;
            streams.for_each(|flow| flow.receive += change);
        }
    }

    /// The host opens the connection's window.
    pub fn open(&mut self, increment: u32) -> Result<(), Fault> {
        self.send += i64::from(increment);
        if increment == 0 {
            return Err(broken("a window update of nothing"));
        }
        if self.send > MOST {
            return Err(fault(Code::FlowControl, "a window above 2 GiB"));
        }
        Ok(())
    }

    /// The host changes the first window of all streams, those that are open
    /// included.
    pub fn set_initial<'a>(
        &mut self,
        value: u32,
        streams: impl Iterator<Item = &'a mut Flow>,
    ) -> Result<(), Fault> {
        let change = i64::from(value) - self.initial;
        self.initial = i64::from(value);
        let mut highest = self.initial;
        for flow in streams {
            flow.send += change;
            highest = highest.max(flow.send);
        }
        if highest > MOST {
            return Err(fault(Code::FlowControl, "a window above 2 GiB"));
        }
        Ok(())
    }

    /// Bytes that may be sent on a stream.
    pub fn room(&self, flow: &Flow) -> usize {
        usize::try_from(self.send.min(flow.send)).unwrap_or(0)
    }

    /// Counts bytes that are sent on a stream.
    pub fn sent(&mut self, flow: &mut Flow, length: usize) {
        self.send -= wide(length);
        flow.send -= wide(length);
    }
}

impl Flow {
    /// The host opens the stream's window. Whether that is allowed.
    pub fn open(&mut self, increment: u32) -> bool {
        self.send += i64::from(increment);
        increment > 0 && self.send <= MOST
    }
}

/// Lengths here are those of frames and of windows: below 2 GiB.
fn wide(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(MOST)
}

fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
