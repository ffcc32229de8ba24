//! INI files: sections of `key = value` lines. Comments are lost, as they are in yq.

mod read;
mod write;

pub(crate) use read::read;
pub(crate) use write::write;

/// The section of keys before the first `[section]`.
const DEFAULT: &str = "DEFAULT";
