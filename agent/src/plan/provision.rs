//! Provisioning: scripts of mode `boot` first of all; then, when the machine is up, packages, files
//! and scripts, in Lima's order.

mod packages;

use nixvm_system::{Command, Secret};

use super::mounts::CIDATA;
use super::{Draft, Options, fuse, step};
use crate::config::env_file::Variables;
use crate::config::lima::{Lima, Mode};
use crate::config::provision::{self, Method, ProvidedFile};
use crate::config::{Config, Finding};
use crate::source::Seed;
use crate::step::provision::FileStep;
use crate::step::{Action, Lifetime, Script, Stage, Step};

/// A script of mode `boot` holds up all logins.
const BOOT_LIMIT: u64 = 300;
/// As long as Lima waits for an address.
const ADDRESS_LIMIT: u64 = 30;

/// Before anything else of the early stage.
pub fn early(config: &Config, options: Options, draft: &mut Draft<'_>) {
    let Some(lima) = config.lima.as_ref().filter(|lima| !lima.boot_scripts.is_empty()) else {
        return;
    };
    if draft.facts.provision.has_networkd {
        let action = Action::AwaitAddress { limit: ADDRESS_LIMIT };
        draft.add(each_boot("address", "wait for an address", Stage::Early, action));
    }
    for script in &lima.boot_scripts {
        let action = Action::Script(Script {
            mode: Mode::Boot,
            name: script.name.clone(),
            text: script.text.clone(),
            user: lima.user.clone(),
            env: Secret::new(boot_environment(config)),
            limit: options.script_limit.min(BOOT_LIMIT),
        });
        let id = format!("script:boot/{}", script.name);
        let title = format!("run the boot script {}", script.name);
        let origin = format!("user-data:{}", script.mark.line);
        draft.add(Step { origin, ..each_boot(id, title, Stage::Early, action) });
    }
}

/// Last of all.
pub fn late(seed: &Seed, config: &Config, options: Options, draft: &mut Draft<'_>) {
    packages::upgrade(config, draft);
    if let Some(lima) = &config.lima {
        interpreters(seed, lima, draft);
        scripts(Mode::Dependency, seed, lima, options, draft);
        if !lima.plain {
            packages::install(lima, draft);
            packages::containerd(lima, options, draft);
        }
        fuse::sharing(lima, draft);
        files(seed, lima, draft);
        scripts(Mode::System, seed, lima, options, draft);
        scripts(Mode::User, seed, lima, options, draft);
    }
    let is_upgraded = config.upgrade.update || config.upgrade.upgrade;
    if config.upgrade.reboot && is_upgraded && draft.facts.provision.family.is_some() {
        let title = "reboot if the packages ask for it";
        draft.add(each_boot("reboot", title, Stage::Late, Action::Reboot));
    }
}

fn each_boot(
    id: impl Into<String>,
    title: impl Into<String>,
    stage: Stage,
    action: Action,
) -> Step {
    Step { lifetime: Lifetime::Boot, ..step(id, title, stage, action) }
}

fn files(seed: &Seed, lima: &Lima, draft: &mut Draft<'_>) {
    for file in &lima.files {
        let origin = format!("provision.{}/{}", file.method.name(), file.name);
        let Some(text) = seed.files.get(&origin) else { continue };
        let step = file_step(file, text, lima, origin);
        if draft.facts.provision.owned_by_nixos.contains(&file.path) {
            draft.skip(step, "owned by NixOS: set environment.etc");
        } else {
            draft.add(step);
        }
    }
}

