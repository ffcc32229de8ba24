//! `nixvm-agent`: arguments in, exit code out.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::run(&cli::Arguments::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("nixvm-agent: {error:#}");
            ExitCode::from(1)
        }
    }
}
