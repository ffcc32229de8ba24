//! One run from seed to report: what the commands `run`, `plan`, `check` and `status` do.

use std::time::Duration;

use nixvm_system::{GuestPath, Host, Lock, System, WriteError};

use crate::apply::{self, Outcome};
use crate::config::{self, Config, Finding, Level, Parsed};
use crate::facts;
pub use crate::facts::udev::settle;
use crate::ledger::Ledger;
use crate::plan::{self, Options, Plan};
use crate::report::{self, Report, StageReport, readiness};
use crate::source::{self, Seed};
use crate::step::Stage;

/// A seed that was found and understood.
pub struct Read {
    /// Its bytes.
    pub seed: Seed,
    /// What it says.
    pub config: Config,
    /// Remarks.
    pub findings: Vec<Finding>,
}

/// Two runs at once would do steps twice and write over each other's ledger.
const LOCK: &str = "/run/nixvm-agent/lock";
/// How long a run waits for another one.
const LOCK_LIMIT: Duration = Duration::from_secs(10);

/// Something to tell while a stage runs.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// A remark about the seed.
    Finding(&'a Finding),
    /// What became of a step.
    Outcome(&'a Outcome),
    /// A fault of the stage itself.
    Text(&'a str),
}

/// Who is told.
pub type Teller<'a> = dyn FnMut(Told<'_>) + 'a;

/// Finds the seed on this machine, or reads the one that was named.
///
/// # Errors
/// A text for people, if the named seed cannot be read at all.
pub fn read(
    named: Option<&str>,
    system: &dyn System,
) -> Result<(Option<Read>, Vec<Finding>), String> {
    let (seed, notes) = match named {
        None => source::find(system),
        Some(path) => {
            let host = Host::new().map_err(|error| error.to_string())?;
            let full = std::path::absolute(path).map_err(|error| format!("{path}: {error}"))?;
            let full = full.to_str().ok_or_else(|| format!("{path}: is not UTF-8"))?;
            let path = GuestPath::new(full).map_err(|error| format!("{path}: {error}"))?;
            let (seed, notes) =
                source::open(&host, &path).map_err(|error| facts::with_cause(&error))?;
            (Some(seed), notes)
        }
    };
    let mut findings: Vec<Finding> = notes.iter().map(source_finding).collect();
    let Some(seed) = seed else {
        return Ok((None, findings));
    };
    let Parsed { value: config, findings: more } = config::parse(&seed);
    findings.extend(more);
    Ok((Some(Read { seed, config, findings }), Vec::new()))
}

fn source_finding(note: &source::Note) -> Finding {
    Finding::warning(note.code, &note.origin, note.message.clone())
}

/// The plan for a seed on this machine, with all findings so far.
pub fn draft(read: &Read, system: &dyn System, options: Options) -> (Plan, Ledger, Vec<Finding>) {
    draft_for(None, read, system, options)
}

/// The plan for one stage: what only another stage needs to know is not looked for.
fn draft_for(
    stage: Option<Stage>,
    read: &Read,
    system: &dyn System,
    options: Options,
) -> (Plan, Ledger, Vec<Finding>) {
    let (ledger, ledger_findings) = Ledger::read(system);
    let (mut facts, mut fact_findings) = facts::read(system);
    let lima = read.config.lima.as_ref();
    let is_asked = stage.is_none_or(|stage| stage == Stage::Early);
    if let Some(lima) = lima.filter(|lima| is_asked && !lima.plain) {
        let (disks, findings) = facts::disks::read(&lima.disks, system);
        facts.disks = Some(disks);
        fact_findings.extend(findings);
    }
    facts.provision = facts::provision::read(system, &read.seed, &read.config);
    let mut plan = plan::plan(&read.seed, &read.config, &facts, &ledger, options);
    let mut findings = read.findings.clone();
    findings.extend(ledger_findings);
    findings.extend(fact_findings);
    findings.append(&mut plan.findings);
    (plan, ledger, findings)
}

/// Runs one stage and writes its report. Returns the exit code: 0, 1 or 2.
pub fn stage(
    stage: Stage,
    named: Option<&str>,
    system: &mut dyn System,
    options: Options,
    tell: &mut Teller<'_>,
) -> u8 {
    let (_lock, unlocked) = match lock(system) {
        Ok(lock) => (Some(lock), None),
        Err(error @ WriteError::Locked { .. }) => {
            let reason = facts::with_cause(&error);
            tell(Told::Text(&format!("{reason}; is another nixvm-agent at work?")));
            return 1;
        }
        // No lock can be had at all, for example because /run is full. Nobody else has it either.
        Err(error) => (None, Some(not_written(&error))),
    };
    let started = system.uptime();
    let (cpu, children) = system.cpu();
    let mut report = Report::read(system).unwrap_or_else(|reason| {
        let finding = Finding::error("report-lost", "", reason)
            .hint("what the earlier stages of this boot did is in the journal");
        tell(Told::Finding(&finding));
        Report { findings: vec![finding], ..Report::new(system) }
    });
    if let Some(finding) = &unlocked {
        tell(Told::Finding(finding));
        report.find(std::slice::from_ref(finding));
    }
    let done = run_stage(stage, named, system, options, &mut report, tell);
    let is_lost = report.findings.iter().any(|finding| finding.code == "report-lost");
    let exit = match &done {
        Ok((_, exit)) => (*exit).max(u8::from(is_lost || unlocked.is_some()) * 2),
        Err(reason) => {
            tell(Told::Text(reason));
            report.find(&[Finding::error("nothing-applied", "", reason.clone())]);
            1
        }
    };
    let (cpu_after, children_after) = system.cpu();
    let ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let ended = system.uptime();
    report.add(StageReport {
        stage,
        ended_ms: ms(ended),
        took_ms: ms(ended.saturating_sub(started)),
        cpu_ms: ms(cpu_after.saturating_sub(cpu)),
        children_cpu_ms: ms(children_after.saturating_sub(children)),
        exit,
        outcomes: done.map(|(outcomes, _)| outcomes).unwrap_or_default(),
    });
    match report.write(system) {
        Ok(()) => exit,
        Err(error) => {
            tell(Told::Text(&facts::with_cause(&error)));
            exit.max(2)
        }
    }
}

fn run_stage(
    stage: Stage,
    named: Option<&str>,
    system: &mut dyn System,
    options: Options,
    report: &mut Report,
    tell: &mut Teller<'_>,
) -> Result<(Vec<Outcome>, u8), String> {
    // What an earlier run left behind is in nobody's way: the boot goes on, and says so.
    let left = [readiness::withdraw(stage, system), tidy(stage, system)];
    let left: Vec<_> =
        left.into_iter().filter_map(Result::err).map(|error| not_written(&error)).collect();
    for finding in &left {
        tell(Told::Finding(finding));
    }
    report.find(&left);
    let (read, notes) = read(named, system)?;
    let Some(read) = read else {
        let notes = notes.into_iter().chain(left).collect();
        return Ok((Vec::new(), nothing(notes, system, report, tell)));
    };
    report.seed.clone_from(&read.seed.origin);
    report.instance_id.clone_from(&read.config.instance_id);
    let (plan, mut ledger, mut findings) = draft_for(Some(stage), &read, system, options);
    for finding in findings.iter().filter(|it| !report.findings.contains(it)) {
        tell(Told::Finding(finding));
    }
    report.find(&findings);
    let outcomes =
        apply::apply(&plan, stage, &report.failed_before(stage), &mut ledger, system, &mut |one| {
            tell(Told::Outcome(one));
        });
    // What was done counts, and the host is told, even if it cannot be written down.
    let written = ledger.write(system);
    let published = match &read.config.lima {
        Some(lima) => readiness::publish(stage, lima, system),
        None => Ok(()),
    };
    findings.extend(left);
    for error in [written, published].into_iter().filter_map(Result::err) {
        let finding = not_written(&error);
        tell(Told::Finding(&finding));
        report.find(std::slice::from_ref(&finding));
        findings.push(finding);
    }
    let exit = report::exit_code(&findings, &outcomes);
    Ok((outcomes, exit))
}

fn lock(system: &mut dyn System) -> Result<Lock, WriteError> {
    let path = GuestPath::new(LOCK).unwrap_or_else(|_| GuestPath::root());
    system.lock(&path, LOCK_LIMIT)
}

fn not_written(error: &WriteError) -> Finding {
    Finding::error("not-written", "", facts::with_cause(error))
}

fn tidy(stage: Stage, system: &mut dyn System) -> Result<(), WriteError> {
    if stage == Stage::Late { apply::tidy(system) } else { Ok(()) }
}

/// What stands between a machine and its seed: a medium with the right label that cannot be used.
const LOST_SEED: &[&str] = &["medium-unreadable", "seed-incomplete", "seed-unreadable"];
/// What may hold the seed, for all one knows.
const MAYBE_SEED: &[&str] = &["device-unreadable", "devices-unreadable"];

/// No seed is no fault: a machine may have none. One that had one before says so. One whose seed is
/// there and cannot be used is a fault, since absent is not unreadable: exit code 1.
fn nothing(
    mut notes: Vec<Finding>,
    system: &dyn System,
    report: &mut Report,
    tell: &mut Teller<'_>,
) -> u8 {
    let is_one_of = |codes: &[&str], note: &Finding| codes.contains(&note.code.as_str());
    for note in &mut notes {
        // An empty optical drive cannot be read either, and is nothing to worry about.
        let is_drive = note.file.starts_with("/dev/sr");
        if is_one_of(LOST_SEED, note) || is_one_of(MAYBE_SEED, note) && !is_drive {
            note.level = Level::Error;
        }
    }
    let (ledger, _) = Ledger::read(system);
    let text =
        "no seed found that could be used: looked for media labelled cidata or CIDATA, and folders";
    notes.push(if ledger.is_new() {
        Finding::info("no-seed", "", text)
    } else {
        Finding::warning("seed-missing", "", text)
            .hint("the machine keeps what earlier boots made; attach the medium again")
    });
    for finding in notes.iter().filter(|it| !report.findings.contains(it)) {
        tell(Told::Finding(finding));
    }
    report.find(&notes);
    if notes.iter().any(|note| is_one_of(LOST_SEED, note)) {
        return 1;
    }
    u8::from(notes.iter().any(|note| note.level == Level::Error)) * 2
}
