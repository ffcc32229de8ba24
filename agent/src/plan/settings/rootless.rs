//! What containers without root need: ids, settings of the kernel, control groups of their own.
//!
//! The files are in `/run`, so they end with the boot and lie beside what `NixOS` owns. That a unit
//! has a new drop-in systemd sees by itself when it loads the unit, and no user's manager is loaded
//! before logins.

use super::{Draft, fixed, needs, step};
use crate::config::types::UserName;
use crate::facts::rootless::SYSCTLS;
use crate::step::{Action, Lifetime, Stage, Step};

/// Lima's name for the file, so that whoever looks for it finds it.
const DELEGATE: &str = "/run/systemd/system/user@.service.d/lima.conf";

pub fn steps(user: &UserName, draft: &mut Draft<'_>) {
    ids(user, draft);
    sysctl(draft);
    let action = Action::File { path: fixed(DELEGATE), text: "[Service]\nDelegate=yes\n" };
    let title = "let users limit their containers";
    let lifetime = Lifetime::Boot;
    draft.add(Step { lifetime, ..step("delegate", title, Stage::Early, action) });
}

fn ids(user: &UserName, draft: &mut Draft<'_>) {
    let name = user.as_str();
    let title = format!("give {name} ids for containers");
    let action = Action::SubordinateIds { user: user.clone() };
    let step = step(format!("subordinate-ids:{name}"), title, Stage::Early, action);
    let step = Step { needs: needs(user), ..step };
    let owned = &draft.facts.owned_by_nixos;
    if owned.contains("/etc/subuid") || owned.contains("/etc/subgid") {
        draft.skip(step, "owned by NixOS: set users.users.<name>.subUidRanges and subGidRanges");
    } else {
        draft.add(step);
    }
}

fn sysctl(draft: &mut Draft<'_>) {
    let is_there = |(name, _): &&(&str, &str)| draft.facts.sysctls.contains(name);
    let values: Vec<_> = SYSCTLS.iter().filter(is_there).copied().collect();
    if values.is_empty() {
        return;
    }
    let title = "let users ping, use any port and make namespaces";
    let lifetime = Lifetime::Boot;
    let action = Action::Sysctl { values };
    draft.add(Step { lifetime, ..step("sysctl", title, Stage::Early, action) });
}
