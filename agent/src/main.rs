//! `nixvm-agent`: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use nixvm_agent::cli;

fn main() -> ExitCode {
    match cli::run(&cli::Arguments::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("nixvm-agent: {error:#}");
            ExitCode::from(1)
        }
    }
}
