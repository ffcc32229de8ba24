//! INI files: sections of `key = value` lines. Comments are lost, as they are in yq.

mod read;
mod write;

pub(crate) use read::read;
pub(crate) use write::write;

use crate::ordered::Ordered;

/// The sections by their names, each with its keys and values.
type Sections = Ordered<Ordered<String>>;

/// The section of keys before the first `[section]`.
const DEFAULT: &str = "DEFAULT";
