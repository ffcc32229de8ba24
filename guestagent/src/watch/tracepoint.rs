//! Hints from two tracepoints.
//!
//! `sock:inet_sock_set_state` fires when a socket enters LISTEN (just before it
//! can be found) and when it leaves it (just after it could); all other changes
//! of state are filtered in the kernel. `syscalls:sys_exit_bind` fires for every
//! `bind`, of any protocol, that succeeded: a UDP socket needs no more to listen.
//!
//! One task and one ring a CPU. A CPU that is plugged in later has none.

use super::format::Format;
use super::perf::{Record, Ring};
use crate::port::schedule::Hint;
use std::io;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const LISTEN: u32 = 10;
/// A listener ends here. Sockets of accepted connections leave LISTEN, too, as
/// copies of theirs, but for `SYN_RECV`.
const CLOSE: u32 = 7;

/// Which of the tracepoints give hints.
#[derive(Debug)]
pub struct Opened {
    /// Entering and leaving LISTEN.
    pub listen: io::Result<()>,
    /// Binding.
    pub bind: io::Result<()>,
}

/// Where the records of the state change keep what we need.
#[derive(Debug, Clone, Copy)]
pub struct Listen {
    id: u16,
    new_state: usize,
    port: usize,
}

impl Listen {
    /// Finds the places.
    ///
    /// # Errors
    /// A field is not there, or has another size.
    pub fn in_format(format: &Format) -> io::Result<Self> {
        let place = |name, size| {
            format.offset(name, size).ok_or_else(|| io::Error::other(format!("no field {name}")))
        };
        Ok(Self { id: format.id, new_state: place("newstate", 4)?, port: place("sport", 2)? })
    }
}

/// Starts what can be started.
pub fn start(hints: &Sender<Hint>, tasks: &TaskTracker, stop: &CancellationToken) -> Opened {
    let listen = listen_format();
    let bind = Format::read("syscalls/sys_exit_bind").map(|format| format.id);
    let mut events = Vec::new();
    if let Ok(listen) = &listen {
        events.push((
            listen.id,
            format!("newstate == {LISTEN} || (oldstate == {LISTEN} && newstate == {CLOSE})"),
        ));
    }
    if let Ok(id) = &bind {
        events.push((*id, "ret == 0".into()));
    }
    let rings = if events.is_empty() { Ok(Vec::new()) } else { open_rings(&events) };
    match rings {
        Ok(rings) => {
            for ring in rings {
                tasks.spawn(follow(
                    ring,
                    listen.as_ref().ok().copied(),
                    hints.clone(),
                    stop.clone(),
                ));
            }
            Opened { listen: listen.map(drop), bind: bind.map(drop) }
        }
        Err(error) => {
            let again = |error: &io::Error| io::Error::new(error.kind(), error.to_string());
            Opened { listen: Err(again(&error)), bind: Err(error) }
        }
    }
}

fn listen_format() -> io::Result<Listen> {
    Listen::in_format(&Format::read("sock/inet_sock_set_state")?)
}

fn open_rings(events: &[(u16, String)]) -> io::Result<Vec<AsyncFd<Ring>>> {
    let events: Vec<_> = events.iter().map(|(id, filter)| (*id, filter.as_str())).collect();
    let online = std::fs::read_to_string("/sys/devices/system/cpu/online")?;
    let open = |cpu| {
        let ring = Ring::open(cpu, &events)?;
        // SAFETY: a `Ring` always names the same descriptor, its own.
        Ok(unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }?)
    };
    cpus(&online).map(open).collect()
}

/// The numbers in a list such as `0-3,6`.
fn cpus(online: &str) -> impl Iterator<Item = i32> {
    online.trim().split(',').flat_map(|range| {
        let (start, end) = range.split_once('-').unwrap_or((range, range));
        let bounds = start.parse::<i32>().ok().zip(end.parse().ok());
        bounds.map(|(start, end)| start..=end).into_iter().flatten()
    })
}

async fn follow(
    mut ring: AsyncFd<Ring>,
    listen: Option<Listen>,
    hints: Sender<Hint>,
    stop: CancellationToken,
) {
    while let Some(Ok(mut ready)) = stop.run_until_cancelled(ring.readable_mut()).await {
        // First forget the readiness, then look: a record in between wakes again.
        ready.clear_ready();
        let mut found = Vec::new();
        ready.get_inner_mut().drain(|record| found.push(hint(&record, listen)));
        found.dedup();
        for hint in found {
            if hints.send(hint).await.is_err() {
                return;
            }
        }
    }
}

/// What a record tells.
pub fn hint(record: &Record<'_>, listen: Option<Listen>) -> Hint {
    let Record::Sample(bytes) = record else { return Hint::Lost };
    let Some(listen) = listen.filter(|l| field(bytes, 0).map(u16::from_ne_bytes) == Some(l.id))
    else {
        return Hint::Udp;
    };
    let state = field(bytes, listen.new_state).map(u32::from_ne_bytes);
    match (state, field(bytes, listen.port).map(u16::from_ne_bytes)) {
        (Some(LISTEN), Some(port)) => Hint::Listening(port),
        (Some(_), Some(port)) => Hint::NotListening(port),
        _ => Hint::Lost,
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_lists_are_read() {
        for (text, expected) in [
            ("0\n", vec![0]),
            ("0-3\n", vec![0, 1, 2, 3]),
            ("0-1,4,6-7\n", vec![0, 1, 4, 6, 7]),
            ("\n", vec![]),
        ] {
            assert_eq!(cpus(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn records_become_hints() {
        let listen = Some(Listen { id: 7, new_state: 4, port: 8 });
        let record = |id: u16, state: u32, port: u16| {
            let mut bytes = id.to_ne_bytes().to_vec();
            bytes.extend([0, 0]);
            bytes.extend(state.to_ne_bytes());
            bytes.extend(port.to_ne_bytes());
            bytes
        };
        for (bytes, expected) in [
            (record(7, 10, 80), Hint::Listening(80)),
            (record(7, 7, 80), Hint::NotListening(80)),
            (record(8, 10, 80), Hint::Udp),
            (vec![7, 0], if cfg!(target_endian = "little") { Hint::Lost } else { Hint::Udp }),
        ] {
            assert_eq!(hint(&Record::Sample(&bytes), listen), expected);
        }
        assert_eq!(hint(&Record::Lost, listen), Hint::Lost);
    }
}
