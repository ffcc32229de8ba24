//! What we may send the host.

use super::{Flow, MOST, Windows, wide};
use crate::http2::frame::Code;
use crate::http2::session::event::{Fault, broken, fault};

impl Windows {
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
