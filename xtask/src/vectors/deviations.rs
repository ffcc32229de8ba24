//! `tests/vectors/deviations.toml`: where the agent differs on purpose, by id of the case.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;

/// Reasons by id.
pub(super) struct Deviations(BTreeMap<String, String>);

impl Deviations {
    /// Reads the file of this repository; without it there are none.
    pub(super) fn read() -> anyhow::Result<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/deviations.toml");
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text).with_context(|| format!("reading {}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self(BTreeMap::new())),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        Ok(Self(toml::from_str(text)?))
    }

    /// Why a case differs, if it may.
    pub(super) fn reason(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }
}
