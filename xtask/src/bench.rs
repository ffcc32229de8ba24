//! `cargo xtask bench`: what nixvm costs beside what it replaces. [`boot`] measures boots; this file
//! has `guestagent`: our agent and Lima's own, in turn, under Lima's own client.
//!
//! ```text
//! Plan (loads, rows, aims) -> for each round, load and side: Cell (fresh namespaces, fresh agent)
//!                          -> hostbench's numbers -> medians -> table, JSON
//! ```

mod agents;
mod boot;
mod cell;
mod figures;
mod growth;
mod plan;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use nixvm_e2e::rig::{wait, workspace};
use serde_json::{Value, json};

use self::agents::{Agents, Side};
use self::figures::Figures;
use self::plan::{Load, Pace, Plan};
use self::table::Other;
use crate::progress::{Phases, say};

/// What is measured.
#[derive(Debug, clap::Subcommand)]
pub enum Subject {
    /// Measure our guest agent against Lima's, under Lima's own client (20 minutes, `--quick` 3)
    ///
    /// Each load runs in new network and mount namespaces with an agent of its own, so this needs
    /// root, and Go. It also runs against the ceiling: a server that only counts, or only emits
    /// frames. CPU is the time of the agent's process clock, in nanoseconds. The figures are ratios
    /// on this machine, at this time: a missed aim does not change the exit code. Nothing else should
    /// run meanwhile: programs that open ports, in whatever namespace, also wake both agents.
    Guestagent(Options),
    Boot(boot::Options),
}

/// Lima's own agent.
const GO: Other = Other { title: "Go agent", key: "go" };

/// How much is measured.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// One round with short loads
    #[arg(long)]
    quick: bool,
    /// Also write the figures into this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only rows whose load or title holds this text
    #[arg(long, value_name = "ROW")]
    only: Option<String>,
    /// Measure this program instead of building ours
    #[arg(long, value_name = "PATH")]
    agent: Option<PathBuf>,
    /// Rounds of the first table, of which the median counts [default: 3, with --quick 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: Option<u32>,
}

/// Runs the command.
pub fn run(subject: &Subject) -> Result<ExitCode> {
    match subject {
        Subject::Guestagent(options) => guestagent(options),
        Subject::Boot(options) => boot::run(options),
    }
}

fn guestagent(options: &Options) -> Result<ExitCode> {
    if !rustix::process::getuid().is_root() {
        bail!("this needs root: each agent runs in network and mount namespaces of its own");
    }
    wait::stop_on_signals()?;
    // Two at once would measure each other.
    let _lock = workspace::lock("bench")?;
    let mut phases = Phases::new(1);
    let agents = phases.run("agents and clients", "5 min the first time", || {
        Agents::build(options.agent.clone())
    })?;
    let begin = Instant::now();
    let pace = if options.quick { Pace::Quick } else { Pace::Full };
    let plan = Plan::new(pace, options.only.as_deref());
    let rounds = options.rounds.unwrap_or(if options.quick { 1 } else { 3 });
    let mut figures = Figures::default();
    for round in 1..=rounds {
        for load in &plan.loads {
            measure(load, &agents, &mut figures, &format!("round {round} of {rounds}"));
        }
    }
    for load in plan.series.iter().flat_map(|series| &series.loads) {
        measure(load, &agents, &mut figures, "growth");
    }
    publish(options, &plan, &agents, &figures)?;
    say(&format!("took {} s", begin.elapsed().as_secs()));
    Ok(ExitCode::from(u8::from(!figures.failed.is_empty() || wait::stopped())))
}

/// Runs a load once on each side. What does not run is told, and the others go on.
fn measure(load: &Load, agents: &Agents, figures: &mut Figures, stage: &str) {
    for side in [Side::Go, Side::Ours, Side::Ceiling] {
        if wait::stopped() || (side == Side::Ceiling && !load.has_ceiling) {
            continue;
        }
        say(&format!("{stage}: {side}: hostbench {}", load.arguments.join(" ")));
        match cell::run(agents, side, load) {
            Ok(numbers) => figures.add(load, side, &numbers),
            Err(error) => {
                say(&format!("      did not run: {error:#}"));
                figures.failed.push(format!("{side}: {}", load.arguments.join(" ")));
            }
        }
    }
}

fn publish(options: &Options, plan: &Plan, agents: &Agents, figures: &Figures) -> Result<()> {
    let mut rows = table::rows(plan, figures);
    if options.only.as_ref().is_none_or(|word| "binary size".contains(word.as_str())) {
        rows.extend(table::sizes(agents)?);
    }
    let growth = growth::rows(plan, figures);
    say(&table::text(&rows, GO));
    say(&growth::text(&growth));
    for load in &figures.failed {
        say(&format!("did not run: {load}"));
    }
    if let Some(path) = &options.json {
        let rows: Vec<_> = rows.iter().map(|row| row.json(GO)).collect();
        let growth: Vec<_> = growth.iter().map(growth::Line::json).collect();
        let all = json!({ "rows": rows, "growth": growth, "did_not_run": figures.failed });
        write(path, &all)?;
    }
    Ok(())
}

fn write(path: &Path, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
