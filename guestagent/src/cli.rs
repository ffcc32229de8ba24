//! The command line, in two stages: [`Cli`] as typed, [`Settings`] as meant.
//!
//! It is Lima's, so that Lima's units and NixOS modules can start this agent:
//! an empty text and 0 mean "not set", and a switch may be given a value.

use crate::duration;
use crate::listen::{Address, Peers};
use clap::{ArgAction, Args, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or stopped as asked
  1  could not start or go on; the reason is on standard error
  2  the command line is wrong";

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
}

/// The daemon's flags. One of the transports is used: virtio before vsock
/// before the Unix socket.
#[derive(Debug, Args)]
pub struct Daemon {
    /// Folder for state that survives a restart of the agent
    #[arg(long, default_value = "/run/lima-guestagent")]
    runtime_dir: PathBuf,
    /// Longest pause between two looks at the ports where the kernel does not
    /// tell of changes, as 3s or 500ms
    #[arg(long, default_value = "3s", value_parser = duration::parse)]
    tick: Duration,
    /// Listen on this vsock port; 0 is none (or `NIXVM_VSOCK_PORT`)
    #[arg(long, default_value = "")]
    vsock_port: String,
    /// Listen on this virtio-serial port; empty is none (or
    /// `NIXVM_VIRTIO_PORT`)
    #[arg(long, default_value = "")]
    virtio_port: String,
    /// UID that may use the Unix socket, besides root (or
    /// `NIXVM_SOCKET_OWNER`)
    #[arg(long, default_value = "")]
    socket_owner: String,
    /// The Unix socket
    #[arg(long, default_value = "/run/lima-guestagent.sock")]
    socket_path: PathBuf,
    /// For tests: let processes of this machine use the vsock port
    #[arg(long, hide = true)]
    vsock_local: bool,
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

/// What the daemon is to do, checked.
#[derive(Debug, PartialEq, Eq)]
pub struct Settings {
    /// Folder of `event-state.json`.
    pub runtime_dir: PathBuf,
    /// Longest pause between dumps without hints.
    pub tick: Duration,
    /// Where to listen.
    pub address: Address,
}

impl Daemon {
    /// Puts flags and environment together; a flag that is set wins.
    ///
    /// # Errors
    /// A number that is none, or the transport that does not exist yet.
    pub fn settings(self, env: impl Fn(&str) -> Option<String>) -> Result<Settings, UsageError> {
        let or_env = |flag: String, name: &str| match flag.as_str() {
            "" | "0" => env(name).unwrap_or_default(),
            _ => flag,
        };
        let virtio = or_env(self.virtio_port, "NIXVM_VIRTIO_PORT");
        if !virtio.is_empty() && virtio != "0" {
            return Err(UsageError::Virtio(virtio));
        }
        let port = number("--vsock-port", &or_env(self.vsock_port, "NIXVM_VSOCK_PORT"))?;
        let owner = number("--socket-owner", &or_env(self.socket_owner, "NIXVM_SOCKET_OWNER"))?;
        let peers = if self.vsock_local { Peers::HostAndLocal } else { Peers::Host };
        let address = match port {
            0 => Address::Unix { path: self.socket_path, owner },
            port => Address::Vsock { port, peers },
        };
        Ok(Settings { runtime_dir: self.runtime_dir, tick: self.tick, address })
    }
}

fn number(name: &'static str, text: &str) -> Result<u32, UsageError> {
    match text {
        "" => Ok(0),
        _ => text.parse().map_err(|_| UsageError::Number { name, text: text.into() }),
    }
}

/// Settings that cannot be followed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum UsageError {
    /// virtio-serial.
    #[error("--virtio-port {0}: virtio-serial is not supported yet; use vsock or the Unix socket")]
    Virtio(String),
    /// A number is expected.
    #[error("{name}: {text:?} is not a number from 0 to 4294967295")]
    Number {
        /// The flag.
        name: &'static str,
        /// What was given.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(line: &str, env: &[(&str, &str)]) -> Result<Settings, UsageError> {
        let words = line.split(' ').map(|word| word.trim_matches('\''));
        let Command::Daemon(daemon) = Cli::try_parse_from(words).expect(line).command else {
            panic!("{line} is no daemon");
        };
        let find = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        daemon.settings(find)
    }

    #[test]
    fn transport_is_vsock_before_unix_and_empty_is_unset() {
        let unix = |owner| Address::Unix { path: "/run/lima-guestagent.sock".into(), owner };
        let vsock = |port| Address::Vsock { port, peers: Peers::Host };
        let env = [("NIXVM_VSOCK_PORT", "2222"), ("NIXVM_SOCKET_OWNER", "501")];
        for (line, env, expected) in [
            ("ga daemon", &[][..], unix(0)),
            ("ga daemon --socket-owner=501", &[], unix(501)),
            ("ga daemon --vsock-port 0 --virtio-port= --socket-owner 7", &[], unix(7)),
            ("ga daemon --vsock-port=2222 --virtio-port=''", &[], vsock(2222)),
            ("ga --debug daemon --tick 500ms --vsock-port 2222", &[], vsock(2222)),
            ("ga daemon --debug=false", &env, vsock(2222)),
            ("ga daemon --vsock-port 5", &env, vsock(5)),
            ("ga daemon", &[("NIXVM_VSOCK_PORT", ""), ("NIXVM_SOCKET_OWNER", "9")], unix(9)),
        ] {
            assert_eq!(settings(line, env).map(|s| s.address), Ok(expected), "{line}");
        }
    }

    #[test]
    fn unusable_values_are_named() {
        let virtio = Err(UsageError::Virtio("io.lima-vm.guest_agent.0".into()));
        assert_eq!(settings("ga daemon --virtio-port io.lima-vm.guest_agent.0", &[]), virtio);
        let number = UsageError::Number { name: "--vsock-port", text: "x".into() };
        assert_eq!(settings("ga daemon", &[("NIXVM_VSOCK_PORT", "x")]), Err(number));
        assert!(Cli::try_parse_from(["ga", "daemon", "--tick", "0"]).is_err());
    }

    #[test]
    fn command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
