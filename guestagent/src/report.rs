//! `ports` and `status`: what a dump sees now, whose it is, and what the
//! running daemon makes of it.

use crate::port::socket::{Autobound, Query, Socket};
use crate::port::{Port, Protocol};
use crate::watch::sock_diag::SockDiag;
use processes::{Process, processes};
use serde::Serialize;
use status::Status;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use verdict::{Chosen, verdict};

mod processes;
pub mod publisher;
pub mod status;
pub mod table;
mod verdict;

/// A row of the report.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    protocol: Protocol,
    ip: String,
    port: u16,
    /// Whose it is, if it could be found with our rights.
    process: Option<String>,
    pid: Option<u32>,
    unit: Option<String>,
    /// Where a port without a socket comes from.
    origin: Option<String>,
    forwarded: bool,
    /// Why it is forwarded, or why not.
    reason: String,
}

/// The ports that are open now, sorted.
///
/// # Errors
/// The kernel does not list its sockets.
pub fn rows(status: Option<&Status>) -> io::Result<Vec<Row>> {
    let mut diag = SockDiag::open()?;
    let mut sockets = Vec::new();
    diag.list(Query::all(Protocol::Tcp), &mut sockets)?;
    let udp = Query { connected: true, ..Query::all(Protocol::Udp) };
    diag.list(udp, &mut sockets)?;
    let mut named = Vec::new();
    diag.list(Query { autobound: Autobound::Skipped, ..udp }, &mut named)?;
    Ok(assemble(&sockets, &named, &processes(), status))
}

/// Puts together what is known. `named` are the UDP sockets whose number a
/// program asked for.
fn assemble(
    sockets: &[Socket],
    named: &[Socket],
    processes: &BTreeMap<u32, Process>,
    status: Option<&Status>,
) -> Vec<Row> {
    let named: BTreeSet<u64> = named.iter().map(|socket| socket.cookie).collect();
    let mut rows = Vec::new();
    for socket in sockets {
        let Some(port) = shown(socket, status) else { continue };
        let by_name = port.protocol == Protocol::Tcp || named.contains(&socket.cookie);
        let chosen = if by_name { Chosen::ByName } else { Chosen::ByKernel };
        let process = processes.get(&socket.inode);
        rows.push((port, row(port, chosen, process, None, status)));
    }
    for other in status.map(|status| status.others.as_slice()).unwrap_or_default() {
        let origin = Some(other.origin.clone());
        rows.push((other.port, row(other.port, Chosen::ByName, None, origin, status)));
    }
    rows.sort_by_key(|(port, _)| *port);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The port of a socket. A connected UDP socket has one only if the daemon
/// follows it, and then the one that was told before it connected.
fn shown(socket: &Socket, status: Option<&Status>) -> Option<Port> {
    if !socket.connected {
        return Some(socket.port);
    }
    let mut told = status?.told.iter().filter(|told| told.slot() == socket.port.slot());
    told.find(|told| told.address.is_unspecified() || told.address == socket.port.address).copied()
}

fn row(
    port: Port,
    chosen: Chosen,
    process: Option<&Process>,
    origin: Option<String>,
    status: Option<&Status>,
) -> Row {
    let verdict = verdict(&port, chosen, status);
    Row {
        protocol: port.protocol,
        ip: port.address.to_string(),
        port: port.number,
        process: process.map(|process| process.name.clone()),
        pid: process.map(|process| process.pid),
        unit: process.and_then(|process| process.unit.clone()),
        origin,
        forwarded: verdict.forwarded,
        reason: verdict.reason,
    }
}
