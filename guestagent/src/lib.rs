//! The guest agent: tells the host which ports listen in the guest, carries
//! connections to them, and keeps clock and file times in step.
//!
//! ```text
//! watch  --hints-->  port::table  --watch<Snapshot>-->  rpc::info, rpc::events
//! listen --streams-> server (http2) -> rpc -> tunnel, clock, file_events
//! ```
//!
//! `watch` only ever says "look again"; `port::table` is the one writer of
//! what listens, and it believes nothing but a dump of the kernel's sockets.
//! `daemon` reads top to bottom as the life of the process.

pub mod cli;
pub mod clock;
pub mod commands;
pub mod daemon;
pub mod descriptor;
pub mod duration;
pub mod file_events;
pub mod grpc;
pub mod http2;
pub mod install;
pub mod listen;
pub mod port;
pub mod report;
pub mod rpc;
pub mod server;
pub mod settings;
pub mod tunnel;
pub mod watch;

/// Messages, client and server made from `proto/guestservice.proto`.
#[allow(missing_docs, clippy::pedantic)]
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/_.rs"));
}
