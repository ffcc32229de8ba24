//! TOML, as yq reads it: line by line into one mapping, without a check for keys that come twice.
//!
//! A comment on lines of its own belongs to what follows; the ones at the very start belong to the
//! document; one behind a value is its line comment; one behind a `[table]` is lost. Dates without
//! time zone are refused, as they are in yq.

mod lines;
mod quote;
mod read;
mod values;
mod write;

pub(crate) use quote::quoted;
pub(crate) use read::read;
pub(crate) use write::write;

use crate::Error;

fn wrong(line: usize, reason: &str) -> Error {
    Error::Input { format: "toml", reason: format!("line {line}: {reason}") }
}
