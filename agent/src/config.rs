//! What a seed says, as checked types. A bad key loses itself and is named by a [`Finding`]; its
//! neighbours are kept, and parsing as a whole never fails.

pub mod certificates;
pub mod disks;
pub mod env_file;
pub mod finding;
pub mod lima;
pub mod meta_data;
pub mod network;
pub mod provision;
mod reader;
pub mod regional;
pub mod scalars;
pub mod sniff;
pub mod types;
pub mod user_data;
mod wsl2;
pub mod yaml;

use serde::Serialize;

use certificates::Certificates;
pub use finding::{Finding, Level, Parsed};
use regional::{Keyboard, Locale};
use types::{Hostname, MountEntry, Timezone, User};

use crate::source::Seed;

/// All that a seed asks for.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Config {
    /// `instance-id` of the meta-data.
    pub instance_id: Option<String>,
    /// Host name, from `hostname` of the user-data or `local-hostname` of the meta-data.
    pub hostname: Option<Hostname>,
    /// Time zone.
    pub timezone: Option<Timezone>,
    /// Users to make, in order.
    pub users: Vec<User>,
    /// Mounts, in order.
    pub mounts: Vec<MountEntry>,
    /// Whether the root partition and file system are to fill the disk.
    pub grow_root: bool,
    /// `network-config`.
    pub network: Option<network::Network>,
    /// What only Lima's cidata says.
    pub lima: Option<lima::Lima>,
    /// Certificates to trust.
    pub certificates: Option<Certificates>,
    /// Keyboard of the console.
    pub keyboard: Option<Keyboard>,
    /// Language of programs.
    pub locale: Option<Locale>,
    /// `package_update`, `package_upgrade` and `package_reboot_if_required`.
    pub upgrade: provision::Upgrade,
}

/// Reads every file of the seed that the agent understands.
pub fn parse(seed: &Seed) -> Parsed<Config> {
    let mut findings = Vec::new();
    for file in &seed.unreadable {
        let message = format!("cannot be read: {}", file.reason);
        findings.push(
            Finding::error("seed-file-unreadable", &file.file, message)
                .hint("make the medium again; the rest of the seed is applied"),
        );
    }
    let mut config = Config { grow_root: true, ..Config::default() };
    meta_data::parse(seed, &mut config, &mut findings);
    config.lima = lima::parse(seed, &mut findings);
    if let Some(text) = seed.files.get("user-data") {
        user_data::parse(text, &mut config, &mut findings);
    }
    meta_data::keys(seed, &mut config, &mut findings);
    if seed.remote.is_some() {
        findings.push(
            Finding::error("seed-not-fetched", "meta-data", "names a seed in the network")
                .hint("nixvm-agent does not fetch seeds yet; put the files on the medium"),
        );
    }
    if let Some(text) = seed.files.get("network-config") {
        config.network = network::parse(text, &mut findings);
    }
    wsl2::adapt(seed, &mut config, &mut findings);
    Parsed { value: config, findings }
}
