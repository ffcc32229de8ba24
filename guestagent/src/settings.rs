//! What the daemon is to do: [`Settings`], checked, put together from Lima's
//! flags ([`crate::cli`]) and the settings file ([`file`]).

use crate::listen::Address;
use std::path::PathBuf;
use std::time::Duration;

pub mod file;
pub mod finding;
mod toml;

pub use file::{Clock, File, Ports, Tunnel};
pub use finding::{Finding, Level};

/// What the daemon is to do.
#[derive(Debug, PartialEq, Eq)]
pub struct Settings {
    /// Folder of `event-state.json`.
    pub runtime_dir: PathBuf,
    /// Longest pause between dumps without hints.
    pub tick: Duration,
    /// Where to listen, each place once.
    pub addresses: Vec<Address>,
    /// The user of the Unix sockets, besides root, and of the tunnels if it is
    /// not 0.
    pub socket_owner: u32,
    /// `[tunnel]` of the file.
    pub tunnel: Tunnel,
    /// `[ports]` of the file.
    pub ports: Ports,
    /// `[clock]` of the file.
    pub clock: Clock,
}

impl Settings {
    /// The flags' one address first, the file's after it.
    pub(crate) fn places(first: Address, listen: impl Iterator<Item = Address>) -> Vec<Address> {
        let mut places = vec![first];
        for address in listen {
            if !places.iter().any(|place| place.same_place(&address)) {
                places.push(address);
            }
        }
        places
    }
}
