//! The only place where a step has effects.

mod accounts;
mod address;
mod disks;
mod files;
mod fuse;
mod hosts;
mod logins;
mod mounts;
mod network;
mod owner;
mod packages;
mod place;
mod scripts;
mod secrets;
mod settings;
mod share_owner;

use nixvm_system::{Attrs, Change, Dry, GuestPath, Links, System, WriteError};
use serde::{Deserialize, Serialize};

use crate::facts::with_cause;
use crate::ledger::Ledger;
use crate::plan::{Plan, Planned, Verdict};
use crate::step::{Action, Lifetime, Stage, Step};

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Name of the step.
    pub step: String,
    /// What it was to do.
    pub title: String,
    /// Place in the seed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub origin: String,
    /// How long its effect lasts.
    pub lifetime: Lifetime,
    /// What became of it.
    #[serde(flatten)]
    pub result: StepResult,
    /// Time it took, in milliseconds.
    #[serde(default)]
    pub ms: u64,
}

/// The ways a step can end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum StepResult {
    /// Something is different now.
    Changed,
    /// It was so already.
    Unchanged,
    /// Not done, for a reason that is no fault.
    Skipped {
        /// The reason.
        reason: String,
    },
    /// Not done.
    Failed {
        /// Stable name of the cause.
        code: String,
        /// What happened.
        reason: String,
        /// What to do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
}

/// A fault of a step.
#[derive(Debug)]
pub(crate) struct Fault {
    code: String,
    reason: String,
    hint: Option<String>,
    /// Whether the seed says that the machine is right without it.
    is_allowed: bool,
}

