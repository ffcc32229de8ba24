//! Reports, plans and findings as text for people. Colours only where the caller says so.

use std::fmt::Write;

use super::Report;
use crate::apply::{Outcome, StepResult};
use crate::config::{Finding, Level};
use crate::plan::{Plan, Verdict};

/// Whether to use colours: only for a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// With.
    On,
    /// Without.
    Off,
}

impl Colour {
    pub(crate) fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::On => format!("\x1b[{code}m{text}\x1b[0m"),
            Self::Off => text.to_owned(),
        }
    }
}

pub(crate) const GREEN: &str = "32";
pub(crate) const YELLOW: &str = "33";
pub(crate) const RED: &str = "31";
pub(crate) const DIM: &str = "2";

/// One line for an outcome, with its reason below.
pub fn outcome(outcome: &Outcome, colour: Colour) -> String {
    let (word, code, rest) = match &outcome.result {
        StepResult::Changed => ("changed", GREEN, String::new()),
        StepResult::Unchanged => ("unchanged", DIM, String::new()),
        StepResult::Skipped { reason } => ("skipped", YELLOW, format!(": {reason}")),
        StepResult::Failed { reason, .. } => ("failed", RED, format!(": {reason}")),
    };
    let mut line = format!("{} {}{rest}", colour.paint(code, &format!("{word:<9}")), outcome.title);
    if matches!(outcome.result, StepResult::Failed { .. }) && !outcome.origin.is_empty() {
        let _ = write!(line, " ({})", outcome.origin);
    }
    if let StepResult::Failed { hint: Some(hint), .. } = &outcome.result {
        let _ = write!(line, "\n{:<9} {hint}", "");
    }
    line
}

/// One line for a finding, with its hint below.
pub fn finding(finding: &Finding, colour: Colour) -> String {
    let (word, code) = match finding.level {
        Level::Info => ("info", DIM),
        Level::Warning => ("warning", YELLOW),
        Level::Error => ("error", RED),
    };
    let place = match finding.place() {
        place if place.is_empty() => place,
        place => format!("{place}: "),
    };
    let word = colour.paint(code, &format!("{word:<9}"));
    let mut line = format!("{word} {place}{}", finding.message);
    if let Some(hint) = &finding.hint {
        let _ = write!(line, "\n{:<9} {hint}", "");
    }
    line
}

/// A plan: each step with its verdict, by stage.
pub fn plan(plan: &Plan, colour: Colour) -> String {
    let mut text = String::new();
    let mut stage = None;
    for planned in &plan.steps {
        if stage != Some(planned.step.stage) {
            stage = Some(planned.step.stage);
            let _ = writeln!(text, "{}:", planned.step.stage.name());
        }
        let (word, code, rest) = match &planned.verdict {
            Verdict::Run => ("would do", GREEN, String::new()),
            Verdict::Unchanged => ("unchanged", DIM, String::new()),
            Verdict::Skip(reason) => ("skip", YELLOW, format!(": {reason}")),
        };
        let word = colour.paint(code, &format!("{word:<9}"));
        let _ = writeln!(text, "  {word} {}{rest}", planned.step.title);
    }
    if plan.steps.is_empty() {
        text.push_str("nothing to do\n");
    }
    text
}

/// The report of a boot, as a table.
pub fn report(report: &Report, colour: Colour) -> String {
    let state = report.state();
    let code = match state.exit() {
        0 => GREEN,
        1 => RED,
        _ => YELLOW,
    };
    let mut text = format!("status    {}\n", colour.paint(code, state.name()));
    let seed = if report.seed.is_empty() { "none" } else { &report.seed };
    let _ = writeln!(text, "seed      {seed}");
    if let Some(id) = &report.instance_id {
        let _ = writeln!(text, "instance  {id}");
    }
    if let Some(last) = report.stages.last() {
        let sum = |of: fn(&super::StageReport) -> u64| report.stages.iter().map(of).sum::<u64>();
        let _ = writeln!(
            text,
            "cpu time  {} ms, and {} ms of the programs it ran",
            sum(|stage| stage.cpu_ms),
            sum(|stage| stage.children_cpu_ms)
        );
        let _ = writeln!(text, "ended     {:.1} s after power-on", seconds(last.ended_ms));
    }
    for stage in &report.stages {
        let _ = writeln!(text, "\n{} ({} ms)", stage.stage.name(), stage.took_ms);
        for one in &stage.outcomes {
            let _ = writeln!(text, "  {}", outcome(one, colour).replace('\n', "\n  "));
        }
    }
    if !report.findings.is_empty() {
        text.push_str("\nfindings\n");
    }
    for one in &report.findings {
        let _ = writeln!(text, "  {}", finding(one, colour).replace('\n', "\n  "));
    }
    text
}

#[allow(clippy::cast_precision_loss, reason = "a boot is far shorter than 2^52 ms")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
