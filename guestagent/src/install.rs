//! `install-systemd`: makes this program the service `lima-guestagent`, as
//! Lima's boot scripts ask of the agent that they have just copied into a guest.
//!
//! The unit is written only if it changes, and systemd is bothered only if the
//! unit or the program is new: Lima asks at every boot.

use crate::cli::InstallSystemd;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

mod unit;

const UNIT: &str = "lima-guestagent.service";
const FOLDER: &str = "/etc/systemd/system";

/// Where units are written, and what tells systemd.
#[derive(Debug)]
pub struct Place {
    folder: PathBuf,
    systemctl: PathBuf,
}

impl Default for Place {
    fn default() -> Self {
        Self { folder: FOLDER.into(), systemctl: "systemctl".into() }
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Neither unit nor program are new.
    Nothing,
    /// The service was made or restarted.
    Started,
}

/// Installs `program` as the service, with these flags.
///
/// # Errors
/// No systemd, a folder that cannot be written, a flag that no unit can carry,
/// or a command that failed.
pub fn install(
    program: &Path,
    flags: &InstallSystemd,
    debug: bool,
    place: &Place,
) -> Result<Done, InstallError> {
    let text = unit::text(program, flags, debug)?;
    place.systemctl(&["--version"])?;
    let changed = place.write(&text)?;
    if !changed && !flags.guestagent_updated {
        return Ok(Done::Nothing);
    }
    if changed {
        place.systemctl(&["daemon-reload"])?;
    }
    for verb in ["enable", "try-restart", "start"] {
        place.systemctl(&[verb, UNIT])?;
    }
    Ok(Done::Started)
}

impl Place {
    /// Writes the unit unless it is as wanted; says whether it was not.
    fn write(&self, text: &str) -> Result<bool, InstallError> {
        let path = self.folder.join(UNIT);
        match std::fs::read(&path) {
            Ok(before) if before == text.as_bytes() => return Ok(false),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(InstallError::Read { path, source: error });
            }
            _ => {}
        }
        match replace(&self.folder, &path, text) {
            Ok(()) => Ok(true),
            Err(source) if is_read_only(&source) => Err(InstallError::ReadOnly { path, source }),
            Err(source) => Err(InstallError::Write { path, source }),
        }
    }

    fn systemctl(&self, arguments: &[&str]) -> Result<(), InstallError> {
        let command = format!("systemctl {}", arguments.join(" "));
        let output = match Command::new(&self.systemctl).args(arguments).output() {
            Ok(output) => output,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(InstallError::NoSystemd);
            }
            Err(source) => return Err(InstallError::Start { command, source }),
        };
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(InstallError::Failed { command, status: output.status.to_string(), said })
    }
}

/// Whole or not at all: a power cut leaves the old unit or the new one.
fn replace(folder: &Path, path: &Path, text: &str) -> io::Result<()> {
    let fresh = folder.join(format!(".{UNIT}.new"));
    let written = (|| {
        let mut file = std::fs::File::create(&fresh)?;
        file.write_all(text.as_bytes())?;
        rustix::fs::fchmod(&file, rustix::fs::Mode::from_raw_mode(0o644))?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)?;
        std::fs::File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        // It may not have been made at all.
        let _ = std::fs::remove_file(&fresh);
    }
    written
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied)
}

/// Why the service was not installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Another init.
    #[error(
        "there is no systemctl: this system is not run by systemd; \
         have its own service manager start `lima-guestagent daemon`"
    )]
    NoSystemd,
    /// NixOS, or a user who is not root.
    #[error(
        "{path:?} cannot be written; only root may install the service, and on NixOS the \
         configuration does it: `services.nixvm-agent.enable = true`"
    )]
    ReadOnly {
        /// The unit.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The unit that is there.
    #[error("reading {path:?}")]
    Read {
        /// The unit.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The new unit.
    #[error("writing {path:?}")]
    Write {
        /// The unit.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was not even started.
    #[error("starting `{command}`")]
    Start {
        /// The command line.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// It did not do it.
    #[error("`{command}`: {status}: {said}")]
    Failed {
        /// The command line.
        command: String,
        /// Its status.
        status: String,
        /// What it wrote.
        said: String,
    },
    /// It would not arrive as it is.
    #[error("{0:?} cannot be written into a unit: it holds a line feed or is no UTF-8")]
    Unwritable(String),
}

#[cfg(test)]
mod tests;
