//! News that the host is being told, one line each, before they are sent.
//!
//! A line costs one `write` to a file in memory, however many ports there are.
//! It is enough to name the port: whether the host heard of its coming or going
//! is just what is not known, so it is told to forget it, and then of it again.
//! A line that was cut short is no port and is left out: it was not sent.

use super::super::announced::Batch;
use super::super::{Port, Protocol};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tokio::time::Instant;

/// The open file, and what is in it.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// None where it cannot be written.
    file: Option<File>,
    lines: Vec<(Port, Instant)>,
}

impl Journal {
    /// Opens the file and reads what an earlier run left in it. That stays in
    /// it for as long as if it had just been told.
    pub fn open(path: PathBuf, now: Instant) -> (Self, Vec<Port>) {
        let (file, bytes) = match read(&path) {
            Ok((file, bytes)) => (Some(file), bytes),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "news to the host are not noted");
                (None, Vec::new())
            }
        };
        let ports = ports(&bytes);
        let lines = ports.iter().map(|port| (*port, now)).collect();
        (Self { path, file, lines }, ports)
    }

    /// Notes what will be sent.
    pub fn append(&mut self, batch: &Batch, now: Instant) {
        let Some(file) = &mut self.file else { return };
        let told = batch.removed.iter().chain(&batch.added);
        self.lines.extend(told.clone().map(|port| (*port, now)));
        if let Err(error) = file.write_all(text(told).as_bytes()) {
            tracing::warn!(%error, "news to the host not noted");
        }
    }

    /// Forgets the lines from before `end`, which have been saved elsewhere.
    /// Whether any are left.
    pub fn forget(&mut self, end: Instant) -> bool {
        let before = self.lines.len();
        self.lines.retain(|(_, at)| *at >= end);
        if self.file.is_some() && self.lines.len() != before {
            match replace(&self.path, &text(self.lines.iter().map(|(port, _)| port))) {
                Ok(file) => self.file = Some(file),
                Err(error) => tracing::warn!(%error, "notes of news to the host not cleared"),
            }
        }
        !self.lines.is_empty()
    }
}

/// The ports in what a journal holds.
pub fn ports(bytes: &[u8]) -> Vec<Port> {
    String::from_utf8_lossy(bytes).lines().filter_map(port).collect()
}

/// What a journal of these ports holds.
pub fn text<'a>(ports: impl Iterator<Item = &'a Port>) -> String {
    ports.fold(String::new(), |lines, port| lines + &port.to_string() + "\n")
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o644);
    options
}

fn read(path: &Path) -> io::Result<(File, Vec<u8>)> {
    let mut file = options().open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok((file, bytes))
}

/// A new file in the place of the old one: at no moment is a line lost.
fn replace(path: &Path, text: &str) -> io::Result<File> {
    let fresh = path.with_extension("journal.new");
    let mut file = options().open(&fresh)?;
    file.set_len(0)?;
    file.write_all(text.as_bytes())?;
    std::fs::rename(&fresh, path)?;
    Ok(file)
}

/// The inverse of a port's `Display`.
fn port(line: &str) -> Option<Port> {
    let (protocol, at) = line.split_once(' ')?;
    let protocol = [Protocol::Tcp, Protocol::Udp].into_iter().find(|p| p.name() == protocol)?;
    let at: SocketAddr = at.parse().ok()?;
    Some(Port::new(protocol, at.ip(), at.port()))
}
