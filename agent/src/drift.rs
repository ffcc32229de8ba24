//! What is not as the seed wants it: what has drifted since a step was done, and what a step that was
//! not done yet would change.
//!
//! Each step of the plan is done on a [`Dry`] machine, whether or not the ledger knows it, by the same
//! code that does it in a boot. What cannot be looked at so (a script, a package manager) is said to be
//! so and never guessed.

pub mod show;

use nixvm_system::{Difference, Dry, System};
use serde::Serialize;

use crate::apply::{self, StepResult};
use crate::config::Finding;
use crate::ledger::Ledger;
use crate::plan::{Plan, Planned, Verdict};
use crate::report::Report;
use crate::step::{Action, Step};

/// A step and how the machine stands to it.
#[derive(Clone, Debug, Serialize)]
pub struct Drift {
    /// Name of the step.
    pub step: String,
    /// What it does.
    pub title: String,
    /// Place in the seed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub origin: String,
    /// How the machine stands to it.
    #[serde(flatten)]
    pub state: State,
    /// What is not so, a line each; no secrets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
}

/// How a machine stands to a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "reason", rename_all = "kebab-case")]
pub enum State {
    /// All is as the step makes it.
    Same,
    /// The step was done, and what it made is not so any more.
    Drifted,
    /// The step, as the seed has it now, was not done yet.
    ToDo,
    /// The step was tried in this boot and failed.
    Failed(String),
    /// The step is not done here.
    Skipped(String),
    /// What the step does leaves nothing that could be compared.
    NotComparable(&'static str),
    /// The machine cannot be looked at.
    Unknown(String),
}

/// Faults that say nothing about the machine, only that it cannot be looked at.
const BLIND: &[&str] = &["unreadable", "write-failed", "read-only", "bad-path"];
/// Findings of that kind.
const BLIND_FINDINGS: &[&str] = &["ledger-lost", "machine-unreadable", "seed-file-unreadable"];

/// Compares. Nothing is done to the machine.
pub fn compare(plan: &Plan, ledger: &Ledger, report: &Report, system: &dyn System) -> Vec<Drift> {
    let mut dry = Dry::new(system);
    let steps = plan.steps.iter();
    steps.map(|planned| one(planned, ledger, report, &mut dry)).collect()
}

/// Exit code: 0 nothing has drifted and nothing is to do, 1 that cannot be said, 2 something is not so.
pub fn exit(all: &[Drift], findings: &[Finding]) -> u8 {
    let is_different =
        |one: &Drift| matches!(one.state, State::Drifted | State::ToDo | State::Failed(_));
    let is_unknown = |one: &Drift| matches!(one.state, State::Unknown(_));
    if all.iter().any(is_different) {
        return 2;
    }
    let is_blind = findings.iter().any(|it| BLIND_FINDINGS.contains(&it.code.as_str()));
    u8::from(is_blind || all.iter().any(is_unknown))
}

fn one(planned: &Planned, ledger: &Ledger, report: &Report, dry: &mut Dry<'_>) -> Drift {
    let step = &planned.step;
    let (state, differences) = state(planned, ledger, report, dry);
    let differences =
        differences.iter().flat_map(|it| show::lines(it, holds_secret(&step.action))).collect();
    Drift {
        step: step.id.clone(),
        title: step.title.clone(),
        origin: step.origin.clone(),
        state,
        differences,
    }
}

fn state(
    planned: &Planned,
    ledger: &Ledger,
    report: &Report,
    dry: &mut Dry<'_>,
) -> (State, Vec<Difference>) {
    let step = &planned.step;
    if let Verdict::Skip(reason) = &planned.verdict {
        return (State::Skipped(reason.clone()), Vec::new());
    }
    if let Some(why) = not_comparable(&step.action) {
        return (State::NotComparable(why), Vec::new());
    }
    let result = apply::rehearse(step, dry);
    let differences = dry.differences();
    match (report.last(&step.id), &result) {
        // What was not done for a reason in this boot has not drifted.
        (Some(StepResult::Skipped { reason }), _) | (_, StepResult::Skipped { reason }) => {
            (State::Skipped(reason.clone()), Vec::new())
        }
        (Some(StepResult::Failed { reason, .. }), StepResult::Failed { .. }) => {
            (State::Failed(reason.clone()), differences)
        }
        (_, StepResult::Failed { code, reason, .. }) if BLIND.contains(&&**code) => {
            (State::Unknown(reason.clone()), Vec::new())
        }
        (last, StepResult::Failed { reason, .. }) => {
            let said = Difference::Effect(format!("cannot be done: {reason}"));
            let all = differences.into_iter().chain([said]).collect();
            (changed(step, ledger, last), all)
        }
        _ if differences.is_empty() => (State::Same, differences),
        (last, _) => (changed(step, ledger, last), differences),
    }
}

fn changed(step: &Step, ledger: &Ledger, last: Option<&StepResult>) -> State {
    match last {
        Some(StepResult::Failed { reason, .. }) => State::Failed(reason.clone()),
        _ if ledger.has(step) => State::Drifted,
        _ => State::ToDo,
    }
}

/// Why nothing can be said about what an action made.
fn not_comparable(action: &Action) -> Option<&'static str> {
    Some(match action {
        Action::Script(_) => "a script may do anything",
        Action::Packages(_) => "what the package manager would do, it alone knows",
        Action::Containerd(_) => "it is installed by a script of Lima's",
        Action::AwaitAddress { .. } => "it only waits",
        Action::Reboot => "it ends the boot",
        Action::Redirects(_) => "tables of nftables are written anew in each boot and not read",
        Action::Modules { .. } => "the kernel loads what it can, and a module may be built in",
        _ => return None,
    })
}

/// Whether what the step writes may be a secret, whoever may read the file.
fn holds_secret(action: &Action) -> bool {
    matches!(
        action,
        Action::Environment { .. }
            | Action::SessionEnvironment { .. }
            | Action::SudoPassword { .. }
            | Action::Provided(_)
            | Action::Network(_)
    )
}
