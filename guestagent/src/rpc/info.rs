//! `GetInfo`: what listens now, from memory. It is the host's ping.

use crate::port::Snapshot;
use crate::proto::Info;

/// The ports of a snapshot as the host reads them.
pub fn info(snapshot: &Snapshot) -> Info {
    Info { local_ports: snapshot.ports.iter().map(Into::into).collect() }
}
