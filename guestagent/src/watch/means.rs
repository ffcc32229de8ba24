//! By what means changes of a protocol's ports are noticed, and why not by a
//! better one.

use crate::port::Protocol;
use crate::port::schedule::Hinted;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::time::Duration;

/// How changes of a protocol's ports are noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Means {
    /// Which protocol.
    pub protocol: Protocol,
    /// How.
    pub by: By,
    /// Why not by what is better, one text each.
    pub refused: Vec<String>,
}

/// From the best means to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Programs in the kernel.
    Bpf,
    /// Tracepoints through `perf_event_open`.
    TraceEvents,
    /// A look now and then, at least so often, in milliseconds.
    Polling(u64),
}

impl Means {
    /// From what became of each: BPF, trace events, and what else is needed
    /// beside either.
    pub fn decide(
        protocol: Protocol,
        [bpf, events, beside]: [io::Result<()>; 3],
        longest: Duration,
    ) -> Self {
        let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        let polling = By::Polling(longest);
        let (by, refused) = match (beside, bpf, events) {
            (Err(error), ..) => (polling, vec![format!("closed sockets: {error}")]),
            (Ok(()), Ok(()), _) => (By::Bpf, Vec::new()),
            (Ok(()), Err(bpf), Ok(())) => (By::TraceEvents, vec![format!("BPF: {bpf}")]),
            (Ok(()), Err(bpf), Err(events)) => {
                (polling, vec![format!("BPF: {bpf}"), format!("trace events: {events}")])
            }
        };
        Self { protocol, by, refused }
    }

    /// Whether the kernel tells.
    pub fn hinted(&self) -> Hinted {
        match self.by {
            By::Bpf | By::TraceEvents => Hinted::Yes,
            By::Polling(longest) => Hinted::No(Duration::from_millis(longest)),
        }
    }

    /// Writes it to the log, as loud as it is bad.
    pub fn log(&self) {
        match self.by {
            By::Bpf => tracing::info!(protocol = %self.protocol, "changes are told by BPF"),
            By::TraceEvents | By::Polling(_) => {
                tracing::warn!(means = %self, "changes are not told by BPF");
            }
        }
    }
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by {
            By::Bpf => write!(f, "{} by BPF", self.protocol)?,
            By::TraceEvents => write!(f, "{} by trace events", self.protocol)?,
            By::Polling(longest) => {
                let longest = Duration::from_millis(longest);
                write!(f, "{} by polling, every {longest:?} at least", self.protocol)?;
            }
        }
        self.refused.iter().try_for_each(|refused| write!(f, "; {refused}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_means_is_taken_and_what_was_refused_is_said() {
        let no = || Err(io::Error::from_raw_os_error(1));
        let longest = Duration::from_secs(3);
        for (outcomes, text) in [
            ([Ok(()), no(), Ok(())], "udp by BPF"),
            (
                [no(), Ok(()), Ok(())],
                "udp by trace events; BPF: Operation not permitted (os error 1)",
            ),
            (
                [no(), no(), Ok(())],
                "udp by polling, every 3s at least; BPF: Operation not permitted (os error 1); \
                 trace events: Operation not permitted (os error 1)",
            ),
            (
                [Ok(()), Ok(()), no()],
                "udp by polling, every 3s at least; closed sockets: Operation not permitted (os \
                 error 1)",
            ),
        ] {
            let means = Means::decide(Protocol::Udp, outcomes, longest);
            assert_eq!(means.to_string(), text);
            assert_eq!(means.hinted() == Hinted::Yes, !text.contains("polling"));
        }
    }
}
