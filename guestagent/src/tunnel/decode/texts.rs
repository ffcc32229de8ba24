//! The texts of a tunnel's first message, which say where it leads.

use super::malformed;
use crate::grpc::{Code, Status};

/// The number of no field that is kept.
pub const UNKNOWN: u32 = 0;
const ID: u32 = 1;
const PROTOCOL: u32 = 2;
/// The field with bytes for the guest's program.
pub const DATA: u32 = 3;
const TARGET: u32 = 4;

/// The longest text that is kept: a path of the file system is the longest.
const TEXT: usize = 4096;

/// Where the host wants to go, as it wrote it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// To be repeated in every answer.
    pub id: String,
    /// `tcp`, `udp` or `unix`.
    pub protocol: String,
    /// `host:port`, or a path.
    pub target: String,
}

/// The fields of the first message, until they are taken.
#[derive(Debug, Default)]
pub struct Texts {
    wanted: bool,
    id: Vec<u8>,
    protocol: Vec<u8>,
    target: Vec<u8>,
}

impl Texts {
    /// Those of a message whose texts are to be kept.
    pub fn wanted() -> Self {
        Self { wanted: true, ..Self::default() }
    }

    /// A text begins. Of fields that come twice the last one counts.
    ///
    /// # Errors
    /// It is too long to be kept.
    pub fn begin(&mut self, field: u32, length: usize) -> Result<(), Status> {
        let Some(text) = self.of(field) else { return Ok(()) };
        text.clear();
        if length > TEXT {
            return Err(Status::new(Code::InvalidArgument, "a target of over 4096 bytes"));
        }
        Ok(())
    }

    /// More of a text.
    pub fn push(&mut self, field: u32, bytes: &[u8]) {
        if let Some(text) = self.of(field) {
            text.extend(bytes);
        }
    }

    /// All of them.
    ///
    /// # Errors
    /// One is not UTF-8.
    pub fn handshake(self) -> Result<Handshake, Status> {
        let text = |bytes| String::from_utf8(bytes).map_err(|_| malformed());
        let (id, protocol) = (text(self.id)?, text(self.protocol)?);
        Ok(Handshake { id, protocol, target: text(self.target)? })
    }

    /// Where a field is kept, if it is.
    fn of(&mut self, field: u32) -> Option<&mut Vec<u8>> {
        match field {
            _ if !self.wanted => None,
            ID => Some(&mut self.id),
            PROTOCOL => Some(&mut self.protocol),
            TARGET => Some(&mut self.target),
            _ => None,
        }
    }
}
