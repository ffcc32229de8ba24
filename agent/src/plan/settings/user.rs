//! What Lima gives its user besides an account.

use super::{Draft, fixed, needs, step};
use crate::config::lima::Lima;
use crate::config::types::UserName;
use crate::step::{Action, Lifetime, Membership, Stage, Step};

pub fn steps(user: &UserName, lima: &Lima, draft: &mut Draft<'_>) {
    journal(user, lima, draft);
    alias(user, lima, draft);
    let action = Action::HostServices { user: user.clone() };
    let title = "make the folder for sockets of the host";
    boot("host-services", title.to_owned(), action, user, draft);
}

/// Users below 1000 have no journal of their own that they could read.
fn journal(user: &UserName, lima: &Lima, draft: &mut Draft<'_>) {
    let Some(accounts) = &draft.facts.accounts else { return };
    let uid = accounts.find(user.as_str()).map(|account| account.uid).or(lima.uid);
    if uid.is_none_or(|uid| uid >= 1000) || !accounts.has_group("systemd-journal") {
        return;
    }
    groups(user, vec![Membership { group: "systemd-journal", is_made: false }], draft);
}

/// Makes the user a member.
pub fn groups(user: &UserName, groups: Vec<Membership>, draft: &mut Draft<'_>) {
    let names: Vec<&str> = groups.iter().map(|it| it.group).collect();
    let name = user.as_str();
    let title = format!("make {name} a member of {}", names.join(" and "));
    let id = format!("groups:{name}:{}", names.join("+"));
    let action = Action::Groups { user: user.clone(), groups };
    let step = Step { needs: needs(user), ..step(id, title, Stage::Early, action) };
    if draft.facts.owned_by_nixos.contains("/etc/passwd") {
        draft.skip(step, "owned by NixOS: set users.users.<name>.extraGroups");
    } else {
        draft.add(step);
    }
}

/// Lima's homes ended in `.linux` before 2.1 and end in `.guest` now; scripts know either name.
fn alias(user: &UserName, lima: &Lima, draft: &mut Draft<'_>) {
    let name = user.as_str();
    let [old, new] = ["linux", "guest"].map(|end| fixed(&format!("/home/{name}.{end}")));
    let (home, alias) = match &lima.home {
        Some(home) if *home == new => (new, old),
        Some(home) if *home == old => (old, new),
        _ => return,
    };
    let title = format!("let {home} be found as {alias} too");
    boot("home-alias", title, Action::HomeAlias { home, alias }, user, draft);
}

/// `passwordlessSudo: false`, also in plain mode.
pub fn password(user: &UserName, lima: &Lima, draft: &mut Draft<'_>) {
    if lima.passwordless_sudo {
        return;
    }
    let name = user.as_str();
    let title = format!("give {name} a password, to be read in ~/password");
    let action = Action::SudoPassword { user: user.clone() };
    let id = format!("sudo-password:{name}");
    let step = Step { needs: needs(user), ..step(id, title, Stage::Early, action) };
    if draft.facts.owned_by_nixos.contains("/etc/passwd") {
        draft.skip(step, "owned by NixOS: set users.users.<name>.hashedPassword");
    } else {
        draft.add(step);
    }
}

/// A step of each boot, for the user.
pub fn boot(id: &str, title: String, action: Action, user: &UserName, draft: &mut Draft<'_>) {
    let lifetime = Lifetime::Boot;
    draft.add(Step { lifetime, needs: needs(user), ..step(id, title, Stage::Early, action) });
}
