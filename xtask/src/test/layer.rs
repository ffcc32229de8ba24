//! The layers: for each the command, how its output is counted, and how long it may take.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use nixvm_e2e::rig::tool::Tool;
use nixvm_e2e::rig::workspace;

use super::output::{Format, Tally};
use super::watch;
use crate::progress::say;

/// One layer of tests.
pub struct Layer {
    /// Its name.
    pub name: &'static str,
    /// How long it usually takes, for people.
    pub expectation: &'static str,
    program: String,
    arguments: Vec<String>,
    format: Format,
    limit: Duration,
    /// What must be there for it; without it the layer is one skipped test.
    wants: Option<(&'static str, &'static str)>,
}

/// All layers in their order: the quick ones first.
pub fn layers(long: bool, resume: Option<&Path>) -> Result<Vec<Layer>> {
    let me = std::env::current_exe().context("finding this program")?.display().to_string();
    let vectors = "tests/vectors/cloud-init.jsonl";
    let mut guests = "test --quiet --package nixvm-e2e --features vm --test vm --".to_owned();
    if let Some(file) = resume {
        guests += &format!(" --resume {}", file.display());
    }
    let cargo = |name, expectation, arguments: &str, format| Layer {
        name,
        expectation,
        program: std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()),
        arguments: arguments.split(' ').map(str::to_owned).collect(),
        format,
        limit: Duration::from_mins(20),
        wants: None,
    };
    let lint = "clippy --quiet --workspace --all-targets --features nixvm-e2e/vm -- -D warnings";
    let deny = "deny --offline check bans licenses sources";
    // Checking needs no libFuzzer, whose C++ would be compiled without the path to one.
    let fuzz = "check --quiet --locked --manifest-path tests/fuzz/Cargo.toml \
                --config env.CUSTOM_LIBFUZZER_PATH='none/libfuzzer.a' --target-dir";
    let unit = "test --workspace --no-fail-fast -- --show-output";
    Ok(vec![
        Layer {
            wants: Some(("fmt", "rustfmt is not installed")),
            ..cargo("format", "seconds", "fmt --all -- --check", Format::One)
        },
        Layer {
            wants: Some(("clippy", "clippy is not installed")),
            ..cargo("lint", "2 min the first time", lint, Format::One)
        },
        Layer {
            wants: Some(("deny", "cargo-deny is not installed")),
            ..cargo("dependencies", "seconds", deny, Format::One)
        },
        with_target(cargo("fuzz targets", "1 min the first time", fuzz, Format::One)),
        cargo("unit", "5 min the first time", unit, Format::Libtest),
        Layer {
            program: me,
            arguments: vec!["vectors".into(), vectors.into()],
            ..cargo("vectors", "seconds", "", Format::Vectors)
        },
        Layer {
            limit: Duration::from_mins(if long { 600 } else { 40 }),
            ..cargo("guests", "15 min without KVM, 5 more the first time", &guests, Format::Suite)
        },
    ])
}

/// Ends the arguments with the workspace's target folder: the fuzz targets are a workspace of their own
/// and have most dependencies in common with this one.
fn with_target(mut layer: Layer) -> Layer {
    layer.arguments.push(workspace::target().display().to_string());
    layer
}

impl Layer {
    /// Runs it, showing what it says, and counts.
    pub fn run(&self) -> Result<Tally> {
        let mut tally = Tally::default();
        if let Some((subcommand, reason)) = self.wants
            && !self.has(subcommand)
        {
            say(&format!("SKIP {}: {reason}", self.name));
            tally.skipped.push(format!("{}: {reason}", self.name));
            return Ok(tally);
        }
        let log = workspace::state("logs/test")?.join(format!("{}.log", self.name));
        let ended = watch::run(&self.program, &self.arguments, self.limit, &log, |line| {
            if tally.count(self.format, line) {
                say(line);
            }
        })?;
        tally.close(self.format, self.name, &ended);
        if ended != watch::Ended::Well {
            say(&format!("the end of {}:\n{}", log.display(), watch::tail_of(&log)));
        }
        Ok(tally)
    }

    /// Whether cargo has a subcommand.
    fn has(&self, subcommand: &str) -> bool {
        let version = Tool::new(&self.program).args([subcommand, "--version"]).output();
        version.is_ok_and(|output| output.status.success())
    }
}
