//! The command line.

mod announce;
mod collect;
mod diff;
mod status;

use std::io::{IsTerminal, Write};

use crate::config::{self, Finding, Level};
use crate::plan::Options;
use crate::report::Report;
use crate::report::show::{self, Colour};
use crate::run;
use crate::step::Stage;
use announce::Announcer;
use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use nixvm_system::{GuestPath, Host, Journal, Scratch, System};

/// Applies a Lima cidata medium or a NoCloud seed to this machine.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 all that was wanted is so (there may be warnings); \
    1 nothing could be applied; 2 a step failed or a value was unusable. \
    status: 0 done, 1 failed, 2 degraded, 3 not started or still running. \
    diff: 0 as the seed wants it, 1 cannot be told, 2 something is not so.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Apply the seed. The three units of a boot each run one stage.
    Run(Run),
    /// Show what the seed would do here. Nothing is written.
    Plan(Plan),
    /// Show what was done in this boot.
    Status(status::Status),
    /// Check a seed: a folder, an ISO or a FAT image. Nothing is written.
    Check(Check),
    Diff(diff::Diff),
    Collect(collect::Collect),
}

#[derive(Debug, Args)]
struct Machine {
    /// Work on a folder instead of this machine: owners, mounts and commands are written down
    /// there and not done. Needs no root.
    #[arg(long, value_name = "DIR")]
    root: Option<String>,
    /// Use this seed (a folder, an ISO or a FAT image) instead of looking for one.
    #[arg(long, value_name = "PATH")]
    seed: Option<String>,
    /// Longest time of one script, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 1800, value_parser = clap::value_parser!(u64).range(1..=86400))]
    script_limit: u64,
}

#[derive(Debug, Args)]
struct Run {
    #[command(flatten)]
    machine: Machine,
    /// Only this stage; without it all three in their order.
    #[arg(long)]
    stage: Option<Stage>,
    /// Tell the journal each step, as a record with fields; standard output gets a summary. The units
    /// do so.
    #[arg(long)]
    journal: bool,
}

#[derive(Debug, Args)]
struct Plan {
    #[command(flatten)]
    machine: Machine,
    /// For programs.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Check {
    /// A folder, an ISO or a FAT image.
    seed: String,
    /// For programs.
    #[arg(long)]
    json: bool,
}

/// Does what the arguments say.
pub fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    match &arguments.command {
        Command::Run(arguments) => apply(arguments),
        Command::Plan(arguments) => plan(arguments),
        Command::Status(arguments) => status::run(arguments),
        Command::Check(arguments) => check(arguments),
        Command::Diff(arguments) => diff::run(arguments),
        Command::Collect(arguments) => collect::run(arguments),
    }
}

impl Machine {
    fn open(&self) -> anyhow::Result<Box<dyn System>> {
        open(self.root.as_deref())
    }

    fn options(&self) -> Options {
        Options { script_limit: self.script_limit }
    }
}

fn open(root: Option<&str>) -> anyhow::Result<Box<dyn System>> {
    match root {
        Some(folder) => {
            let scratch =
                Scratch::open(folder).with_context(|| format!("opening the folder {folder}"))?;
            Ok(Box::new(scratch))
        }
        None => Ok(Box::new(Host::new().context("opening /")?)),
    }
}

/// Whether this process may look at everything. A scratch folder has no such file, and no limits.
fn is_root(system: &dyn System) -> bool {
    let own = GuestPath::new("/proc/self/stat").map(|path| system.stat(&path));
    !matches!(own, Ok(Ok(Some(stat))) if stat.owner.uid != 0)
}

fn colour() -> Colour {
    if std::io::stdout().is_terminal() { Colour::On } else { Colour::Off }
}

/// A reader that goes away early, such as `head`, is no fault.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("writing to standard output"),
    }
}

fn apply(arguments: &Run) -> anyhow::Result<u8> {
    let stages = arguments.stage.map_or(Stage::ALL.to_vec(), |stage| vec![stage]);
    let root = arguments.machine.root.as_deref();
    let looking = arguments.machine.open()?;
    let log = announce::log(root.unwrap_or("/"), &stages, looking.as_ref());
    let mut system: Box<dyn System> = match root {
        Some(_) => looking,
        None => Box::new(Host::new().context("opening /")?.with_log(log.clone())),
    };
    let journal = arguments.journal.then(Journal::open).transpose().context("opening a socket")?;
    let announcer = Announcer { journal, log, colour: colour() };
    let mut worst = 0;
    for stage in stages {
        if stage == Stage::Local && root.is_none() {
            run::settle(system.as_mut());
        }
        let seed = arguments.machine.seed.as_deref();
        let options = arguments.machine.options();
        announcer.begin(stage);
        let code = run::stage(stage, seed, system.as_mut(), options, &mut |told| {
            announcer.tell(stage, told);
        });
        announcer.end(stage, &Report::read(system.as_ref()).unwrap_or_default());
        // 1, nothing applied, is worse than 2, something missing.
        worst = if worst == 1 || code == 1 { 1 } else { worst.max(code) };
    }
    Ok(worst)
}

fn plan(arguments: &Plan) -> anyhow::Result<u8> {
    let system = arguments.machine.open()?;
    let (read, notes) = read(arguments.machine.seed.as_deref(), system.as_ref())?;
    let Some(read) = read else {
        let hint = if is_root(system.as_ref()) {
            ""
        } else {
            "media can be read by root alone: sudo nixvm-agent plan\n"
        };
        print(&format!("no seed found\n{hint}"))?;
        return print_findings(&notes);
    };
    let (plan, _, findings) = run::draft(&read, system.as_ref(), arguments.machine.options());
    if arguments.json {
        let json = serde_json::json!({ "steps": plan.steps, "findings": findings });
        print(&format!("{json:#}\n"))?;
        return Ok(code(&findings));
    }
    print(&format!("seed {}\n\n{}", read.seed.origin, show::plan(&plan, colour())))?;
    print_findings(&findings)
}

fn check(arguments: &Check) -> anyhow::Result<u8> {
    let system = open(None)?;
    let (read, _) = read(Some(&arguments.seed), system.as_ref())?;
    let findings = read.map(|read| read.findings).unwrap_or_default();
    if arguments.json {
        print(&format!("{:#}\n", serde_json::json!({ "findings": findings })))?;
        return Ok(code(&findings));
    }
    if findings.is_empty() {
        print(&format!("{}: nothing to remark\n", arguments.seed))?;
    }
    print_findings(&findings)
}

fn read(
    seed: Option<&str>,
    system: &dyn System,
) -> anyhow::Result<(Option<run::Read>, Vec<config::Finding>)> {
    run::read(seed, system).map_err(anyhow::Error::msg)
}

fn print_findings(findings: &[Finding]) -> anyhow::Result<u8> {
    let colour = colour();
    for finding in findings {
        print(&format!("{}\n", show::finding(finding, colour)))?;
    }
    Ok(code(findings))
}

fn code(findings: &[Finding]) -> u8 {
    u8::from(findings.iter().any(|finding| finding.level == Level::Error)) * 2
}
