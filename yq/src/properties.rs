//! Properties files: `key = value` lines, where dots in a key are levels and numbers are indexes.

mod read;
mod write;

pub(crate) use read::read;
pub(crate) use write::{write, write_leading};
