//! JSON, as Go's encoder writes it and yq reads it: numbers are floats of 64 bits.

mod read;
mod write;

pub(crate) use read::read;
pub(crate) use write::write;

use crate::Error;

fn wrong(reason: impl Into<String>) -> Error {
    Error::Output { format: "json", reason: reason.into() }
}
