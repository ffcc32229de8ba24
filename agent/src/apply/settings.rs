//! Effects on the settings of the system.

pub mod clock;
pub mod kernel;
pub mod password;
pub mod regional;
pub mod rootless;
pub mod rosetta;
pub mod trust;
pub mod user;

use nixvm_system::{Command, Ended, System};

use super::accounts::{LOCK_LIMIT, PASSWORD_LOCK, find, no_accounts, save};
use super::{Fault, write};

/// Runs a tool that must succeed; the last line that it said is the reason if it does not.
fn run_tool(system: &mut dyn System, command: &Command) -> Result<(), Fault> {
    let finished = system.run(command)?;
    let program = &command.program;
    let last = finished.tail.trim().lines().last().unwrap_or_default();
    let reason = match finished.ended {
        Ended::Exit(0) => return Ok(()),
        Ended::TimedOut => format!("{program} did not end within {} s", command.limit.as_secs()),
        Ended::Exit(_) | Ended::Signal(_) => format!("{program} did not succeed: {last}"),
    };
    Err(Fault::new("tool-failed", reason))
}
