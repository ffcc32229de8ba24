//! Lima on WSL2: a folder of the Windows host instead of a medium, and no cloud-init.
//!
//! Lima puts the same files into the folder as onto a medium, but on WSL2 nobody reads those that are
//! meant for cloud-init. Network, name, time zone and the size of the disk are Windows' own affair
//! there, and a guest that set them would fight with it. Users and keys stand in `lima.env` and in
//! `ssh_authorized_keys`, a file whose last line has no end.

use super::finding::Finding;
use super::lima::Lima;
use super::network::Network;
use super::types::{AuthorizedKey, User, UserName};
use super::yaml::Mark;
use super::{Config, user_data};
use crate::source::Seed;

const FILE: &str = "ssh_authorized_keys";

/// Leaves out what Windows sees to, and adds keys. Any other seed stays as it is.
pub fn adapt(seed: &Seed, config: &mut Config, findings: &mut Vec<Finding>) {
    let Some(lima) = config.lima.as_ref().filter(|lima| lima.no_cloud_init) else { return };
    if config.users.is_empty() {
        config.users.extend(user(lima));
    }
    config.network = Some(Network { is_disabled: true, ..Network::default() });
    config.hostname = None;
    config.timezone = None;
    config.grow_root = false;
    let text = seed.files.get(FILE).map(Vec::as_slice).unwrap_or_default();
    user_data::give_keys(keys(text, findings), config);
}

/// A user-data that cannot be read must not keep the user out.
fn user(lima: &Lima) -> Option<User> {
    let name = UserName::new(&lima.user).ok()?;
    Some(User {
        uid: lima.uid,
        home: lima.home.clone(),
        shell: lima.shell.clone(),
        sudo: vec!["ALL=(ALL) NOPASSWD:ALL".to_owned()],
        ..user_data::plain(name, Mark::START)
    })
}

fn keys(text: &[u8], findings: &mut Vec<Finding>) -> Vec<AuthorizedKey> {
    let mut keys = Vec::new();
    for (index, line) in String::from_utf8_lossy(text).lines().enumerate() {
        match AuthorizedKey::new(line) {
            _ if line.trim().is_empty() => {}
            Ok(key) => keys.push(key),
            Err(reason) => findings.push(Finding::error("bad-value", FILE, reason).line(index + 1)),
        }
    }
    keys
}
