//! Reverse-sshfs: the host mounts through an sshfs that runs as the guest's user.

use super::{Draft, step};
use crate::config::lima::Lima;
use crate::config::types::UserName;
use crate::step::{Action, Lifetime, Stage, Step};

/// Mount points of the user's own.
pub fn points(user: &UserName, lima: &Lima, draft: &mut Draft<'_>) {
    if !is_wanted(lima) {
        return;
    }
    let action = Action::Fuse { user: user.clone(), points: lima.mount_points.clone() };
    let needs = vec![format!("account:{}", user.as_str())];
    let title = "prepare mount points for reverse-sshfs";
    let lifetime = Lifetime::Boot;
    draft.add(Step { lifetime, needs, ..step("fuse", title, Stage::Early, action) });
}

/// Before the package is there its configuration is not ours to make: dpkg would ask whose to keep,
/// and nobody would answer. Then it is made in the last stage, after packages.
pub fn sharing(lima: &Lima, draft: &mut Draft<'_>) {
    if !is_wanted(lima) {
        return;
    }
    let action = Action::FuseSharing { points: lima.mount_points.clone() };
    let logins = &draft.facts.logins;
    let is_theirs = logins.is_nixos || draft.facts.owned_by_nixos.contains("/etc/fuse.conf");
    let is_missing = is_theirs && !logins.shares_fuse;
    let stage = if logins.has_fuse || is_theirs { Stage::Early } else { Stage::Late };
    let lifetime = Lifetime::Boot;
    let step =
        Step { lifetime, ..step("fuse-sharing", "let users share FUSE mounts", stage, action) };
    if is_missing {
        draft.skip(step, "owned by NixOS: set programs.fuse.userAllowOther = true");
    } else {
        draft.add(step);
    }
}

fn is_wanted(lima: &Lima) -> bool {
    lima.mount_type == "reverse-sshfs" && !lima.mount_points.is_empty() && !lima.plain
}
