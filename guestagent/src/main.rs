//! The guest agent's command: arguments, log, run, exit code. Lima starts it as
//! `lima-guestagent`; the name makes no difference, unless it is `yq`.

use clap::Parser;
use nixvm_guestagent::cli::Cli;
use nixvm_guestagent::commands;
use std::error::Error;
use std::process::ExitCode;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    if arguments.next().is_some_and(|name| nixvm_yq::is_called_as_yq(&name)) {
        return nixvm_yq::run(arguments);
    }
    let cli = Cli::parse();
    log(cli.debug);
    commands::run(cli).unwrap_or_else(|error| {
        tracing::error!("{}", chain(error.as_ref()));
        ExitCode::FAILURE
    })
}

/// Our own messages in the detail that was asked for, others' warnings only.
fn log(debug: bool) {
    let level = if debug { LevelFilter::DEBUG } else { LevelFilter::INFO };
    let ours = Targets::new().with_target("nixvm", level).with_default(LevelFilter::WARN);
    // The journal adds the time by itself.
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .finish()
        .with(ours)
        .init();
}

fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
