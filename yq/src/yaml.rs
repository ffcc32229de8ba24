//! YAML, read and written as Go's YAML library does for yq.
//!
//! ```text
//! text -> scan (tokens, comments) -> parse (events) -> compose (nodes) ... write (text)
//! ```
//!
//! The grammar is that of `libyaml`. Comments are no tokens: the scanner notes where each stands, and
//! the parser hands them out with the events. A comment before a node on lines of its own is the
//! *head*, one after it on the same line is the *line* comment, one below it before an empty line is
//! the *foot*. Which node a comment belongs to depends on the tokens that the scanner has seen when
//! it meets the comment, so the scanner works token by token like the original.
//!
//! What yq puts around this: comments, blank lines and `---` at the very start are taken off before
//! and kept as text (`leading`).

mod chars;
mod compose;
mod leading;
mod parse;
mod scan;
mod write;

pub(crate) use compose::{Documents, starts_with_separator, tag_of_snippet};
pub(crate) use leading::{SEPARATOR, write_leading};
pub(crate) use write::write;

use crate::Error;

/// What is wrong with a text, with a line that counts from 1.
fn fault(line: usize, reason: &str) -> Error {
    Error::Input { format: "yaml", reason: format!("line {}: {reason}", line + 1) }
}
