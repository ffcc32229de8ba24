//! What the tasks need of this machine beyond Rust. Where apt is there it installs what is missing:
//! without a question in CI, after a question on a terminal. Elsewhere it says what is missing.

mod apt;
mod need;

use anyhow::{Result, bail};
use nixvm_e2e::rig::arch::Arch;

use self::need::Need;
use crate::progress::say;

/// Makes sure that guests can be made and booted.
pub fn prepare() -> Result<()> {
    if std::env::consts::OS != "linux" {
        bail!(
            "guests are made and booted on Linux only; on {} run this inside a Linux virtual \
             machine, one of Lima's for example",
            std::env::consts::OS
        );
    }
    let missing = missing()?;
    if missing.is_empty() {
        say("packages: all there");
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package.as_str()).collect();
    match apt::permission(&packages)? {
        apt::Permission::Granted { sudo } => apt::install(&packages, sudo)?,
        apt::Permission::NotAsked(reason) => bail!("{}", list(&missing, &reason)),
    }
    match self::missing()? {
        still if still.is_empty() => Ok(()),
        still => bail!("{}", list(&still, "they are not there even after an installation")),
    }
}

fn missing() -> Result<Vec<Need>> {
    Ok(need::all(Arch::host()?).into_iter().filter(|need| !need.is_met()).collect())
}

fn list(missing: &[Need], reason: &str) -> String {
    let mut text = format!("some programs are missing, and {reason}:\n");
    for need in missing {
        text += &format!("  {:<28} for {}, package {}\n", need.what(), need.purpose, need.package);
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package.as_str()).collect();
    text += "On Debian or Ubuntu: ";
    text += &apt::command(&packages);
    text += "\nOn other distributions all of this works once the programs are there.";
    text
}
