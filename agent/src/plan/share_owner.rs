//! Shares of a host whose user has another number than the guest's.
//!
//! By default Lima gives the guest's user the number of the host's, and there is nothing to do. A
//! seed that names another one makes every file on a share somebody else's. Who the host's user is
//! can be seen from the medium, which that user made.

use super::{Draft, step};
use crate::config::Config;
use crate::config::types::{MountEntry, UserName};
use crate::source::Seed;
use crate::step::{Action, Lifetime, Stage, Step};

pub fn step_for(entry: &MountEntry, seed: &Seed, config: &Config, draft: &mut Draft<'_>) {
    let Some((user, host)) = foreign(seed, config) else { return };
    if !matches!(entry.fstype.as_str(), "9p" | "virtiofs") || entry.source.contains("rosetta") {
        return;
    }
    let (name, target) = (user.as_str(), entry.target.clone());
    let title = format!("show the files of {host} on {target} as those of {name}");
    let needs = vec![format!("account:{name}"), format!("mount:{target}")];
    let id = format!("share-owner:{target}");
    let origin = format!("user-data:{}", entry.mark.line);
    let action = Action::ShareOwner { target, user, host };
    let lifetime = Lifetime::Boot;
    draft.add(Step { lifetime, needs, origin, ..step(id, title, Stage::Early, action) });
}

/// The guest's user and the number of the host's, if the two differ. Root on either side has all
/// files anyhow.
fn foreign(seed: &Seed, config: &Config) -> Option<(UserName, u32)> {
    let lima = config.lima.as_ref()?;
    let host = seed.medium.as_ref()?.owner.filter(|host| *host != 0)?;
    lima.uid.filter(|guest| *guest != 0 && *guest != host)?;
    // A name that is none was told of where users are made.
    Some((UserName::new(&lima.user).ok()?, host))
}
