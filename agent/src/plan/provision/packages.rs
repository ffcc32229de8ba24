//! Packages that are to be new, tools that are missing, and containerd.

use nixvm_system::Secret;

use super::{each_boot, environment};
use crate::config::Config;
use crate::config::lima::{Lima, Mode};
use crate::config::provision;
use crate::packages::Tool;
use crate::plan::{Draft, Options, step};
use crate::step::provision::{ContainerdStep, Must, PackageStep};
use crate::step::{Action, Stage, Step};

const NO_MANAGER: &str =
    "there is none of apt-get, dnf, zypper, pacman and apk: have the image made with them";

/// At each start of the instance, as with cloud-init: a reboot inside the guest is none.
pub(super) fn upgrade(config: &Config, draft: &mut Draft<'_>) {
    let wish = config.upgrade;
    let title = match (wish.update, wish.upgrade) {
        (_, true) => "upgrade all packages",
        (true, false) => "renew the index of packages",
        (false, false) => return,
    };
    let id = "packages:upgrade";
    let provision = &draft.facts.provision;
    let lines = provision.family.map(|family| match wish {
        provision::Upgrade { upgrade: true, .. } => vec![family.update(), family.upgrade()],
        _ => vec![family.update()],
    });
    let is_nixos = provision.is_nixos;
    let action = Action::Packages(PackageStep {
        lines: lines.clone().unwrap_or_default(),
        must: Must::All,
        instance: config.instance_id.clone(),
        reboot: wish.reboot,
        env: config.lima.as_ref().map(|lima| lima.environment.clone()).unwrap_or_default(),
    });
    let step = Step { origin: "user-data".to_owned(), ..step(id, title, Stage::Late, action) };
    match lines {
        _ if is_nixos => draft.skip(step, "owned by NixOS: set system.autoUpgrade"),
        None => draft.skip(step, NO_MANAGER),
        Some(_) => draft.add(step),
    }
}

/// Only if something is missing.
pub(super) fn install(lima: &Lima, draft: &mut Draft<'_>) {
    let provision = &draft.facts.provision;
    let tools: Vec<Tool> = provision.missing.iter().copied().collect();
    if tools.is_empty() {
        return;
    }
    let names: Vec<&str> = tools.iter().map(|tool| tool.command()).collect();
    let (family, is_nixos) = (provision.family, provision.is_nixos);
    let action = Action::Packages(PackageStep {
        lines: family.map(|family| family.install(&tools)).unwrap_or_default(),
        must: Must::Last,
        instance: None,
        reboot: false,
        env: lima.environment.clone(),
    });
    let dependencies = lima.scripts.iter().filter(|script| script.mode == Mode::Dependency);
    let needs = dependencies.map(|script| format!("script:dependency/{}", script.name)).collect();
    let title = format!("install {}", names.join(", "));
    let step = Step { needs, ..each_boot("packages:install", title, Stage::Late, action) };
    match family {
        _ if is_nixos => {
            draft.skip(step, "owned by NixOS: add what you need to environment.systemPackages");
        }
        None => draft.skip(step, NO_MANAGER),
        Some(_) => draft.add(step),
    }
}

/// By Lima's own script, which takes containerd from an archive on the medium. It would unpack that at
/// each boot to look at one date; here the archive's checksum tells.
pub(super) fn containerd(lima: &Lima, options: Options, draft: &mut Draft<'_>) {
    if !lima.packages.containerd() {
        return;
    }
    let action = Action::Containerd(ContainerdStep {
        wish: lima.packages.clone(),
        archive: draft.facts.provision.archive.clone(),
        user: lima.user.clone(),
        env: Secret::new(environment(Mode::System, lima)),
        limit: options.script_limit,
    });
    let step = Step {
        needs: vec![format!("account:{}", lima.user)],
        origin: "lima.env".to_owned(),
        ..step("containerd", "install containerd", Stage::Late, action)
    };
    if draft.facts.provision.is_nixos {
        let reason = "owned by NixOS, and the archive is not made for it: set containerd: {system: \
                      false, user: false} in the instance, and virtualisation.containerd.enable here";
        draft.skip(step, reason);
    } else {
        draft.add(step);
    }
}
