//! What only a Lima guest needs: linger, FUSE, the guest agent's transport.

use super::{Draft, fuse, logins, step};
use crate::config::Config;
use crate::config::lima::Lima;
use crate::config::types::UserName;
use crate::step::{Action, Lifetime, Stage, Step};

pub fn steps(config: &Config, draft: &mut Draft<'_>) {
    let Some(lima) = &config.lima else { return };
    if let Ok(user) = UserName::new(&lima.user) {
        linger(&user, draft);
        fuse::points(&user, lima, draft);
    }
    logins::steps(lima, draft);
    guest_agent(lima, draft);
}

fn linger(user: &UserName, draft: &mut Draft<'_>) {
    let name = user.as_str();
    let action = Action::Linger { user: user.clone() };
    let title = format!("let services of {name} run without a login");
    let needs = vec![format!("account:{name}")];
    draft.add(Step { needs, ..step(format!("linger:{name}"), title, Stage::Early, action) });
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
