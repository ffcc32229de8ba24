//! The command line. It is Lima's, so that Lima's units and NixOS modules can
//! start this agent: an empty text and 0 mean "not set", and a switch may be
//! given a value. [`daemon`] makes [`crate::settings::Settings`] of it.

use clap::{ArgAction, Args, Parser, Subcommand};
use std::path::PathBuf;

mod daemon;
mod install;

pub use daemon::{Daemon, UsageError};
pub use install::InstallSystemd;

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or stopped as asked
  1  could not start or go on; the reason is on standard error
  2  the command line is wrong, or check-config found what it cannot use";

/// Tells the host which ports listen in this guest, and carries connections to
/// them.
#[derive(Debug, Parser)]
#[command(version, disable_version_flag = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// Log in more detail
    #[arg(long, global = true, num_args = 0..=1, require_equals = true)]
    #[arg(default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub debug: bool,
    /// Print the version
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the host until SIGTERM
    #[command(after_help = EXIT_CODES)]
    Daemon(Daemon),
    /// Show the ports that listen now, whose they are and whether hosts hear of
    /// them
    #[command(after_help = EXIT_CODES)]
    Ports(Report),
    /// Show what the running daemon does and how it does it
    #[command(after_help = EXIT_CODES)]
    Status(Report),
    /// Check a settings file and say what is wrong in it
    #[command(after_help = EXIT_CODES)]
    CheckConfig(CheckConfig),
    /// Make this program a service of systemd and start it
    #[command(after_help = EXIT_CODES)]
    InstallSystemd(InstallSystemd),
    /// Edit YAML, JSON, TOML, INI and properties files as yq does; `yq --help`
    /// says how
    #[command(disable_help_flag = true)]
    Yq(Yq),
}

/// How to show a report.
#[derive(Debug, Args)]
pub struct Report {
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Folder of the daemon's state
    #[arg(long, default_value = "/run/lima-guestagent")]
    pub runtime_dir: PathBuf,
}

/// Not read here: yq has its own command line.
#[derive(Debug, Args)]
pub struct Yq {
    /// yq's own
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<std::ffi::OsString>,
}

/// What to check.
#[derive(Debug, Args)]
pub struct CheckConfig {
    /// The file
    #[arg(default_value = crate::settings::file::DEFAULT)]
    pub file: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_of_the_daemon_names_what_nixos_modules_look_for() {
        let mut cli = Cli::command();
        let daemon = cli.find_subcommand_mut("daemon").expect("command");
        assert!(daemon.render_help().to_string().contains("--socket-owner"));
    }
}
