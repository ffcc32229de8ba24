//! Users, their keys and their sudo rules.

use nixvm_system::GuestPath;

use super::{Draft, fixed, settings, step};
use crate::config::types::User;
use crate::config::{Config, Finding};
use crate::facts::wheel::Wheel;
use crate::step::{Action, Membership, Stage, Step};

/// Shells that are there on any system, best first, where the wanted one is not.
const FALLBACK_SHELLS: &[&str] = &["/bin/bash", "/run/current-system/sw/bin/bash", "/bin/sh"];

pub fn steps(config: &Config, draft: &mut Draft<'_>) {
    for user in &config.users {
        account(user, draft);
        keys(user, draft);
    }
    sudo(config, draft);
}

fn account(user: &User, draft: &mut Draft<'_>) {
    let name = user.name.as_str();
    conflicts(user, draft);
    let id = format!("account:{name}");
    let action = Action::Account {
        name: user.name.clone(),
        uid: user.uid,
        gecos: user.gecos.clone(),
        home: home(user),
        shell: shell(user, draft),
        shell_is_named: user.shell.is_some(),
        lock_password: user.lock_password,
        first_meeting: !draft.ledger.knows(&id) && !draft.ledger.is_lost,
    };
    let origin = format!("user-data:{}", user.mark.line);
    let step = Step { origin, ..step(id, format!("make the user {name}"), Stage::Early, action) };
    if draft.facts.accounts.is_none() {
        draft.skip(step, "the account files cannot be read");
    } else if draft.facts.owned_by_nixos.contains("/etc/passwd") {
        draft.skip(step, "owned by NixOS: declare it in users.users");
    } else {
        draft.add(step);
    }
}

pub(super) fn home(user: &User) -> GuestPath {
    user.home.clone().unwrap_or_else(|| match user.name.as_str() {
        "root" => fixed("/root"),
        name => fixed(&format!("/home/{name}")),
    })
}

/// The wanted shell, or one that exists: an account without a shell cannot log in.
fn shell(user: &User, draft: &mut Draft<'_>) -> GuestPath {
    let wanted = user.shell.clone().unwrap_or_else(|| fixed("/bin/bash"));
    let shells = &draft.facts.shells;
    let is_checked =
        FALLBACK_SHELLS.contains(&wanted.as_str()) || wanted.as_str() == "/usr/bin/bash";
    if !is_checked || shells.contains(wanted.as_str()) || shells.is_empty() {
        return wanted;
    }
    let other = FALLBACK_SHELLS.iter().find(|shell| shells.contains(**shell));
    other.map_or(wanted, |shell| fixed(shell))
}

/// What the accounts that are there say about the wanted one.
fn conflicts(user: &User, draft: &mut Draft<'_>) {
    let Some(accounts) = &draft.facts.accounts else { return };
    let (name, Some(uid)) = (user.name.as_str(), user.uid) else { return };
    let other = accounts.name_of(uid).filter(|other| other != name);
    let there = accounts.find(name).map(|there| there.uid).filter(|there| *there != uid);
    let finding = match (other, there) {
        (Some(other), _) => {
            Finding::error("uid-taken", "user-data", format!("id {uid} belongs to {other}"))
                .hint(format!("{name} has another id; files on shares may show another owner"))
        }
        (None, Some(there)) => Finding::error(
            "user-exists",
            "user-data",
            format!("user {name} exists with id {there}; the seed wants {uid}"),
        )
        .hint("the account is kept as it is, with its id; files on shares may show another owner"),
        (None, None) => return,
    };
    let finding = finding.at(user.mark, format!("users.{name}.uid"));
    draft.find(finding);
}

fn keys(user: &User, draft: &mut Draft<'_>) {
    if user.keys.is_empty() {
        return;
    }
    let name = user.name.as_str();
    let title = match user.keys.len() {
        1 => format!("let a key in as {name}"),
        count => format!("let {count} keys in as {name}"),
    };
    let action = Action::Keys { user: user.name.clone(), keys: user.keys.clone() };
    let needs = vec![format!("account:{name}")];
    let origin = format!("user-data:{}", user.mark.line);
    draft.add(Step { needs, origin, ..step(format!("keys:{name}"), title, Stage::Early, action) });
}

/// One file with the rules of all users.
fn sudo(config: &Config, draft: &mut Draft<'_>) {
    let rules: Vec<_> = config
        .users
        .iter()
        .filter(|user| !user.sudo.is_empty())
        .map(|user| (user.name.clone(), user.sudo.clone()))
        .collect();
    if rules.is_empty() {
        return;
    }
    let users: Vec<&str> = rules.iter().map(|(user, _)| user.as_str()).collect();
    let title = format!("give {} the rules for sudo", users.join(", "));
    let step = step("sudo", title, Stage::Early, Action::Sudo { rules });
    match draft.facts.sudo_reads_folder {
        Some(true) => draft.add(step),
        Some(false) if draft.facts.owned_by_nixos.contains("/etc/sudoers") => {
            wheel(config, step, draft);
        }
        Some(false) => draft.skip(step, "/etc/sudoers does not read /etc/sudoers.d"),
        None => draft.skip(step, "sudo is not installed"),
    }
}

/// `NixOS` lets the group `wheel` use sudo: whoever is to have just those rights becomes a member.
fn wheel(config: &Config, step: Step, draft: &mut Draft<'_>) {
    let has_rules = |user: &&User| !user.sudo.is_empty();
    let users: Vec<&User> = config.users.iter().filter(has_rules).collect();
    let is_all = |rule: &String| rule.starts_with("ALL=(ALL") && rule.ends_with("ALL");
    let asks = |rule: &String| !rule.contains("NOPASSWD");
    let mut rules = users.iter().flat_map(|user| &user.sudo);
    let has_group = draft.facts.accounts.as_ref().is_some_and(|it| it.has_group("wheel"));
    let wanted = match (draft.facts.wheel, has_group) {
        (Some(wheel), true) if rules.clone().all(is_all) => wheel,
        _ => return draft.skip(step, "owned by NixOS: set security.sudo"),
    };
    if rules.any(|rule| asks(rule) != (wanted == Wheel::AsksPassword)) {
        return draft.skip(step, "owned by NixOS: set security.sudo.wheelNeedsPassword");
    }
    for user in users {
        let membership = Membership { group: "wheel", is_made: false };
        settings::join(&user.name, vec![membership], draft);
    }
}