impl Fault {
    pub(crate) fn new(code: &str, reason: impl Into<String>) -> Self {
        Self { code: code.to_owned(), reason: reason.into(), hint: None, is_allowed: false }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A fault that the seed allows: the step is then skipped, with the reason and the hint.
    pub(crate) fn allowed(self) -> Self {
        Self { is_allowed: true, ..self }
    }

    fn result(self) -> StepResult {
        let Self { code, reason, hint, is_allowed } = self;
        if !is_allowed {
            return StepResult::Failed { code, reason, hint };
        }
        let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        StepResult::Skipped { reason: format!("{reason}{hint}") }
    }
}

impl From<WriteError> for Fault {
    fn from(error: WriteError) -> Self {
        Self::new(error.code(), with_cause(&error))
    }
}

impl From<nixvm_system::FileError> for Fault {
    fn from(error: nixvm_system::FileError) -> Self {
        Self::new("unreadable", with_cause(&error))
    }
}

impl From<nixvm_system::CommandError> for Fault {
    fn from(error: nixvm_system::CommandError) -> Self {
        Self::new(error.code(), with_cause(&error))
    }
}

impl From<nixvm_system::MountError> for Fault {
    fn from(error: nixvm_system::MountError) -> Self {
        Self::new(error.code(), with_cause(&error))
    }
}

impl From<nixvm_system::NetworkError> for Fault {
    fn from(error: nixvm_system::NetworkError) -> Self {
        Self::new(error.code(), with_cause(&error))
    }
}

impl From<nixvm_system::PathError> for Fault {
    fn from(error: nixvm_system::PathError) -> Self {
        Self::new("bad-path", error.to_string())
    }
}

/// Does the steps of one stage, in order. `failed` names the steps of earlier stages that failed.
pub fn apply(
    plan: &Plan,
    stage: Stage,
    failed: &[String],
    ledger: &mut Ledger,
    system: &mut dyn System,
    tell: &mut dyn FnMut(&Outcome),
) -> Vec<Outcome> {
    let mut failed = failed.to_vec();
    let mut outcomes = Vec::new();
    for planned in plan.steps.iter().filter(|planned| planned.step.stage == stage) {
        let before = system.uptime();
        let result = one(planned, &failed, system);
        if matches!(result, StepResult::Failed { .. }) {
            failed.push(planned.step.id.clone());
        }
        if matches!(result, StepResult::Changed | StepResult::Unchanged) {
            failed.retain(|id| *id != planned.step.id);
            ledger.note(&planned.step);
        }
        if result == StepResult::Changed {
            // At once: a script that ran must not run again because a later one was cut off. A fault
            // shows when the whole ledger is written at the end.
            let _ = ledger.write_page(planned.step.lifetime, system);
        }
        let outcome = Outcome {
            step: planned.step.id.clone(),
            title: planned.step.title.clone(),
            origin: planned.step.origin.clone(),
            lifetime: planned.step.lifetime,
            result,
            ms: u64::try_from(system.uptime().saturating_sub(before).as_millis()).unwrap_or(0),
        };
        tell(&outcome);
        outcomes.push(outcome);
    }
    outcomes
}

fn one(planned: &Planned, failed: &[String], system: &mut dyn System) -> StepResult {
    match &planned.verdict {
        Verdict::Unchanged => return StepResult::Unchanged,
        Verdict::Skip(reason) => return StepResult::Skipped { reason: reason.clone() },
        Verdict::Run => {}
    }
    if let Some(need) = planned.step.needs.iter().find(|need| failed.contains(need)) {
        return StepResult::Skipped { reason: format!("needs {need}, which failed") };
    }
    match act(&planned.step.action, system) {
        Ok(Change::Changed) => StepResult::Changed,
        Ok(Change::Unchanged) => StepResult::Unchanged,
        Err(fault) => fault.result(),
    }
}

/// Does a step on a machine on which nothing is done.
pub(crate) fn rehearse(step: &Step, dry: &mut Dry<'_>) -> StepResult {
    match act(&step.action, dry) {
        Ok(Change::Changed) => StepResult::Changed,
        Ok(Change::Unchanged) => StepResult::Unchanged,
        Err(fault) => fault.result(),
    }
}

/// The one `match` with effects.
fn act(action: &Action, system: &mut dyn System) -> Result<Change, Fault> {
    match action {
        Action::Hostname { name } => network::hostname(system, name.as_str()),
        Action::Network(configuration) => network::configure(system, configuration),
        Action::Timezone { zone } => timezone(system, zone.as_str()),
        Action::GrowRoot => mounts::grow_root(system),
        Action::Account { .. } => accounts::account(system, action),
        Action::Keys { user, keys } => accounts::keys(system, user.as_str(), keys),
        Action::Sudo { rules } => accounts::sudo(system, rules),
        Action::Environment { block } => logins::environment(system, block.reveal()),
        Action::Linger { user } => linger(system, user.as_str()),
        Action::Mount { spec, owner } => mounts::mount(system, spec, owner.as_ref()),
        Action::Fuse { user, points } => fuse::points(system, user.as_str(), points),
        Action::GuestAgent { text } => {
            write(system, "/run/nixvm-agent/guestagent.env", text.as_bytes(), 0o644)
        }
        Action::Script(script) => scripts::run(system, script),
        Action::Disk(disk) => disks::attach(system, disk),
        Action::Clock { not_before } => settings::clock::forward(system, *not_before),
        Action::Trust(trust) => settings::trust::trust(system, trust),
        Action::Keyboard(step) => settings::regional::keyboard(system, step),
        Action::Locale(step) => settings::regional::locale(system, step),
        Action::SubordinateIds { user } => settings::rootless::ids(system, user.as_str()),
        Action::Sysctl { values } => settings::rootless::sysctl(system, values),
        Action::File { path, text } => write(system, path.as_str(), text.as_bytes(), 0o644),
        Action::HostServices { user } => settings::user::host_services(system, user.as_str()),
        Action::HomeAlias { home, alias } => settings::user::alias(system, home, alias),
        Action::Groups { user, groups } => settings::user::groups(system, user.as_str(), groups),
        Action::Modules { names } => settings::kernel::modules(system, names),
        Action::Graphics => settings::kernel::graphics(system),
        Action::Rosetta(rosetta) => settings::rosetta::rosetta(system, rosetta),
        Action::SudoPassword { user } => settings::password::set(system, user.as_str()),
        Action::Provided(step) => files::provide(system, step),
        Action::AwaitAddress { limit } => address::wait(system, *limit),
        Action::Packages(step) => packages::manage(system, step),
        Action::Containerd(step) => packages::containerd(system, step),
        Action::Reboot => packages::reboot(system),
        Action::Hosts(line) => hosts::write(system, line),
        Action::Redirects(table) => Ok(system.redirect(table.table, &table.redirects)?),
        Action::Resolved(drop_in) => network::resolved(system, drop_in),
        Action::SessionEnvironment { variables } => logins::session(system, variables.reveal()),
        Action::AcceptColorterm => logins::accept_colorterm(system),
        Action::SbinPath => logins::sbin_path(system),
        Action::ShareOwner { target, user, host } => {
            share_owner::exchange(system, target, user.as_str(), *host)
        }
        Action::FuseSharing { points } => fuse::sharing(system, points),
    }
}

/// Removes what scripts of an earlier boot left, if it ended under them: it may hold secrets.
///
/// # Errors
/// The folder cannot be emptied.
pub fn tidy(system: &mut dyn System) -> Result<(), WriteError> {
    scripts::tidy(system)
}

/// Writes a file of root's.
fn write(system: &mut dyn System, path: &str, contents: &[u8], mode: u32) -> Result<Change, Fault> {
    let path = GuestPath::new(path)?;
    Ok(system.write(&path, contents, Attrs::root(mode), Links::Follow)?)
}

fn timezone(system: &mut dyn System, zone: &str) -> Result<Change, Fault> {
    for base in ["/usr/share/zoneinfo", "/etc/zoneinfo"] {
        let file = GuestPath::new(&format!("{base}/{zone}"))?;
        if system.open(&file)?.is_none() {
            continue;
        }
        let mut change = system.link(&GuestPath::new("/etc/localtime")?, file.as_str())?;
        // Debian's tools read the name from a file of its own, where there is one.
        let name = GuestPath::new("/etc/timezone")?;
        if system.stat(&name)?.is_some() {
            change =
                change.and(write(system, name.as_str(), format!("{zone}\n").as_bytes(), 0o644)?);
        }
        return Ok(change);
    }
    Err(Fault::new("no-such-timezone", format!("the zone {zone} is not in /usr/share/zoneinfo"))
        .hint("check its name; on a small image install the zone database (tzdata)"))
}

/// What `loginctl enable-linger` does, without needing logind to run yet.
fn linger(system: &mut dyn System, user: &str) -> Result<Change, Fault> {
    let path = GuestPath::new("/var/lib/systemd/linger")?;
    if system.stat(&path)?.is_none() {
        system.make_dir(&path, Attrs::root(0o755), Links::Follow)?;
    }
    let file = path.join(user)?;
    Ok(system.write(&file, b"", Attrs::root(0o644), Links::Follow)?)
}
