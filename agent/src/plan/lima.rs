//! What only a Lima guest needs: linger, FUSE, the guest agent's transport.

use super::{Draft, step};
use crate::config::Config;
use crate::config::lima::Lima;
use crate::config::types::UserName;
use crate::step::{Action, Lifetime, Stage, Step};

pub fn steps(config: &Config, draft: &mut Draft<'_>) {
    let Some(lima) = &config.lima else { return };
    if let Ok(user) = UserName::new(&lima.user) {
        linger(&user, draft);
        fuse(&user, lima, draft);
    }
    environment_file(lima, draft);
    guest_agent(lima, draft);
}

fn linger(user: &UserName, draft: &mut Draft<'_>) {
    let name = user.as_str();
    let action = Action::Linger { user: user.clone() };
    let title = format!("let services of {name} run without a login");
    let needs = vec![format!("account:{name}")];
    draft.add(Step { needs, ..step(format!("linger:{name}"), title, Stage::Early, action) });
}

/// Reverse-sshfs is mounted by the host, through an sshfs that runs as the user.
fn fuse(user: &UserName, lima: &Lima, draft: &mut Draft<'_>) {
    if lima.mount_type != "reverse-sshfs" || lima.mount_points.is_empty() || lima.plain {
        return;
    }
    let points = lima.mount_points.clone();
    let action = Action::Fuse { user: user.clone(), points };
    let step = Step {
        needs: vec![format!("account:{}", user.as_str())],
        ..step("fuse", "prepare mount points for reverse-sshfs", Stage::Early, action)
    };
    if draft.facts.owned_by_nixos.contains("/etc/fuse.conf") {
        draft.skip(step, "owned by NixOS: set programs.fuse.userAllowOther");
    } else {
        draft.add(step);
    }
}

/// Before anybody logs in, so that the first session has it already.
fn environment_file(lima: &Lima, draft: &mut Draft<'_>) {
    if lima.environment_block.reveal().is_empty() || lima.plain {
        return;
    }
    let action = Action::Environment { block: lima.environment_block.clone() };
    let title = "put Lima's variables into /etc/environment";
    let step = step("environment", title, Stage::Early, action);
    if draft.facts.owned_by_nixos.contains("/etc/environment") {
        draft.skip(step, "owned by NixOS: set environment.variables");
    } else {
        draft.add(step);
    }
}

/// In plain mode there is no agent: without this file its unit does not start.
fn guest_agent(lima: &Lima, draft: &mut Draft<'_>) {
    if lima.plain {
        return;
    }
    let owner = lima.uid.map(|uid| uid.to_string()).unwrap_or_default();
    let port = lima.virtio_port.replace(['\n', '"', '\\', '\''], "");
    let text = format!(
        "NIXVM_VSOCK_PORT={}\nNIXVM_VIRTIO_PORT={port}\nNIXVM_SOCKET_OWNER={owner}\n",
        lima.vsock_port
    );
    let action = Action::GuestAgent { text };
    let lifetime = Lifetime::Boot;
    let title = "tell nixvm-guestagent how the host reaches it";
    draft.add(Step { lifetime, ..step("guestagent", title, Stage::Early, action) });
}
