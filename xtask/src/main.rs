//! Build, boot, test and measure nixvm.

mod assets;
mod bench;
mod fixtures;
mod fuzz;
mod progress;
mod setup;
mod test;
mod up;
mod vectors;

use std::process::ExitCode;

use clap::Parser;

/// Build, boot, test and measure nixvm.
#[derive(Debug, Parser)]
#[command(version, bin_name = "cargo xtask")]
enum Task {
    Up(up::Options),
    Test(test::Options),
    #[command(subcommand)]
    Bench(bench::Subject),
    Vectors(vectors::Options),
    Assets(assets::Options),
    Fuzz(fuzz::Options),
    #[command(subcommand)]
    Fixtures(fixtures::Kind),
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Up(options) => up::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Bench(subject) => bench::run(&subject),
        Task::Vectors(options) => vectors::run(&options),
        Task::Assets(options) => assets::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Fixtures(kind) => fixtures::run(&kind),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