fn file_step(file: &ProvidedFile, text: &[u8], lima: &Lima, origin: String) -> Step {
    let action = Action::Provided(FileStep {
        method: file.method.clone(),
        text: Secret::new(text.to_vec()),
        path: file.path.clone(),
        owner: file.owner.clone(),
        mode: file.mode,
        env: Secret::new(environment(Mode::System, lima)),
    });
    let verb = if matches!(file.method, Method::Edit(_)) { "edit" } else { "write" };
    let needs = (file.owner.user == lima.user).then(|| format!("account:{}", lima.user));
    Step {
        needs: needs.into_iter().collect(),
        origin,
        ..each_boot(
            format!("file:{}/{}", file.method.name(), file.name),
            format!("{verb} {}", file.path),
            Stage::Late,
            action,
        )
    }
}

/// Says once for each interpreter that another one of its name is used.
fn interpreters(seed: &Seed, lima: &Lima, draft: &mut Draft<'_>) {
    for (path, found) in draft.facts.provision.interpreters.clone() {
        let of = |script: &crate::config::lima::Script| {
            let file = format!("provision.{}/{}", script.mode.name(), script.name);
            let text = seed.files.get(&file)?;
            (provision::interpreter(text) == Some(path.as_str())).then_some(file)
        };
        if let Some(file) = lima.scripts.iter().find_map(of) {
            let message = format!("asks for {path}, which is not there; {found} takes its place");
            draft.find(Finding::info("interpreter-elsewhere", &file, message).line(1));
        }
    }
}

fn scripts(mode: Mode, seed: &Seed, lima: &Lima, options: Options, draft: &mut Draft<'_>) {
    for script in lima.scripts.iter().filter(|script| script.mode == mode) {
        let path = format!("provision.{}/{}", mode.name(), script.name);
        let is_plain_name = script.name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_plain_name {
            draft.find(Finding::error("bad-name", &path, "is no name of a provision script"));
            continue;
        }
        let Some(text) = seed.files.get(&path) else { continue };
        let action = Action::Script(Script {
            mode,
            name: script.name.clone(),
            text: Secret::new(with_interpreter(text, draft)),
            user: lima.user.clone(),
            env: Secret::new(environment(mode, lima)),
            limit: options.script_limit,
        });
        let needs = match mode {
            Mode::User => vec![format!("account:{}", lima.user)],
            _ => Vec::new(),
        };
        let title = format!("run the {} script {}", mode.name(), script.name);
        let id = format!("script:{}/{}", mode.name(), script.name);
        let step = Step { needs, origin: path, ..each_boot(id, title, Stage::Late, action) };
        if mode == Mode::Dependency && lima.plain {
            draft.skip(step, "plain mode: nothing is installed, and what a script needs neither");
        } else {
            draft.add(step);
        }
    }
}

/// The script, with the place where its interpreter is.
fn with_interpreter(text: &[u8], draft: &Draft<'_>) -> Vec<u8> {
    let known = &draft.facts.provision.interpreters;
    let found = provision::interpreter(text).and_then(|path| Some((path, known.get(path)?)));
    let Some((path, found)) = found else { return text.to_vec() };
    let rest = text.strip_prefix(b"#!").map(<[u8]>::trim_ascii_start);
    let rest = rest.and_then(|line| line.strip_prefix(path.as_bytes())).unwrap_or_default();
    [b"#!", found.as_bytes(), rest].concat()
}

fn boot_environment(config: &Config) -> Variables {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let id = config.instance_id.as_deref().unwrap_or_default();
    vec![pair("HOME", "/root"), pair("TERM", "linux"), pair("INSTANCE_ID", id)]
}

/// Root's scripts see all of Lima's variables, a user's only the parameters and what a login has.
fn environment(mode: Mode, lima: &Lima) -> Variables {
    let mut env = Variables::new();
    let mut put = |variables: &Variables| {
        for (name, value) in variables {
            env.retain(|(other, _)| other != name);
            env.push((name.clone(), value.clone()));
        }
    };
    let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    if mode == Mode::User {
        // In plain mode the block does not go into `/etc/environment` either.
        if !lima.plain {
            put(lima.environment.reveal());
        }
        put(lima.params.reveal());
        return env;
    }
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
    env
}
