//! What a run did, as data: kept in `/run/nixvm-agent/report.json`, shown by `status`.

pub mod readiness;
pub mod show;
pub mod summary;

use nixvm_system::{Attrs, GuestPath, Links, System, WriteError};
use serde::{Deserialize, Serialize};

use crate::apply::{Outcome, StepResult};
use crate::config::{Finding, Level};
use crate::step::Stage;

/// Where the report of this boot is.
pub const PATH: &str = "/run/nixvm-agent/report.json";
const LIMIT: u64 = 16 << 20;
const VERSION: u32 = 1;

/// Everything about the agent in this boot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// Version of this format.
    pub version: u32,
    /// Version of the agent.
    pub agent: String,
    /// The boot it is about.
    pub boot_id: String,
    /// Where the seed came from; empty if there is none.
    pub seed: String,
    /// Instance-id of the seed.
    pub instance_id: Option<String>,
    /// Remarks about the seed and the machine.
    pub findings: Vec<Finding>,
    /// Stages that ran, in order.
    pub stages: Vec<StageReport>,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StageReport {
    /// Which.
    pub stage: Stage,
    /// End of the stage, in milliseconds after the kernel's start.
    pub ended_ms: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// CPU time of the agent itself, in milliseconds.
    pub cpu_ms: u64,
    /// CPU time of the programs it ran, scripts among them, in milliseconds.
    pub children_cpu_ms: u64,
    /// Exit code of the stage: 0, 1 or 2.
    pub exit: u8,
    /// What became of each step.
    pub outcomes: Vec<Outcome>,
}

/// State of a boot, as one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// No stage ran yet.
    NotStarted,
    /// The last stage has not ended.
    Running,
    /// All was done, or there was nothing to do.
    Done,
    /// All stages ran; something that was wanted is not so.
    Degraded,
    /// Nothing could be applied.
    Failed,
}

impl Report {
    /// The report of this boot; empty if there is none yet.
    pub fn read(system: &dyn System) -> Result<Self, String> {
        let path = GuestPath::new(PATH).map_err(|error| error.to_string())?;
        let bytes = system.read(&path, LIMIT).map_err(|error| crate::facts::with_cause(&error))?;
        let empty = Self::new(system);
        let Some(bytes) = bytes else { return Ok(empty) };
        let report: Self =
            serde_json::from_slice(&bytes).map_err(|error| format!("{PATH}: {error}"))?;
        Ok(if report.boot_id == empty.boot_id { report } else { empty })
    }

    /// The report of a boot of which nothing is known yet.
    pub fn new(system: &dyn System) -> Self {
        Self {
            version: VERSION,
            agent: env!("CARGO_PKG_VERSION").to_owned(),
            boot_id: system.boot_id().unwrap_or_default(),
            ..Self::default()
        }
    }

    /// Keeps the report where `status` looks. It holds no secret: anybody may read it.
    pub fn write(&self, system: &mut dyn System) -> Result<(), WriteError> {
        let path = GuestPath::new(PATH).unwrap_or_else(|_| GuestPath::root());
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|error| WriteError::Write { path: path.clone(), source: error.into() })?;
        text.push(b'\n');
        system.write(&path, &text, Attrs::root(0o644), Links::Follow)?;
        Ok(())
    }

    /// Adds a stage; an earlier run of the same stage is replaced.
    pub fn add(&mut self, stage: StageReport) {
        self.stages.retain(|other| other.stage != stage.stage);
        self.stages.push(stage);
        self.stages.sort_by_key(|stage| stage.stage);
    }

    /// Adds findings that are not in it yet.
    pub fn find(&mut self, findings: &[Finding]) {
        for finding in findings {
            if !self.findings.contains(finding) {
                self.findings.push(finding.clone());
            }
        }
    }

    /// Steps of the stages before this one that failed.
    pub fn failed_before(&self, stage: Stage) -> Vec<String> {
        let failed = |outcome: &&Outcome| matches!(outcome.result, StepResult::Failed { .. });
        let stages = self.stages.iter().filter(|other| other.stage < stage);
        let outcomes = stages.flat_map(|stage| &stage.outcomes);
        outcomes.filter(failed).map(|outcome| outcome.step.clone()).collect()
    }

    /// What became of a step in this boot, the last time.
    pub fn last(&self, step: &str) -> Option<&StepResult> {
        let outcomes = self.stages.iter().rev().flat_map(|stage| stage.outcomes.iter().rev());
        outcomes.filter(|outcome| outcome.step == step).map(|outcome| &outcome.result).next()
    }

    /// One word for all of it.
    pub fn state(&self) -> State {
        let worst = self.stages.iter().map(|stage| stage.exit);
        match (self.stages.last(), worst.clone().any(|exit| exit == 1)) {
            (None, _) => State::NotStarted,
            (Some(_), true) => State::Failed,
            (Some(last), _) if last.stage != Stage::Late => State::Running,
            _ if worst.clone().any(|exit| exit == 2) => State::Degraded,
            _ => State::Done,
        }
    }
}

impl State {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotStarted => "not started",
            Self::Running => "running",
            Self::Done => "done",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
        }
    }

    /// Exit code of `status`: 0 done, 1 failed, 2 degraded, 3 not there yet.
    pub fn exit(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Degraded => 2,
            Self::NotStarted | Self::Running => 3,
        }
    }
}

/// Exit code of a stage: 2 if something that was wanted is not so.
pub fn exit_code(findings: &[Finding], outcomes: &[Outcome]) -> u8 {
    let failed = outcomes.iter().any(|outcome| matches!(outcome.result, StepResult::Failed { .. }));
    let unusable = findings.iter().any(|finding| finding.level == Level::Error);
    if failed || unusable { 2 } else { 0 }
}
