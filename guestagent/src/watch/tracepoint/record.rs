//! From records to hints.
//!
//! A hint that most likely concerns nobody is told as such, and never left out:
//! threads, namespaces and lengths of addresses can deceive, and a look that
//! comes late is still right.

use crate::port::Protocol;
use crate::port::schedule::Hint;
use crate::port::socket::Families;
use crate::watch::field;
use crate::watch::format::Format;
use crate::watch::namespace::{Namespace, Place};
use crate::watch::perf::{Event, Record, Wakes};
use std::collections::VecDeque;
use std::io;
use tokio::time::Instant;

const LISTEN: u32 = 10;
/// A listener ends here. Sockets of accepted connections leave LISTEN, too, as
/// copies of theirs, but for `SYN_RECV`.
const CLOSE: u32 = 7;
/// The lengths of `sockaddr_in`, `sockaddr_in6` and `sockaddr_storage`.
const IP_LENGTHS: [u64; 3] = [V4_LENGTH, 28, 128];
/// With it no IPv6 socket can be bound.
const V4_LENGTH: u64 = 16;
/// Binds that have begun and not ended; more than one are those that failed.
const BINDS: usize = 16;

/// Where the records keep what we need.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layout {
    /// Changes of a TCP socket's state.
    pub listen: Option<Listen>,
    /// The beginning of a bind.
    pub enter_bind: Option<EnterBind>,
}

/// The change of a state.
#[derive(Clone, Copy, Debug)]
pub struct Listen {
    id: u16,
    new_state: usize,
    port: usize,
}

/// The beginning of a bind.
#[derive(Clone, Copy, Debug)]
pub struct EnterBind {
    id: u16,
    length: usize,
}

/// How to open and read `sock:inet_sock_set_state`.
pub fn listen() -> io::Result<(Listen, Event)> {
    let listen = Listen::in_format(&Format::read("sock/inet_sock_set_state")?)?;
    let left = format!("oldstate == {LISTEN} && newstate == {CLOSE}");
    // MPTCP has a socket of its own beside that of TCP.
    let tcp = libc::IPPROTO_TCP;
    let filter = format!("protocol == {tcp} && (newstate == {LISTEN} || ({left}))");
    Ok((listen, Event { id: listen.id, filter, wakes: Wakes::Yes }))
}

impl Listen {
    /// Finds the places.
    ///
    /// # Errors
    /// A field is not there, or has another size.
    pub fn in_format(format: &Format) -> io::Result<Self> {
        let (new_state, port) = (place(format, "newstate", 4)?, place(format, "sport", 2)?);
        Ok(Self { id: format.id, new_state, port })
    }
}

/// How to open and read `syscalls:sys_enter_bind`. The kernel declares each
/// argument of a system call as a `long`.
pub fn enter_bind() -> io::Result<(EnterBind, Event)> {
    let format = Format::read("syscalls/sys_enter_bind")?;
    let length = place(&format, "addrlen", size_of::<u64>())?;
    let event = Event { id: format.id, filter: String::new(), wakes: Wakes::No };
    Ok((EnterBind { id: format.id, length }, event))
}

fn place(format: &Format, name: &str, size: usize) -> io::Result<usize> {
    format.offset(name, size).ok_or_else(|| io::Error::other(format!("no field {name}")))
}

/// Reads the records of one CPU.
#[derive(Debug)]
pub struct Reader {
    layout: Layout,
    namespace: Namespace,
    /// Threads that are binding, and the lengths of their addresses.
    binds: VecDeque<(u32, u64)>,
}

impl Reader {
    /// A reader for the namespace of this thread.
    pub fn new(layout: Layout) -> Self {
        Self { layout, namespace: Namespace::of_this_thread(), binds: VecDeque::new() }
    }

    /// What a record says, if it says anything by itself.
    pub fn hint(&mut self, record: &Record<'_>, now: Instant) -> Option<Hint> {
        let Record::Sample(thread, bytes) = record else { return Some(Hint::Lost) };
        let id = field(bytes, 0).map(u16::from_ne_bytes);
        let layout = self.layout;
        if let Some(listen) = layout.listen.filter(|listen| id == Some(listen.id)) {
            return Some(self.listen(listen, *thread, bytes, now));
        }
        if let Some(enter) = layout.enter_bind.filter(|enter| id == Some(enter.id)) {
            self.enter(enter, *thread, bytes);
            return None;
        }
        Some(self.exit(*thread, now))
    }

