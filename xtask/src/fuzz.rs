//! `cargo xtask fuzz`: gives the parsers made-up input, one target after the other.

mod stats;
mod tool;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nixvm_e2e::rig::{wait, workspace};

use self::stats::Stats;
use crate::progress::{Phases, say};
use crate::setup::{self, Purpose};
use crate::test::watch::{self, Ended};

/// How long one input may take.
const INPUT_SECONDS: u64 = 10;
/// Reading a large corpus, and writing down a finding.
const AROUND: Duration = Duration::from_mins(2);

/// Fuzz each target for a while, one after the other.
///
/// A target is a file in `tests/fuzz/fuzz_targets` and its section in tests/fuzz/Cargo.toml. It begins
/// with the inputs in tests/fuzz/seeds/TARGET and with all that earlier runs found interesting, kept
/// in .nixvm/fuzz/TARGET. An input that makes it panic, hang or eat memory is a finding: it is kept
/// there too, ends this target's run, and is the first input of the next run. Installs cargo-fuzz
/// into .nixvm/tools if it is not there. The exit code is 0 only if nothing was found.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only these targets.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How long each of them runs.
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
}

/// How the run of a target ended.
struct Outcome {
    target: String,
    stats: Stats,
    ended: Ended,
}

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    wait::stop_on_signals()?;
    let targets = chosen(tool::targets()?, &options.targets)?;
    setup::prepare(Purpose::Fuzzing)?;
    let mut phases = Phases::new(u32::try_from(targets.len())? + 2);
    phases.run("cargo-fuzz", "2 min the first time", tool::install)?;
    let programs =
        phases.run("building", "3 min the first time", || tool::build(&options.targets))?;
    let mut outcomes = Vec::new();
    for target in targets {
        if wait::stopped() {
            break;
        }
        let expectation = format!("{} s", options.seconds);
        outcomes.push(phases.run(&target, &expectation, || {
            let folder = workspace::state(&format!("fuzz/{target}"))?;
            fuzz(&programs.join(&target), &target, &folder, options.seconds)
        })?);
    }
    print(&outcomes);
    let well = outcomes.iter().all(|outcome| outcome.ended == Ended::Well);
    Ok(ExitCode::from(u8::from(!well || wait::stopped())))
}

fn chosen(all: Vec<String>, wanted: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = wanted.iter().find(|name| !all.contains(name)) {
        bail!("there is no target {unknown}, only {}", all.join(", "));
    }
    Ok(if wanted.is_empty() { all } else { wanted.to_vec() })
}

/// Runs one target, which keeps in the folder what it finds.
fn fuzz(program: &Path, target: &str, folder: &Path, seconds: u64) -> Result<Outcome> {
    let [corpus, findings] = ["corpus", "findings"].map(|name| folder.join(name));
    for path in [&corpus, &findings] {
        fs::create_dir_all(path).with_context(|| format!("creating {}", path.display()))?;
    }
    let mut arguments = vec![
        format!("-max_total_time={seconds}"),
        format!("-timeout={INPUT_SECONDS}"),
        format!("-artifact_prefix={}/", findings.display()),
        "-print_final_stats=1".to_owned(),
    ];
    // The first folder is the one that is written to.
    let seeds = tool::folder().join("seeds").join(target);
    let folders = [&corpus, &seeds, &findings].map(|path| path.display().to_string());
    arguments.extend(folders);
    let log = folder.join("log");
    let mut stats = Stats::default();
    let limit = Duration::from_secs(seconds) + AROUND;
    let program = program.to_str().context("a path that is not UTF-8")?;
    let ended = watch::run(program, &arguments, limit, &log, |line| stats.note(line))?;
    if ended != Ended::Well && !wait::stopped() {
        say(&format!("the end of {}:\n{}", log.display(), watch::tail_of(&log)));
    }
    Ok(Outcome { target: target.to_owned(), stats, ended })
}

fn print(outcomes: &[Outcome]) {
    say(&format!("\n{:<14} {:>12} {:>10} {:>8}", "target", "runs", "runs/s", "findings"));
    for Outcome { target, stats, .. } in outcomes {
        let Stats { runs, per_second, findings } = stats;
        say(&format!("{target:<14} {runs:>12} {per_second:>10} {:>8}", findings.len()));
    }
    for Outcome { target, stats, ended } in outcomes {
        if let Ended::Badly(how) = ended {
            say(&format!("failed: {target}: {how}"));
        }
        for path in &stats.findings {
            say(&format!("finding: {path}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_targets_or_those_that_are_named() {
        let all = || vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(chosen(all(), &[]).unwrap(), ["a", "b"]);
        assert_eq!(chosen(all(), &["b".into()]).unwrap(), ["b"]);
        let error = chosen(all(), &["c".into()]).unwrap_err();
        assert_eq!(error.to_string(), "there is no target c, only a, b");
    }

    #[test]
    fn a_program_that_finds_something_has_failed() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("program");
        let text = "#!/bin/sh\necho 'x Test unit written to /x/crash-1'\nexit 77\n";
        std::fs::write(&program, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).unwrap();
        let outcome = fuzz(&program, "yaml", dir.path(), 1).unwrap();
        assert_eq!(outcome.ended, Ended::Badly("exit status: 77".into()));
        assert_eq!(outcome.stats.findings, ["/x/crash-1"]);
    }
}
