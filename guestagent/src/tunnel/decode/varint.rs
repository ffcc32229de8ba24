//! Numbers of protobuf: seven bits a byte, the lowest first, and the highest bit
//! of all but the last byte set.

use super::malformed;
use crate::grpc::Status;

/// A varint of which some bytes have come.
#[derive(Debug, Default, Clone, Copy)]
pub struct Varint {
    value: u64,
    shift: u32,
}

/// What a byte made of it.
pub enum Step {
    /// There is more to come.
    More(Varint),
    /// It is whole.
    Done(u64),
}

impl Varint {
    /// Whether no byte has come.
    pub fn is_new(self) -> bool {
        self.shift == 0
    }

    /// Takes a byte. Ten of them are the most.
    ///
    /// # Errors
    /// One more than that.
    pub fn push(self, byte: u8) -> Result<Step, Status> {
        if self.shift > 63 {
            return Err(malformed());
        }
        let value = self.value | u64::from(byte & 0x7f) << self.shift;
        if byte & 0x80 == 0 {
            return Ok(Step::Done(value));
        }
        Ok(Step::More(Self { value, shift: self.shift + 7 }))
    }
}
