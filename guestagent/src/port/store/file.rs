//! `event-state.json`, in Lima's form.

use super::super::{Port, PortSet};
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

#[derive(Serialize)]
struct Saved<'a> {
    ports: Vec<&'a Port>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    ports: Option<Vec<serde_json::Value>>,
}

/// The ports in a file; none without a file.
///
/// # Errors
/// It cannot be read or understood.
pub fn load(path: &Path) -> io::Result<PortSet> {
    match std::fs::read(path) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(PortSet::new()),
        Err(error) => Err(error),
    }
}

/// The ports in a text. An entry that is no port of ours loses itself only.
///
/// # Errors
/// It cannot be understood as a whole.
pub fn parse(text: &[u8]) -> io::Result<PortSet> {
    let found: Found = serde_json::from_slice(text)?;
    let ports = found.ports.unwrap_or_default().into_iter().filter_map(|entry| {
        let port = serde_json::from_value::<Port>(entry);
        let port = port.inspect_err(|error| tracing::warn!(%error, "entry of the event state"));
        // Reported above.
        port.ok().map(|port| Port::new(port.protocol, port.address, port.number))
    });
    Ok(ports.collect())
}

/// Replaces the file whole. It lies in memory and need not survive a boot, so
/// nothing is forced to a disk.
///
/// # Errors
/// It cannot be written.
pub fn save(path: &Path, ports: &PortSet) -> io::Result<()> {
    let fresh = path.with_extension("json.new");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .open(&fresh)?;
    file.write_all(&text(ports)?)?;
    std::fs::rename(&fresh, path)
}

/// The inverse of [`parse`].
///
/// # Errors
/// None that is known.
pub fn text(ports: &PortSet) -> io::Result<Vec<u8>> {
    Ok(serde_json::to_vec(&Saved { ports: ports.iter().collect() })?)
}
