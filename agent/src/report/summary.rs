//! The end of a stage in a few lines, for a console: how it went, and of what failed the cause, the
//! place in the seed and what to do.

use std::fmt::Write;

use super::{Report, StageReport, State, show};
use crate::apply::StepResult;
use crate::config::Level;
use crate::report::show::Colour;
use crate::step::Stage;

/// Most faults that are listed; `status` has all.
const MOST: usize = 10;

/// The block. Of the earlier stages only what went wrong is told: most boots need one block.
pub fn text(stage: Stage, report: &Report, colour: Colour) -> String {
    let Some(own) = report.stages.iter().rev().find(|it| it.stage == stage) else {
        return String::new();
    };
    let is_last = stage == Stage::Late;
    if !is_last && own.exit == 0 {
        return String::new();
    }
    let stages: Vec<&StageReport> =
        if is_last { report.stages.iter().collect() } else { vec![own] };
    let mut text = format!("nixvm-agent: {}\n", head(stage, &stages, report));
    let faults = faults(&stages, report, colour);
    for fault in faults.iter().take(MOST) {
        let _ = writeln!(text, "  {}", fault.replace('\n', "\n  "));
    }
    if faults.len() > MOST {
        let _ = writeln!(text, "  and {} more", faults.len() - MOST);
    }
    if !faults.is_empty() {
        text.push_str(
            "  all of it: nixvm-agent status; for a bug report: sudo nixvm-agent collect\n",
        );
    }
    text
}

/// The line by which Lima's host knows that the boot is over.
pub fn last_line(report: &Report) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let ended = report.stages.iter().map(|stage| stage.ended_ms).max().unwrap_or_default();
    format!(
        "Cloud-init's work, done by nixvm-agent {version}, finished: {}, {} s after power-on\n",
        report.state().name(),
        ended / 1000
    )
}

fn head(stage: Stage, stages: &[&StageReport], report: &Report) -> String {
    let outcomes = || stages.iter().flat_map(|stage| &stage.outcomes);
    let count = |is: fn(&StepResult) -> bool| outcomes().filter(|it| is(&it.result)).count();
    let word = match report.state() {
        State::Running => stage.name(),
        other => other.name(),
    };
    let ended = stages.iter().map(|stage| stage.ended_ms).max().unwrap_or_default();
    format!(
        "{word}, {} s after power-on: {} steps, {} changed, {} skipped, {} failed",
        ended / 1000,
        outcomes().count(),
        count(|it| *it == StepResult::Changed),
        count(|it| matches!(it, StepResult::Skipped { .. })),
        count(|it| matches!(it, StepResult::Failed { .. })),
    )
}

fn faults(stages: &[&StageReport], report: &Report, colour: Colour) -> Vec<String> {
    let outcomes = stages.iter().flat_map(|stage| &stage.outcomes);
    let failed = outcomes.filter(|it| matches!(it.result, StepResult::Failed { .. }));
    let unusable = report.findings.iter().filter(|finding| finding.level == Level::Error);
    failed
        .map(|outcome| show::outcome(outcome, colour))
        .chain(unusable.map(|finding| show::finding(finding, colour)))
        .collect()
}
