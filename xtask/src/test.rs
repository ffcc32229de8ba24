//! `cargo xtask test`: every layer of tests, one after the other, and one table at the end.

mod layer;
mod output;
pub mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use nixvm_e2e::rig::{wait, workspace};

use self::layer::{Layer, layers};
use self::output::Tally;
use crate::progress::say;
use crate::setup::{self, Purpose};

/// Run the tests of every layer, guests included (at most 40 minutes on two cores).
///
/// Installs what is missing where apt is there (after a question on a terminal). Of each long series
/// a fixed, seeded sample is run; what is left out is printed as "not in this run". The last line is
/// "N passed, N failed, N skipped", and the exit code is 0 only if nothing failed.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Run everything, series as a whole. A run that was ended goes on where it was.
    #[arg(long)]
    long: bool,
    /// Only layers whose names hold this word.
    #[arg(long, value_name = "WORD")]
    only: Option<String>,
}

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    let begin = Instant::now();
    wait::stop_on_signals()?;
    setup::prepare(Purpose::Tests)?;
    let resume = if options.long { Some(state()?) } else { None };
    let mut done: Vec<(Layer, Tally, u64)> = Vec::new();
    let mut left_out = Vec::new();
    for layer in layers(options.long, resume.as_deref())? {
        let unwanted =
            options.only.as_ref().is_some_and(|word| !layer.name.contains(word.as_str()));
        if unwanted || wait::stopped() {
            left_out.push(layer.name);
            continue;
        }
        say(&format!("==== {} ({})", layer.name, layer.expectation));
        let begin = Instant::now();
        let tally = layer.run()?;
        done.push((layer, tally, begin.elapsed().as_secs()));
    }
    Ok(print(&done, &left_out, begin.elapsed().as_secs()))
}

/// Where a long run keeps what it has done: a file for this state of the sources.
fn state() -> Result<PathBuf> {
    let head = nixvm_e2e::rig::tool::Tool::new("git")
        .args(["stash", "create"])
        .dir(&workspace::root())
        .output()?;
    let tree = if head.stdout.trim().is_empty() { "HEAD" } else { head.stdout.trim() };
    let tree = format!("{tree}^{{tree}}");
    let git = nixvm_e2e::rig::tool::Tool::new("git").args(["rev-parse", &tree]);
    let tree = git.dir(&workspace::root()).run()?;
    Ok(workspace::state("long")?.join(tree.trim()))
}

fn print(done: &[(Layer, Tally, u64)], left_out: &[&str], took: u64) -> ExitCode {
    say(&format!(
        "\n{:<14} {:>7} {:>7} {:>7} {:>7}",
        "layer", "passed", "failed", "skipped", "time"
    ));
    let mut total = Tally::default();
    for (layer, tally, took) in done {
        let Tally { passed, failed, skipped, .. } = tally;
        let name = layer.name;
        let took = format!("{took} s");
        say(&format!("{name:<14} {passed:>7} {:>7} {:>7} {took:>7}", failed.len(), skipped.len()));
        total.add(tally);
    }
    total.not_in_this_run.extend(left_out.iter().map(|name| format!("layer {name}")));
    let lists = [
        ("failed", &total.failed),
        ("skipped", &total.skipped),
        ("not in this run", &total.not_in_this_run),
    ];
    for (word, list) in lists {
        for line in list {
            say(&format!("{word}: {line}"));
        }
    }
    say(&format!("took {} min {} s", took / 60, took % 60));
    let (passed, failed, skipped) = (total.passed, total.failed.len(), total.skipped.len());
    say(&format!("{passed} passed, {failed} failed, {skipped} skipped"));
    ExitCode::from(u8::from(failed > 0 || wait::stopped()))
}
