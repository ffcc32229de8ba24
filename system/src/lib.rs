//! The border to the operating system.
//!
//! Everything nixvm does to a machine passes one of six small traits: [`Files`], [`Commands`],
//! [`Mounts`], [`Clock`], [`Disks`] and [`Network`]. None has a default body, so a double that
//! forgets a method does not compile instead of acting on the machine. There are three implementations:
//!
//! * [`Host`] acts on the running machine;
//! * [`Scratch`] acts on a folder that stands for a machine: files are real files below that
//!   folder, owners are written down instead of set, commands and mounts are recorded instead of
//!   done. `nixvm-agent run --root DIR` uses it, and so do the golden cases.
//! * [`Dry`] acts on nothing: it reads another machine and keeps in memory what it would change.
//!
//! `tests/contract.rs` is the one suite that they must pass.

mod clock;
mod commands;
mod disks;
mod dry;
mod files;
mod growth;
mod host;
mod journal;
mod log_file;
mod mounts;
mod network;
mod path;
mod scratch;
mod secret;
mod tree;

pub use clock::Clock;
pub use commands::{Command, CommandError, Commands, Credentials, Ended, Finished, Output};
pub use disks::{
    Content, Disk, DiskError, Disks, Entry, Fresh, Part, Signature, blemish, content, entry,
};
pub use dry::{Difference, Dry, Form, Item};
pub use files::{
    Attrs, Change, FileError, FileKind, Files, Links, Lock, Owner, ReadAt, Stat, WriteError,
};
pub use growth::{Backing, Partition};
pub use host::Host;
pub use journal::Journal;
pub use log_file::{Begin, LogFile, Voice};
pub use mounts::{Mount, MountError, MountSpec, Mounts};
pub use network::{Network, NetworkError, Redirect, Transport};
pub use path::{GuestPath, PathError};
pub use scratch::Scratch;
pub use secret::Secret;

/// All borders at once: what a stage of the boot agent works on.
pub trait System: Files + Commands + Mounts + Clock + Disks + Network {}

impl<T: Files + Commands + Mounts + Clock + Disks + Network> System for T {}
