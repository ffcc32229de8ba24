//! `ports`: what a dump sees now, with the processes that listen.

use crate::port::Protocol;
use crate::port::socket::{Query, Socket};
use crate::watch::sock_diag::SockDiag;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::Path;

/// A row of the report.
#[derive(Debug, Serialize)]
pub struct Row {
    protocol: Protocol,
    ip: String,
    port: u16,
    /// `name[pid]`, if it could be found with our rights.
    process: Option<String>,
}

/// The ports that listen now, sorted.
///
/// # Errors
/// The kernel does not list its sockets.
pub fn rows() -> io::Result<Vec<Row>> {
    let mut sockets = SockDiag::open()?;
    let mut listeners = Vec::new();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        sockets.list(Query::all(protocol), &mut listeners)?;
    }
    listeners.sort_unstable();
    let processes = processes();
    let row = |Socket { port, inode, .. }| Row {
        protocol: port.protocol,
        ip: port.address.to_string(),
        port: port.number,
        process: processes.get(&inode).cloned(),
    };
    Ok(listeners.into_iter().map(row).collect())
}

/// The rows as a table with a line of titles.
pub fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.ip.len()).max().unwrap_or(0).max(7);
    let mut out = format!("PROTO {:width$} {:>5} PROCESS\n", "ADDRESS", "PORT");
    for row in rows {
        let process = row.process.as_deref().unwrap_or("-");
        let Row { protocol, ip, port, .. } = row;
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{protocol:5} {ip:width$} {port:>5} {process}");
    }
    out
}

/// Socket inodes and who holds them. A process that cannot be read is left
/// out: it has ended, or is not ours to look at.
fn processes() -> BTreeMap<u32, String> {
    let mut found = BTreeMap::new();
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let path = process.path();
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let name = std::fs::read_to_string(path.join("comm")).unwrap_or_default();
        for inode in sockets(&path.join("fd")) {
            found.entry(inode).or_insert_with(|| format!("{}[{pid}]", name.trim_end()));
        }
    }
    found
}

fn sockets(folder: &Path) -> Vec<u32> {
    let links = std::fs::read_dir(folder).into_iter().flatten().flatten();
    links
        .filter_map(|link| {
            let target = std::fs::read_link(link.path()).ok()?;
            target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
        })
        .collect()
}
