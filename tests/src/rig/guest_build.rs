//! The guest's programs: built static, so that one file runs on any Linux of its architecture.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::arch::Arch;
use super::tool::Tool;
use super::workspace;

/// The two programs of a guest.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `nixvm-agent`.
    pub agent: PathBuf,
    /// `nixvm-guestagent`.
    pub guestagent: PathBuf,
}

/// Builds both programs (about two minutes from nothing on two cores, else seconds).
pub fn build(arch: Arch) -> Result<Programs> {
    let dir = packages(arch, &["nixvm-agent", "nixvm-guestagent"])?;
    Ok(Programs { agent: dir.join("nixvm-agent"), guestagent: dir.join("nixvm-guestagent") })
}

/// Builds programs as a guest has them, and gives their folder.
pub fn packages(arch: Arch, names: &[&str]) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Tool::new(cargo)
        .args(["build", "--quiet", "--locked", "--profile", "guest", "--target", arch.target()])
        .args(names.iter().flat_map(|name| ["--package", name]))
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .dir(&workspace::root())
        .limit(Duration::from_mins(20))
        .run()
        .context("building the guest's programs")?;
    Ok(workspace::target().join(arch.target()).join("guest"))
}
