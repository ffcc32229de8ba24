//! Build, boot, test and measure nixvm.

mod vectors;

use std::process::ExitCode;

use clap::Parser;

/// Build, boot, test and measure nixvm.
#[derive(Debug, Parser)]
#[command(version)]
enum Task {
    Vectors(vectors::Options),
}

fn main() -> anyhow::Result<ExitCode> {
    match Task::parse() {
        Task::Vectors(options) => vectors::run(&options),
    }
}
