//! What the tasks need of this machine beyond Rust. Where apt is there it installs what is missing:
//! without a question in CI, after a question on a terminal. Elsewhere it says what is missing.

mod apt;
mod need;

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use nixvm_e2e::rig::arch::Arch;

use self::need::Need;
use crate::progress::say;

/// What is to be done on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Making and booting guests.
    Guests,
    /// That and all tests.
    Tests,
    /// Fuzzing parsers.
    Fuzzing,
}

/// Makes sure that this machine has what the purpose needs.
pub fn prepare(purpose: Purpose) -> Result<()> {
    if std::env::consts::OS != "linux" {
        bail!(
            "guests are made and booted on Linux only; on {} run this inside a Linux virtual \
             machine, one of Lima's for example",
            std::env::consts::OS
        );
    }
    let missing = missing(purpose)?;
    if missing.is_empty() {
        say("packages: all there");
        return Ok(());
    }
    let packages = packages(&missing);
    match apt::permission(&packages)? {
        apt::Permission::Granted { sudo } => apt::install(&packages, sudo)?,
        apt::Permission::NotAsked(reason) => bail!("{}", list(&missing, &reason)),
    }
    match self::missing(purpose)? {
        still if still.is_empty() => Ok(()),
        still => bail!("{}", list(&still, "they are not there even after an installation")),
    }
}

fn missing(purpose: Purpose) -> Result<Vec<Need>> {
    let mut needs = match purpose {
        Purpose::Guests | Purpose::Tests => need::for_guests(Arch::host()?),
        Purpose::Fuzzing => need::for_fuzzing(),
    };
    if purpose == Purpose::Tests {
        needs.extend(need::for_tests());
    }
    needs.retain(|need| !need.is_met());
    Ok(needs)
}

/// Each package once: some have two of the programs.
fn packages(missing: &[Need]) -> Vec<&str> {
    let packages: BTreeSet<&str> = missing.iter().map(|need| need.package.as_str()).collect();
    packages.into_iter().collect()
}

fn list(missing: &[Need], reason: &str) -> String {
    let mut text = format!("some programs are missing, and {reason}:\n");
    for need in missing {
        text += &format!("  {:<28} for {}, package {}\n", need.what(), need.purpose, need.package);
    }
    let packages = packages(missing);
    text += "On Debian or Ubuntu: ";
    text += &apt::command(&packages);
    text += "\nOn other distributions all of this works once the programs are there.";
    text
}
