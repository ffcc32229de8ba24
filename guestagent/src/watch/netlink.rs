//! Netlink messages: requests, rows of answers, and the attributes in them.
//!
//! A message is a head of 16 bytes (length, type, flags, sequence, port), a
//! fixed part of its type, and attributes: length, type, value, each padded to
//! four bytes; a value can be attributes again. Readers here give what is there
//! and end at what is cut or makes no sense.

use super::field;
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{self, AddressFamily, Protocol, RecvFlags, SendFlags};
use rustix::net::{SocketFlags, SocketType, sockopt};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;
const INTERRUPTED: u16 = 0x10;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const HEAD: usize = 16;
/// Bit 14 and 15 of a type are flags.
const TYPE: u16 = 0x3fff;
/// The kernel fills messages of at most 32 KiB for a reader with this room.
const BUFFER: usize = 32 * 1024;
/// A dump does not wait; this only keeps a kernel fault from hanging us.
const PATIENCE: Duration = Duration::from_secs(1);

/// Messages that are read in one turn, so that a flood does not keep us.
const MOST_AT_ONCE: usize = 1024;

/// A socket for dumps.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

/// Whether an answer goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// In the next datagram.
    Yes,
    /// This was all.
    No,
}

impl Netlink {
    /// Opens a socket of this kind.
    ///
    /// # Errors
    /// The kernel has no such kind, or forbids it.
    pub fn open(protocol: Option<Protocol>) -> io::Result<Self> {
        let socket = socket(protocol, SocketFlags::CLOEXEC)?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(PATIENCE))?;
        Ok(Self { socket, sequence: 0, request: Vec::new(), buffer: vec![0; BUFFER] })
    }

    /// Asks for a list, and hands over the body of each message of it. What is
    /// left of an answer that broke off has an older number and is passed over.
    ///
    /// # Errors
    /// The kernel refuses, or the list changed while it was read.
    pub fn dump(&mut self, kind: u16, body: &[u8], mut each: impl FnMut(&[u8])) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        request(&mut self.request, kind, self.sequence, body);
        let kernel = SocketAddrNetlink::new(0, 0);
        net::sendto(&self.socket, &self.request, SendFlags::empty(), &kernel)?;
        loop {
            let length = net::recv(&self.socket, self.buffer.as_mut_slice(), RecvFlags::empty())?.0;
            let datagram = self.buffer.get(..length).unwrap_or_default();
            if read(datagram, self.sequence, &mut each)? == More::No {
                return Ok(());
            }
        }
    }
}

/// Reads one datagram of the answer to the request of this number.
///
/// # Errors
/// The kernel refused the request, or the list is not whole.
pub fn read(datagram: &[u8], sequence: u32, mut each: impl FnMut(&[u8])) -> io::Result<More> {
    for message in messages(datagram).filter(|message| message.sequence == sequence) {
        match message.kind {
            DONE | ERROR => return message.status().map(|()| More::No),
            _ if message.flags & INTERRUPTED != 0 => {
                let text = "the list changed while it was read";
                return Err(io::Error::new(io::ErrorKind::Interrupted, text));
            }
            _ => each(message.body),
        }
    }
    Ok(More::Yes)
}

/// A socket that is told of changes in these groups; group N is bit N-1.
///
/// # Errors
/// The kernel has no such kind, or forbids it.
pub fn subscribe(protocol: Option<Protocol>, groups: u32) -> io::Result<OwnedFd> {
    let socket = socket(protocol, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    net::bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    Ok(socket)
}

/// Empties a socket of [`subscribe`], whatever it says: that something came is
/// all that counts, and lost messages (ENOBUFS) are news too.
///
/// # Errors
/// Nothing is there, or the socket is broken.
pub fn drain(socket: &OwnedFd) -> io::Result<()> {
    let mut message = [0; 16];
    for received in 0..MOST_AT_ONCE {
        match net::recv(socket, message.as_mut_slice(), RecvFlags::TRUNC) {
            Ok(_) | Err(Errno::NOBUFS) => {}
            Err(Errno::AGAIN) if received > 0 => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// An attribute with this value.
pub fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The attributes in a value: types without flags, and their values.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(field(bytes, 0)?));
        let kind = u16::from_ne_bytes(field(bytes, 2)?) & TYPE;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The value of the first attribute of this type.
pub fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find_map(|(found, value)| (found == kind).then_some(value))
}

fn socket(protocol: Option<Protocol>, flags: SocketFlags) -> io::Result<OwnedFd> {
    let kind = SocketType::RAW;
    Ok(net::socket_with(AddressFamily::NETLINK, kind, flags, protocol)?)
}

fn request(bytes: &mut Vec<u8>, kind: u16, sequence: u32, body: &[u8]) {
    let length = u32::try_from(HEAD + body.len()).unwrap_or(u32::MAX);
    bytes.clear();
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((REQUEST | DUMP).to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(body);
}

/// One message of a datagram.
struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    body: &'a [u8],
}

fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32::from_ne_bytes(field(bytes, 0)?)).ok()?;
        let message = Message {
            kind: u16::from_ne_bytes(field(bytes, 4)?),
            flags: u16::from_ne_bytes(field(bytes, 6)?),
            sequence: u32::from_ne_bytes(field(bytes, 8)?),
            body: bytes.get(HEAD..length)?,
        };
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

impl Message<'_> {
    /// The number in an error and at the end: zero or a negative errno.
    fn status(&self) -> io::Result<()> {
        match field(self.body, 0).map(i32::from_ne_bytes) {
            Some(code @ ..0) => Err(io::Error::from_raw_os_error(code.saturating_neg())),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn attributes_are_read_as_written() {
        let bytes = [attribute(3, b"a\0"), attribute(0x8001, &attribute(2, b"four"))].concat();
        assert_eq!(find(&bytes, 3), Some(&b"a\0"[..]));
        assert_eq!(find(&bytes, 1).and_then(|nested| find(nested, 2)), Some(&b"four"[..]));
        assert_eq!(find(&bytes, 2), None);
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            attributes(&bytes).count();
            messages(&bytes).count();
        }
    }
}
