//! The flags of `install-systemd`.

use clap::{ArgAction, Args};

/// How the service is to be started, and whether its program is new.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct InstallSystemd {
    /// This program has just been replaced: restart the service
    #[arg(long, num_args = 0..=1, require_equals = true)]
    #[arg(default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub guestagent_updated: bool,
    /// Listen on this vsock port; 0 is none
    #[arg(long, default_value = "")]
    pub vsock_port: String,
    /// Listen on this virtio-serial port; empty is none
    #[arg(long, default_value = "")]
    pub virtio_port: String,
    /// UID that may use the Unix socket, besides root
    #[arg(long, default_value = "")]
    pub socket_owner: String,
}

impl InstallSystemd {
    /// The daemon's flags: those that are set, in one order.
    pub fn daemon_flags(&self) -> Vec<String> {
        let flags = [
            ("--vsock-port", &self.vsock_port),
            ("--virtio-port", &self.virtio_port),
            ("--socket-owner", &self.socket_owner),
        ];
        let set = flags.iter().filter(|(_, value)| !["", "0"].contains(&value.as_str()));
        set.map(|(name, value)| format!("{name}={value}")).collect()
    }
}
