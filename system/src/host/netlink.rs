//! Netlink: messages to the kernel, and its word about each.
//!
//! A message is a head of 16 bytes (length, type, flags, sequence, port) and a body: a fixed part,
//! then attributes of length, type and value, each padded to four bytes. With `ACK` the kernel
//! answers with an error message whose number is 0 if all is well. netlink(7).

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{self, AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};

pub(super) const REQUEST: u16 = 1;
pub(super) const ACK: u16 = 4;
pub(super) const CREATE: u16 = 0x400;
pub(super) const APPEND: u16 = 0x800;
/// The value is attributes again.
pub(super) const NESTED: u16 = 0x8000;
const ERROR: u16 = 2;
const HEAD: usize = 16;
/// The kernel answers at once; loading a module for it takes its time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Messages on their way.
#[derive(Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    /// Sequence number of the last message.
    last: u32,
    /// How many answers are asked for.
    answers: usize,
}

impl Batch {
    /// Adds a message. [`REQUEST`] is implied.
    pub(super) fn add(&mut self, kind: u16, flags: u16, body: &[u8]) {
        self.last += 1;
        self.answers += usize::from(flags & ACK != 0);
        let length = u32::try_from(HEAD + body.len()).unwrap_or(u32::MAX);
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend((flags | REQUEST).to_ne_bytes());
        self.bytes.extend(self.last.to_ne_bytes());
        self.bytes.extend([0; 4]);
        self.bytes.extend(body);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// Sends all messages at once and waits for the answers. The first fault counts.
    pub(super) fn send(&self, protocol: Option<Protocol>) -> io::Result<()> {
        let socket = open(protocol)?;
        net::sendto(&socket, &self.bytes, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        let mut left = self.answers;
        let mut buffer = [0; 8192];
        while left > 0 {
            let (length, _) = net::recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
            for code in codes(buffer.get(..length).unwrap_or_default()) {
                if code < 0 {
                    return Err(io::Error::from_raw_os_error(code.saturating_neg()));
                }
                left = left.saturating_sub(1);
            }
        }
        Ok(())
    }
}

fn open(protocol: Option<Protocol>) -> io::Result<OwnedFd> {
    let kind = SocketType::RAW;
    let socket = net::socket_with(AddressFamily::NETLINK, kind, SocketFlags::CLOEXEC, protocol)?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
    Ok(socket)
}

/// The numbers of the error messages in a datagram: 0, or a negative errno.
fn codes(mut bytes: &[u8]) -> impl Iterator<Item = i32> {
    std::iter::from_fn(move || {
        loop {
            let length = usize::try_from(u32::from_ne_bytes(four(bytes, 0)?)).ok()?;
            let kind = u16::from_ne_bytes([*bytes.get(4)?, *bytes.get(5)?]);
            let code = four(bytes, HEAD).filter(|_| length >= HEAD + 4).map(i32::from_ne_bytes);
            bytes = bytes.get(length.max(HEAD).next_multiple_of(4)..).unwrap_or_default();
            if kind == ERROR {
                return code;
            }
        }
    })
}

fn four(bytes: &[u8], at: usize) -> Option<[u8; 4]> {
    bytes.get(at..at + 4)?.try_into().ok()
}

/// An attribute with this value.
pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// An attribute that is a text with an end.
pub(super) fn text(kind: u16, value: &str) -> Vec<u8> {
    attribute(kind, &[value.as_bytes(), b"\0"].concat())
}

/// An attribute that holds attributes.
pub(super) fn nest(kind: u16, parts: &[Vec<u8>]) -> Vec<u8> {
    attribute(kind | NESTED, &parts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whatever_else_is_in_the_datagram() {
        let message = |kind: u16, body: &[u8]| {
            let mut batch = Batch::default();
            batch.add(kind, 0, body);
            batch.bytes
        };
        let fault = message(ERROR, &(-22i32).to_ne_bytes());
        let bytes = [message(7, b"abc"), message(ERROR, &[0; 4]), fault.clone()].concat();
        assert_eq!(codes(&bytes).collect::<Vec<_>>(), [0, -22]);
        for end in 0..fault.len() {
            assert!(codes(&fault[..end]).count() <= 1);
        }
        assert_eq!(codes(&[0; 64]).count(), 0);
    }

    #[test]
    fn attributes_are_padded() {
        assert_eq!(text(1, "ab").len(), 8);
        assert_eq!(nest(2, &[text(1, "abc"), attribute(3, &[])]).len(), 16);
    }
}
