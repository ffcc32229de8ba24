//! [`Journal`]: records with fields, as journald takes them.
//!
//! The protocol (systemd, "Native Journal Protocol"): one datagram a record. A field is `NAME=value`
//! and a line feed; a value with line feeds in it is the name, a line feed, the length in eight bytes,
//! little endian, the value, a line feed.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// Longest value in bytes; a record of a few of them still fits into a datagram.
const LONGEST: usize = 16 * 1024;
/// How long a journal that takes nothing is waited for.
const LIMIT: Duration = Duration::from_secs(1);

/// The journal of this machine.
#[derive(Debug)]
pub struct Journal(UnixDatagram);

impl Journal {
    /// Where journald takes records.
    pub const SOCKET: &str = "/run/systemd/journal/socket";

    /// A way to the journal, which need not be there yet.
    pub fn open() -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(LIMIT))?;
        Ok(Self(socket))
    }

    /// Sends a record. Fields without a value are left out.
    pub fn send(&self, fields: &[(&str, &str)]) -> io::Result<()> {
        self.0.send_to(&encode(fields), Self::SOCKET).map(drop)
    }
}

fn encode(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut record = Vec::new();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        let value = value.get(..value.floor_char_boundary(LONGEST)).unwrap_or_default();
        record.extend(name.as_bytes());
        if value.contains('\n') {
            record.push(b'\n');
            record.extend((value.len() as u64).to_le_bytes());
        } else {
            record.push(b'=');
        }
        record.extend(value.as_bytes());
        record.push(b'\n');
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_with_lines_have_a_length_and_empty_ones_are_left_out() {
        let record = encode(&[("MESSAGE", "a\nb"), ("NIXVM_CODE", ""), ("PRIORITY", "3")]);
        assert_eq!(record, b"MESSAGE\n\x03\0\0\0\0\0\0\0a\nb\nPRIORITY=3\n");
        let long = "ä".repeat(LONGEST);
        assert_eq!(encode(&[("A", &long)]).len(), LONGEST + 3);
    }
}