    fn listen(&mut self, listen: Listen, thread: u32, bytes: &[u8], now: Instant) -> Hint {
        let state = field(bytes, listen.new_state).map(u32::from_ne_bytes);
        let port = field(bytes, listen.port).map(u16::from_ne_bytes);
        let Some((state, port)) = state.zip(port) else { return Hint::Lost };
        match (state, self.namespace.place(thread, now)) {
            (_, Place::Elsewhere) => Hint::Unlikely(Protocol::Tcp),
            (LISTEN, Place::Here) => Hint::Listening(port),
            (_, Place::Here) => Hint::NotListening(port),
        }
    }

    fn enter(&mut self, enter: EnterBind, thread: u32, bytes: &[u8]) {
        self.binds.retain(|(known, _)| *known != thread);
        if let Some(length) = field(bytes, enter.length).map(u64::from_ne_bytes) {
            self.binds.push_back((thread, length));
        }
        if self.binds.len() > BINDS {
            self.binds.pop_front();
        }
    }

    /// A bind whose beginning is not known (the thread has changed its CPU in
    /// the middle) may be of an IP socket.
    fn exit(&mut self, thread: u32, now: Instant) -> Hint {
        let begun = self.binds.iter().position(|(known, _)| *known == thread);
        let length = begun.and_then(|at| self.binds.remove(at)).map(|(_, length)| length);
        let families = if length == Some(V4_LENGTH) { Families::V4 } else { Families::Both };
        let likely = length.is_none_or(|length| IP_LENGTHS.contains(&length));
        if likely && self.namespace.place(thread, now) == Place::Here {
            Hint::Bound(families)
        } else {
            Hint::Unlikely(Protocol::Udp)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader() -> Reader {
        let listen = Some(Listen { id: 7, new_state: 4, port: 8 });
        Reader::new(Layout { listen, enter_bind: Some(EnterBind { id: 8, length: 8 }) })
    }

    fn state(state: u32, port: u16) -> Vec<u8> {
        let mut bytes = 7_u16.to_ne_bytes().to_vec();
        bytes.extend([0, 0]);
        bytes.extend(state.to_ne_bytes());
        bytes.extend(port.to_ne_bytes());
        bytes
    }

    fn enter(length: u64) -> Vec<u8> {
        let mut bytes = 8_u16.to_ne_bytes().to_vec();
        bytes.extend([0; 6]);
        bytes.extend(length.to_ne_bytes());
        bytes
    }

    #[test]
    fn states_become_hints() {
        for (bytes, expected) in [
            (state(10, 80), Hint::Listening(80)),
            (state(7, 80), Hint::NotListening(80)),
            (
                vec![7, 0],
                if cfg!(target_endian = "little") {
                    Hint::Lost
                } else {
                    Hint::Bound(Families::Both)
                },
            ),
        ] {
            let hint = reader().hint(&Record::Sample(0, &bytes), Instant::now());
            assert_eq!(hint, Some(expected));
        }
        assert_eq!(reader().hint(&Record::Lost, Instant::now()), Some(Hint::Lost));
    }

    #[test]
    fn a_bind_of_another_kind_is_unlikely_and_an_unknown_one_counts() {
        let (mut reader, exit, now) = (reader(), [9, 9], Instant::now());
        for (begun, expected) in [
            (Some(16), Hint::Bound(Families::V4)),
            (Some(28), Hint::Bound(Families::Both)),
            (Some(128), Hint::Bound(Families::Both)),
            (Some(12), Hint::Unlikely(Protocol::Udp)),
            (Some(110), Hint::Unlikely(Protocol::Udp)),
            (None, Hint::Bound(Families::Both)),
        ] {
            if let Some(length) = begun {
                assert_eq!(reader.hint(&Record::Sample(5, &enter(length)), now), None);
            }
            assert_eq!(reader.hint(&Record::Sample(5, &exit), now), Some(expected), "{begun:?}");
        }
    }

    #[test]
    fn failed_binds_do_not_pile_up() {
        let mut reader = reader();
        for thread in 0..1_000 {
            reader.hint(&Record::Sample(thread, &enter(16)), Instant::now());
        }
        assert_eq!(reader.binds.len(), BINDS);
    }
}
