//! The daemon's flags, and what they mean together with the environment and the
//! settings file.

use crate::duration;
use crate::listen::{Address, Peers};
use crate::settings::{File, Settings};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// The daemon's flags. One of the transports is used: virtio before vsock
/// before the Unix socket. Others may be added by the settings file and by
/// sockets that systemd hands over.
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
    /// The settings file, which must exist; without this flag
    /// /etc/nixvm/guestagent.toml if it exists
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// For tests: let processes of this machine use the vsock port
    #[arg(long, hide = true)]
    vsock_local: bool,
}

impl Daemon {
    /// Puts flags, environment and file together; a flag that is set wins.
    ///
    /// # Errors
    /// A number that is none.
    pub fn settings(
        self,
        env: impl Fn(&str) -> Option<String>,
        file: File,
    ) -> Result<Settings, UsageError> {
        let or_env = |flag: &str, name: &str| match flag {
            "" | "0" => env(name).unwrap_or_default(),
            _ => flag.to_owned(),
        };
        let virtio = or_env(&self.virtio_port, "NIXVM_VIRTIO_PORT");
        let vsock = number("--vsock-port", &or_env(&self.vsock_port, "NIXVM_VSOCK_PORT"))?;
        let owner = number("--socket-owner", &or_env(&self.socket_owner, "NIXVM_SOCKET_OWNER"))?;
        let listen = file.listen.into_iter().map(|address| address.owned_by(owner));
        Ok(Settings {
            addresses: Settings::places(self.address(virtio, vsock, owner), listen),
            runtime_dir: self.runtime_dir,
            tick: self.tick,
            socket_owner: owner,
            tunnel: file.tunnel,
            ports: file.ports,
            clock: file.clock,
        })
    }

    fn address(&self, virtio: String, vsock: u32, owner: u32) -> Address {
        let peers = if self.vsock_local { Peers::HostAndLocal } else { Peers::Host };
        match (virtio.as_str(), vsock) {
            ("" | "0", 0) => Address::Unix { path: self.socket_path.clone(), owner },
            ("" | "0", port) => Address::Vsock { port, peers },
            _ => Address::Virtio { name: virtio },
        }
    }
}

fn number(name: &'static str, text: &str) -> Result<u32, UsageError> {
    match text {
        "" => Ok(0),
        _ => text.parse().map_err(|_| UsageError { name, text: text.into() }),
    }
}

/// A number is expected.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{name}: {text:?} is not a number from 0 to 4294967295")]
pub struct UsageError {
    name: &'static str,
    text: String,
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, Command};
    use super::*;
    use clap::Parser;

    const LIMA: &str = "io.lima-vm.guest_agent.0";

    fn settings(line: &str, env: &[(&str, &str)], file: File) -> Result<Settings, UsageError> {
        let words = line.split(' ').map(|word| word.trim_matches('\''));
        let Command::Daemon(daemon) = Cli::try_parse_from(words).expect(line).command else {
            panic!("{line} is no daemon");
        };
        let find = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        daemon.settings(find, file)
    }

    fn unix(owner: u32) -> Address {
        Address::Unix { path: "/run/lima-guestagent.sock".into(), owner }
    }

    fn vsock(port: u32) -> Address {
        Address::Vsock { port, peers: Peers::Host }
    }

    #[test]
    fn transport_is_virtio_before_vsock_before_unix_and_empty_is_unset() {
        let virtio = || Address::Virtio { name: LIMA.into() };
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
            ("ga daemon --vsock-port 5 --virtio-port io.lima-vm.guest_agent.0", &[], virtio()),
            ("ga daemon", &[("NIXVM_VIRTIO_PORT", LIMA)], virtio()),
        ] {
            let settings = settings(line, env, File::default()).expect(line);
            assert_eq!(settings.addresses, [expected], "{line}");
        }
    }

    #[test]
    fn file_adds_places_and_each_is_used_once() {
        let other = Address::Unix { path: "/run/b.sock".into(), owner: 0 };
        let file = File { listen: vec![vsock(5), other.clone(), vsock(6)], ..File::default() };
        let settings = settings("ga daemon --vsock-port 5 --socket-owner 7", &[], file);
        let expected = [vsock(5), other.owned_by(7), vsock(6)];
        assert_eq!(settings.expect("settings").addresses, expected);
    }

    #[test]
    fn unusable_values_are_named() {
        let number = UsageError { name: "--vsock-port", text: "x".into() };
        let env = [("NIXVM_VSOCK_PORT", "x")];
        assert_eq!(settings("ga daemon", &env, File::default()), Err(number));
        assert!(Cli::try_parse_from(["ga", "daemon", "--tick", "0"]).is_err());
    }
}
