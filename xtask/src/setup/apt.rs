//! Installing packages with apt, after asking where there is somebody to ask.

use std::io::{IsTerminal, Write, stdin, stdout};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use nixvm_e2e::rig::tool::Tool;

use crate::progress::say;

/// Whether packages may be installed.
pub enum Permission {
    /// They may.
    Granted {
        /// Through sudo.
        sudo: bool,
    },
    /// They may not, for a reason that completes "some programs are missing, and".
    NotAsked(String),
}

/// Finds out, by a question if there is a terminal and `CI` does not say otherwise.
pub fn permission(packages: &[&str]) -> Result<Permission> {
    let refused = |reason: &str| Ok(Permission::NotAsked(reason.to_owned()));
    if !Path::new("/usr/bin/apt-get").exists() {
        return refused("there is no apt here to install them");
    }
    let root = rustix::process::getuid().is_root();
    let ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
    let terminal = stdin().is_terminal() && stdout().is_terminal();
    match (root, terminal && !ci) {
        (true, false) => Ok(Permission::Granted { sudo: false }),
        (false, false) => refused("only root may install them"),
        (_, true) if ask(packages, !root)? => Ok(Permission::Granted { sudo: !root }),
        (_, true) => refused("you did not want them installed"),
    }
}

fn ask(packages: &[&str], sudo: bool) -> Result<bool> {
    let how = if sudo { "sudo apt-get" } else { "apt-get" };
    print!("Install {} with {how}? [y/N] ", packages.join(" "));
    stdout().flush().context("asking")?;
    let mut answer = String::new();
    stdin().read_line(&mut answer).context("reading the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Installs packages (one to three minutes).
pub fn install(packages: &[&str], sudo: bool) -> Result<()> {
    say(&format!("packages: installing {} (1 to 3 min) ...", packages.join(" ")));
    apt(sudo, &["update", "--quiet"])?;
    let options = ["install", "--quiet", "--yes", "--no-install-recommends"];
    apt(sudo, &[&options[..], packages].concat())
}

/// The same for a person to type.
pub fn command(packages: &[&str]) -> String {
    format!("apt-get update && apt-get install --no-install-recommends {}", packages.join(" "))
}

fn apt(sudo: bool, arguments: &[&str]) -> Result<()> {
    let tool = if sudo { Tool::new("sudo").arg("apt-get") } else { Tool::new("apt-get") };
    let tool = tool.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    tool.limit(Duration::from_mins(15)).run().context("installing packages")?;
    Ok(())
}
