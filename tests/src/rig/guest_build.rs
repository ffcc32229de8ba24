//! The guest's programs: built static, so that one file runs on any Linux of its architecture.
//!
//! With musl where Rust has it or can get it. A static glibc brings a resolver, character sets and
//! a dynamic loader along, which nothing here calls: 0.9 MB more for the same speed.

use std::fs;
use std::path::{Path, PathBuf};
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
    let packages: Vec<_> = names.iter().flat_map(|name| ["--package", name]).collect();
    cargo(arch, &packages)
}

/// Builds the guest agent without `yq`, beside the one that has it.
pub fn without_yq(arch: Arch) -> Result<PathBuf> {
    let dir = cargo(arch, &["--package", "nixvm-guestagent", "--no-default-features"])?;
    let path = dir.join("nixvm-guestagent-without-yq");
    // The whole one will take its place.
    fs::copy(dir.join("nixvm-guestagent"), &path).context("keeping the agent without yq")?;
    Ok(path)
}

fn cargo(arch: Arch, arguments: &[&str]) -> Result<PathBuf> {
    let target = target(arch)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Tool::new(cargo)
        .args(["build", "--quiet", "--locked", "--profile", "guest", "--target", target])
        .args(arguments)
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .dir(&workspace::root())
        .limit(Duration::from_mins(20))
        .run()
        .context("building the guest's programs")?;
    Ok(workspace::target().join(target).join("guest"))
}

/// The target to build for. Without rustup it may be that there is only glibc's.
fn target(arch: Arch) -> Result<&'static str> {
    let [musl, glibc] = arch.targets();
    if has(musl)? {
        return Ok(musl);
    }
    let added =
        Tool::new("rustup").args(["target", "add", musl]).limit(Duration::from_mins(5)).run();
    Ok(if added.is_ok() && has(musl)? { musl } else { glibc })
}

/// Whether Rust's library for a target is there.
fn has(target: &str) -> Result<bool> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Tool::new(rustc).args(["--print", "target-libdir", "--target", target]).run();
    Ok(Path::new(said.context("asking where Rust's libraries are")?.trim()).is_dir())
}
