//! QEMU's control socket, as little of it as the rig needs.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// A connection to QEMU.
pub struct Qmp {
    reader: BufReader<UnixStream>,
}

impl Qmp {
    /// Connects and leaves the negotiation behind.
    pub fn connect(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket).context("connecting to QEMU")?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).context("QEMU's socket")?;
        let mut qmp = Self { reader: BufReader::new(stream) };
        qmp.line()?;
        qmp.execute("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Runs a command and gives what it returned.
    pub fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value> {
        let request = json!({ "execute": command, "arguments": arguments });
        let stream = self.reader.get_mut();
        writeln!(stream, "{request}").with_context(|| format!("asking QEMU to {command}"))?;
        loop {
            let mut answer = self.line().with_context(|| format!("asking QEMU to {command}"))?;
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
            if let Some(error) = answer.get("error") {
                bail!("QEMU on {command}: {error}");
            }
        }
    }

    /// The port on 127.0.0.1 that QEMU chose for the guest's port 22.
    pub fn ssh_port(&mut self) -> Result<u16> {
        let line = json!({ "command-line": "info usernet" });
        let answer = self.execute("human-monitor-command", &line)?;
        let text = answer.as_str().unwrap_or_default();
        forwarded(text, 22).with_context(|| format!("no forward to port 22 in\n{text}"))
    }

    fn line(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.reader.read_line(&mut line).context("reading from QEMU")? == 0 {
            bail!("QEMU closed its socket");
        }
        serde_json::from_str(&line).with_context(|| format!("QEMU said {line}"))
    }
}

/// Finds a forward in QEMU's table: protocol, descriptor, source address, source port, destination
/// address, destination port, and two lengths.
fn forwarded(table: &str, guest_port: u16) -> Option<u16> {
    table.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let is_forward = words.next()? == "TCP[HOST_FORWARD]";
        let port = words.nth(2)?;
        let guest = words.nth(1)?;
        (is_forward && guest == guest_port.to_string()).then(|| port.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forwarded_port_is_found_in_the_table() {
        let table = "Hub -1 (net0):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n  TCP[ESTABLISHED]   18       127.0.0.1 33333    192.168.5.15    22     0     0\r\n  TCP[HOST_FORWARD]  12       127.0.0.1 41555    192.168.5.15    22     0     0\r\n";
        assert_eq!(forwarded(table, 22), Some(41555));
        assert_eq!(forwarded(table, 80), None);
    }
}
