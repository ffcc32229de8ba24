//! From a seed and the facts to steps. Pure and total: the same input gives the same plan, and
//! every input gives one.

mod accounts;
mod clock;
mod disks;
mod fuse;
mod lima;
mod logins;
mod mounts;
mod network;
mod provision;
mod resolver;
mod settings;
mod share_owner;

pub use logins::OWN_FILE as OWN_ENVIRONMENT;
use nixvm_system::GuestPath;
use serde::Serialize;

use crate::config::{Config, Finding};
use crate::facts::Facts;
use crate::ledger::Ledger;
use crate::source::Seed;
use crate::step::{Action, Lifetime, Stage, Step};

/// Steps in order, each with what is to happen to it.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// All steps of all stages.
    pub steps: Vec<Planned>,
    /// What the facts say about the seed.
    pub findings: Vec<Finding>,
}

/// A step and its verdict.
#[derive(Clone, Debug, Serialize)]
pub struct Planned {
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// Whether it is to be done.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Whether a step is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "reason")]
pub enum Verdict {
    /// It is.
    Run,
    /// It was done before, with the same input.
    Unchanged,
    /// It cannot be or need not be.
    Skip(String),
}

/// What the caller may set.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Longest time of one script, in seconds.
    pub script_limit: u64,
}

/// Makes the plan.
pub fn plan(
    seed: &Seed,
    config: &Config,
    facts: &Facts,
    ledger: &Ledger,
    options: Options,
) -> Plan {
    let mut draft = Draft { facts, ledger, plan: Plan::default() };
    clock::step_forward(seed, config, &mut draft);
    network::steps(config, &mut draft);
    resolver::multicast(config, &mut draft);
    hostname(config, &mut draft);
    provision::early(config, options, &mut draft);
    grow_root(config, &mut draft);
    timezone(config, &mut draft);
    accounts::steps(config, &mut draft);
    mounts::steps(seed, config, &mut draft);
    disks::steps(seed, config, &mut draft);
    settings::steps(config, &mut draft);
    resolver::steps(config, &mut draft);
    lima::steps(config, &mut draft);
    provision::late(seed, config, options, &mut draft);
    // Within a stage as they were added.
    draft.plan.steps.sort_by_key(|planned| planned.step.stage);
    draft.plan
}

/// A plan in the making.
struct Draft<'a> {
    facts: &'a Facts,
    ledger: &'a Ledger,
    plan: Plan,
}

impl Draft<'_> {
    /// Adds a step; the ledger decides whether it runs.
    fn add(&mut self, step: Step) {
        let is_done =
            self.ledger.has(&step) && self.still_there(&step) && !self.is_renewed(&step.needs);
        let verdict = if is_done { Verdict::Unchanged } else { Verdict::Run };
        self.plan.steps.push(Planned { step, verdict });
    }

    /// Adds a step that does not run.
    fn skip(&mut self, step: Step, reason: impl Into<String>) {
        self.plan.steps.push(Planned { step, verdict: Verdict::Skip(reason.into()) });
    }

    fn find(&mut self, finding: Finding) {
        self.plan.findings.push(finding);
    }

    /// Whether something that the step stands on is made anew: the keys of a user, for example, go
    /// with the user.
    fn is_renewed(&self, needs: &[String]) -> bool {
        self.plan
            .steps
            .iter()
            .any(|planned| planned.verdict == Verdict::Run && needs.contains(&planned.step.id))
    }

    /// A user or a home that is gone, keys that are gone as a whole, and a mount that was undone are
    /// made again although the ledger knows them: nobody may be locked out.
    fn still_there(&self, step: &Step) -> bool {
        let facts = self.facts;
        let is_user = |name: &str| {
            facts.accounts.as_ref().is_none_or(|accounts| accounts.find(name).is_some())
        };
        match &step.action {
            Action::Account { name, .. } => {
                is_user(name.as_str()) && facts.homes.contains(name.as_str())
            }
            Action::Keys { user, .. } => facts.with_keys.contains(user.as_str()),
            Action::Mount { spec, .. } => {
                self.facts.mounts.iter().any(|mount| mount.target == spec.target)
            }
            Action::Disk(disk) => facts.has_disk(disk),
            Action::SubordinateIds { user } => facts.subordinate.contains(user.as_str()),
            Action::Containerd(_) => facts.provision.has_nerdctl,
            _ => true,
        }
    }
}

/// A step with the common parts filled in.
fn step(id: impl Into<String>, title: impl Into<String>, stage: Stage, action: Action) -> Step {
    Step {
        id: id.into(),
        title: title.into(),
        stage,
        lifetime: Lifetime::Disk,
        needs: Vec::new(),
        origin: String::new(),
        action,
    }
}

fn hostname(config: &Config, draft: &mut Draft<'_>) {
    let Some(name) = config.hostname.clone() else { return };
    let title = format!("name the machine {}", name.as_str());
    let action = Action::Hostname { name };
    // systemd gives the machine the name in the file at each boot. Where the file is not ours, the
    // running kernel has to be told each time.
    let is_owned = draft.facts.owned_by_nixos.contains("/etc/hostname");
    let lifetime = if is_owned { Lifetime::Boot } else { Lifetime::Disk };
    draft.add(Step { lifetime, ..step("hostname", title, Stage::Local, action) });
}

fn timezone(config: &Config, draft: &mut Draft<'_>) {
    let Some(zone) = config.timezone.clone() else { return };
    let title = format!("set the time zone {}", zone.as_str());
    let step = step("timezone", title, Stage::Early, Action::Timezone { zone });
    if draft.facts.owned_by_nixos.contains("/etc/localtime") {
        draft.skip(step, "owned by NixOS: set time.timeZone");
    } else {
        draft.add(step);
    }
}

fn grow_root(config: &Config, draft: &mut Draft<'_>) {
    let Some(root) = draft.facts.root.as_ref().filter(|_| config.grow_root) else { return };
    let title = format!("grow {} to the size of its disk", root.device);
    // Every boot looks again: a disk that grew is the reason, and it is in no seed.
    let lifetime = Lifetime::Boot;
    let step = Step { lifetime, ..step("grow-root", title, Stage::Early, Action::GrowRoot) };
    if let Some(reason) = root.obstacle.clone() {
        draft.skip(step, reason);
    } else if root.can_grow() && draft.facts.growing_is_off {
        draft.skip(step, "/etc/growroot-disabled is there");
    } else if root.can_grow() {
        draft.add(step);
    }
}

/// A path that is written in the program and so is a good one.
fn fixed(path: &str) -> GuestPath {
    GuestPath::new(path).unwrap_or_else(|_| GuestPath::root())
}
