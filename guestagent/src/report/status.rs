//! What the running daemon says of itself, as data, and how it is shown.

use crate::port::{Hidden, Port, Snapshot};
use crate::watch::means::Means;
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind};
use std::path::Path;

/// The file in the runtime folder.
pub const FILE: &str = "status.json";

/// The state of the daemon. A field that an older one does not write is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Of the daemon.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// The name of that process, to tell it from a later one of that number.
    pub name: String,
    /// Where it listens for hosts.
    pub transports: Vec<String>,
    /// Hosts that follow the ports now.
    pub hosts: u32,
    /// How changes are noticed, of each protocol.
    pub changes: Vec<Means>,
    /// What the sources of ports without sockets say.
    pub notes: Vec<String>,
    /// Why the ports may be out of date.
    pub fault: Option<String>,
    /// What the hosts were told.
    pub told: Vec<Port>,
    /// What they are not told, and why.
    pub hidden: Vec<HiddenPort>,
    /// Ports without a socket of ours.
    pub others: Vec<OtherPort>,
    /// Whether UDP ports that the kernel chose are left out.
    pub hides_ephemeral: bool,
    /// Tunnels that are open.
    pub tunnels: u64,
    /// Connections that were refused since the start.
    pub refused: u64,
    /// The last time that the clock was set, in words.
    pub clock: Option<String>,
}

/// A port that no host is told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HiddenPort {
    /// Which.
    #[serde(flatten)]
    pub port: Port,
    /// The rule that says so.
    pub rule: String,
}

/// A port without a socket of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherPort {
    /// Which.
    #[serde(flatten)]
    pub port: Port,
    /// Where it comes from.
    pub origin: String,
}

impl Status {
    /// Takes over what listens.
    pub fn see(&mut self, snapshot: &Snapshot) {
        let hidden =
            |hidden: &Hidden| HiddenPort { port: hidden.port, rule: hidden.rule.to_string() };
        self.hidden = snapshot.hidden.iter().map(hidden).collect();
        let other = |(port, origin): &(Port, std::sync::Arc<str>)| OtherPort {
            port: *port,
            origin: origin.to_string(),
        };
        self.others = snapshot.origins.iter().map(other).collect();
        self.notes = snapshot.notes.to_vec();
        self.fault = snapshot.fault.as_deref().map(str::to_owned);
    }

    /// The state of the daemon that uses this folder; none if none runs.
    ///
    /// # Errors
    /// It cannot be read or understood.
    pub fn read(folder: &Path) -> io::Result<Option<Self>> {
        let text = match std::fs::read(folder.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let status = Self::parse(&text)?;
        let name = std::fs::read_to_string(format!("/proc/{}/comm", status.pid));
        // A process that is not there has no name.
        let runs = name.is_ok_and(|name| name.trim_end() == status.name);
        Ok(runs.then_some(status))
    }

    /// Reads the text of the file.
    ///
    /// # Errors
    /// It cannot be understood.
    pub fn parse(text: &[u8]) -> io::Result<Self> {
        Ok(serde_json::from_slice(text)?)
    }

    /// As lines with a name each, for a reader.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut line = |name: &str, value: &str| out += &format!("{name:12} {value}\n");
        line("agent", &format!("{} (pid {})", self.version, self.pid));
        self.transports.iter().for_each(|transport| line("listens", transport));
        line("hosts", &self.hosts.to_string());
        self.changes.iter().for_each(|means| line("changes", &means.to_string()));
        self.notes.iter().for_each(|note| line("source", note));
        self.fault.iter().for_each(|fault| line("fault", fault));
        line(
            "ports",
            &format!("{} told, {} left out by rules", self.told.len(), self.hidden.len()),
        );
        line("tunnels", &format!("{} open, {} refused", self.tunnels, self.refused));
        line("clock", self.clock.as_deref().unwrap_or("not set since the start"));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Protocol;
    use crate::watch::means::By;
    use expect_test::expect;

    #[test]
    fn the_text_is_aligned() {
        let status = Status {
            version: "0.1.0".into(),
            pid: 7,
            transports: vec!["vsock port 2222".into()],
            hosts: 1,
            changes: vec![
                Means { protocol: Protocol::Tcp, by: By::Bpf, refused: vec![] },
                Means {
                    protocol: Protocol::Udp,
                    by: By::Polling(3_000),
                    refused: vec!["x".into()],
                },
            ],
            notes: vec!["iptables-legacy is looked at every 10 s".into()],
            tunnels: 2,
            ..Status::default()
        };
        expect![[r"
            agent        0.1.0 (pid 7)
            listens      vsock port 2222
            hosts        1
            changes      tcp by BPF
            changes      udp by polling, every 3s at least; x
            source       iptables-legacy is looked at every 10 s
            ports        0 told, 0 left out by rules
            tunnels      2 open, 0 refused
            clock        not set since the start
        "]]
        .assert_eq(&status.text());
    }

    #[test]
    fn a_daemon_that_is_gone_says_nothing() {
        let folder = tempfile::tempdir().expect("folder");
        assert_eq!(Status::read(folder.path()).expect("none"), None);
        let own = std::fs::read_to_string("/proc/self/comm").expect("name");
        for (name, pid, runs) in [
            (own.trim_end(), std::process::id(), true),
            (own.trim_end(), u32::MAX, false),
            ("another", std::process::id(), false),
        ] {
            let status = Status { pid, name: name.into(), ..Status::default() };
            let text = serde_json::to_string(&status).expect("JSON");
            std::fs::write(folder.path().join(FILE), text).expect("file");
            let read = Status::read(folder.path()).expect("readable");
            assert_eq!(read.is_some(), runs, "{name} {pid}");
        }
        std::fs::write(folder.path().join(FILE), "{").expect("file");
        assert!(Status::read(folder.path()).is_err());
    }
}
