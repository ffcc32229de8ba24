//! `cargo xtask fixtures`: makes files anew that tests read and other programs wrote.

mod lima;
mod neutral;

use std::process::ExitCode;

use anyhow::Result;

/// Make fixtures anew, by the programs whose work they are.
#[derive(Debug, clap::Subcommand)]
pub enum Kind {
    Lima(lima::Options),
}

/// Runs the command.
pub fn run(kind: &Kind) -> Result<ExitCode> {
    match kind {
        Kind::Lima(options) => lima::run(options),
    }
}
