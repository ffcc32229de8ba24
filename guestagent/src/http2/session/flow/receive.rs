//! What the host may send us.

use super::{CONNECTION, Flow, WIDE, Windows, narrow, wide};
use crate::http2::frame::{self, Code, setting};
use crate::http2::session::event::{Fault, fault};

/// A stream's window while much is held.
const NARROW: u32 = 64 * 1024;
/// So much is much, in bytes.
const MUCH: usize = 8 * 1024 * 1024;
/// So much is little again.
const LITTLE: usize = 2 * 1024 * 1024;

impl Windows {
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
}
