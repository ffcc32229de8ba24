//! What logins find: variables, colours, tools. All of it is written before anybody can log in, so
//! the first session has it, and no session has to be ended.

use super::{Draft, step};
use crate::config::Finding;
use crate::config::lima::Lima;
use crate::step::{Action, Lifetime, Stage, Step};

/// The administrator's file, which PAM reads on most systems.
const FILE: &str = "/etc/environment";
/// The agent's own, for systems that are configured as a whole.
pub const OWN_FILE: &str = "/run/nixvm-agent/environment";

pub fn steps(lima: &Lima, draft: &mut Draft<'_>) {
    // Lima's scripts for this do not run in plain mode.
    if lima.plain {
        return;
    }
    environment(lima, draft);
    colorterm(draft);
    sbin(draft);
}

fn environment(lima: &Lima, draft: &mut Draft<'_>) {
    if lima.environment_block.reveal().is_empty() {
        return;
    }
    let lifetime = Lifetime::Boot;
    cut(lima, draft);
    let logins = &draft.facts.logins;
    let is_theirs = logins.is_nixos || draft.facts.owned_by_nixos.contains(FILE);
    let is_read = |file: &str| {
        logins.environment_files.as_ref().map(|files| files.iter().any(|it| it == file))
    };
    let (file, is_read) =
        if is_theirs { (OWN_FILE, is_read(OWN_FILE)) } else { (FILE, is_read(FILE)) };
    if is_read == Some(false) && !lima.environment.reveal().is_empty() {
        draft.find(not_read(file, is_theirs));
    }
    let (title, action) = if is_theirs {
        let variables = lima.environment.clone();
        ("give Lima's variables to logins", Action::SessionEnvironment { variables })
    } else {
        let block = lima.environment_block.clone();
        ("put Lima's variables into /etc/environment", Action::Environment { block })
    };
    draft.add(Step { lifetime, ..step("environment", title, Stage::Early, action) });
}

fn not_read(file: &str, is_theirs: bool) -> Finding {
    let message = format!("does not read {file}: sessions over SSH lack Lima's variables");
    let hint = if is_theirs {
        "use nixosModules.default of nixvm, which adds the rule of PAM"
    } else {
        "add the line: session required pam_env.so"
    };
    Finding::warning("environment-not-read", "/etc/pam.d/sshd", message).hint(hint)
}

/// PAM ends a value at a `#`, and there is no way to quote one (`pam_env(8)`).
fn cut(lima: &Lima, draft: &mut Draft<'_>) {
    let block = String::from_utf8_lossy(lima.environment_block.reveal()).into_owned();
    for (index, line) in block.lines().enumerate() {
        let Some((name, value)) = line.trim().split_once('=') else { continue };
        if name.starts_with('#') || !value.contains('#') {
            continue;
        }
        let message = "PAM ends the value at its #";
        let mut finding = Finding::warning("value-cut", "etc_environment", message).line(index + 1);
        name.clone_into(&mut finding.key);
        draft.find(finding.hint("write %23 for # in the address of a proxy"));
    }
}

/// Lima's host sends `COLORTERM` with `limactl shell`.
fn colorterm(draft: &mut Draft<'_>) {
    let title = "accept COLORTERM from the host";
    let step = step("colorterm", title, Stage::Early, Action::AcceptColorterm);
    let is_theirs =
        draft.facts.logins.is_nixos || draft.facts.owned_by_nixos.contains("/etc/ssh/sshd_config");
    match draft.facts.logins.sshd_reads_folder {
        _ if draft.facts.logins.sshd_accepts_colorterm => {}
        None => {}
        Some(_) if is_theirs => {
            draft.skip(step, "owned by NixOS: set services.openssh.settings.AcceptEnv");
        }
        Some(true) => draft.add(step),
        Some(false) => {
            draft.skip(step, "/etc/ssh/sshd_config does not read /etc/ssh/sshd_config.d");
        }
    }
}

/// Debian's users have no `/usr/sbin` in their `PATH`, where `ip` and `iptables` are.
fn sbin(draft: &mut Draft<'_>) {
    if draft.facts.logins.has_profile_folder && !draft.facts.logins.is_nixos {
        let title = "let logins find the tools in /usr/sbin";
        draft.add(step("sbin-path", title, Stage::Early, Action::SbinPath));
    }
}
