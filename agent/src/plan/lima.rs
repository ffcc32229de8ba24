//! What only a Lima guest needs: linger, the guest agent's transport, provision scripts.

use nixvm_system::{Command, Secret};

use super::mounts::CIDATA;
use super::{Draft, Options, fuse, logins, step};
use crate::config::env_file::Variables;
use crate::config::lima::{Lima, Mode};
use crate::config::types::UserName;
use crate::config::{Config, Finding};
use crate::source::Seed;
use crate::step::{Action, Lifetime, Script, Stage, Step};

pub fn steps(seed: &Seed, config: &Config, options: Options, draft: &mut Draft<'_>) {
    let Some(lima) = &config.lima else { return };
    if let Ok(user) = UserName::new(&lima.user) {
        linger(&user, draft);
        fuse::points(&user, lima, draft);
    }
    logins::steps(lima, draft);
    guest_agent(lima, draft);
    fuse::sharing(lima, draft);
    scripts(seed, lima, options, draft);
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

fn scripts(seed: &Seed, lima: &Lima, options: Options, draft: &mut Draft<'_>) {
    for script in &lima.scripts {
        let path = format!("provision.{}/{}", script.mode.name(), script.name);
        let is_plain_name = script.name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_plain_name {
            draft.find(Finding::error("bad-name", &path, "is no name of a provision script"));
            continue;
        }
        let Some(text) = seed.files.get(&path) else { continue };
        let action = Action::Script(Script {
            mode: script.mode,
            name: script.name.clone(),
            text: Secret::new(text.clone()),
            user: lima.user.clone(),
            env: Secret::new(environment(script.mode, lima)),
            limit: options.script_limit,
        });
        let needs = match script.mode {
            Mode::System => Vec::new(),
            Mode::User => vec![format!("account:{}", lima.user)],
        };
        let lifetime = Lifetime::Boot;
        let title = format!("run the {} script {}", script.mode.name(), script.name);
        let id = format!("script:{}/{}", script.mode.name(), script.name);
        draft.add(Step { lifetime, needs, origin: path, ..step(id, title, Stage::Late, action) });
    }
}

/// Root's scripts see all of Lima's variables, a user's only the parameters.
fn environment(mode: Mode, lima: &Lima) -> Variables {
    let mut env = Variables::new();
    let mut put = |variables: &Variables| {
        for (name, value) in variables {
            env.retain(|(other, _)| other != name);
            env.push((name.clone(), value.clone()));
        }
    };
    let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    match mode {
        Mode::System => {
            put(&pair("HOME", "/root"));
            put(&pair("TERM", "linux"));
            put(&lima.variables);
            put(lima.params.reveal());
            put(lima.environment.reveal());
            let own = lima.environment.reveal().iter().find(|(name, _)| name == "PATH");
            let path = own.map_or(Command::PATH, |(_, path)| path);
            put(&pair("PATH", &format!("{CIDATA}/util:{path}")));
            put(&pair("LIMA_CIDATA_MNT", CIDATA));
            put(&pair("LIMA_REBOOT_REQUIRED", "/run/lima-reboot-required"));
        }
        Mode::User => put(lima.params.reveal()),
    }
    env
}
