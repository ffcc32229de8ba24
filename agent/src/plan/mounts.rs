//! The cidata medium itself, and the mounts of the seed.

use nixvm_system::{GuestPath, MountSpec};

use super::accounts::home;
use super::{Draft, fixed, step};
use crate::config::Config;
use crate::config::types::{MountEntry, UserName};
use crate::source::Seed;
use crate::step::{Action, Lifetime, Stage, Step};

/// Lima's host reads files below this very path for the whole uptime.
pub const CIDATA: &str = "/mnt/lima-cidata";

/// How Lima mounts its medium: hidden from all but root, executable although Rock Ridge says 0644,
/// root's although it carries the ids of a host user.
const CIDATA_OPTIONS: &str = "ro,mode=0700,dmode=0700,overriderockperm,exec,uid=0";

pub fn steps(seed: &Seed, config: &Config, draft: &mut Draft<'_>) {
    if config.lima.is_some() {
        cidata(seed, draft);
    }
    for entry in &config.mounts {
        mount(entry, config, draft);
    }
}

fn cidata(seed: &Seed, draft: &mut Draft<'_>) {
    let Some(medium) = &seed.medium else { return };
    let options = if medium.fstype == "iso9660" { CIDATA_OPTIONS } else { "ro,umask=0077,exec" };
    let spec = MountSpec {
        source: medium.device.to_string(),
        target: fixed(CIDATA),
        fstype: medium.fstype.to_owned(),
        options: options.to_owned(),
    };
    let action = Action::Mount { spec, owner: None };
    let title = format!("mount the cidata medium on {CIDATA}");
    let lifetime = Lifetime::Boot;
    draft.add(Step { lifetime, ..step("mount:cidata", title, Stage::Early, action) });
}

fn mount(entry: &MountEntry, config: &Config, draft: &mut Draft<'_>) {
    let MountEntry { source, target, fstype, options, mark } = entry;
    let owner = owner(target, config);
    let spec = MountSpec {
        source: source.clone(),
        target: target.clone(),
        fstype: fstype.clone(),
        options: options.clone(),
    };
    let title = format!("mount {source} ({fstype}) on {target}");
    let needs = owner.iter().map(|name| format!("account:{}", name.as_str())).collect();
    let action = Action::Mount { spec, owner };
    let step = Step {
        lifetime: Lifetime::Boot,
        needs,
        origin: format!("user-data:{}", mark.line),
        ..step(format!("mount:{target}"), title, Stage::Early, action)
    };
    if matches!(fstype.as_str(), "9p" | "virtiofs") {
        draft.add(step);
    } else {
        draft.skip(step, format!("file system type {fstype} is not mounted by nixvm-agent yet"));
    }
}

/// The user whose home holds the mount point; of nested homes the inner one.
fn owner(target: &GuestPath, config: &Config) -> Option<UserName> {
    config
        .users
        .iter()
        .map(|user| (home(user), &user.name))
        // A home that is the root itself would make every mount point that user's.
        .filter(|(home, _)| *home != GuestPath::root() && target.below(home).is_some())
        .max_by_key(|(home, _)| home.as_str().len())
        .map(|(_, name)| name.clone())
}
