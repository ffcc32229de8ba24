//! The guest agent's command: arguments, log, run, exit code. Lima starts it as
//! `lima-guestagent`; the name makes no difference.

use clap::Parser;
use nixvm_guestagent::cli::{Cli, Command, Daemon, Report};
use nixvm_guestagent::{daemon, report};
use std::error::Error;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use tokio::runtime::LocalOptions;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log(cli.debug);
    let done = match cli.command {
        Command::Daemon(arguments) => serve(arguments),
        Command::Ports(arguments) => ports(&arguments),
        Command::Status(arguments) => status(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
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

fn serve(arguments: Daemon) -> Result<(), Box<dyn Error>> {
    let settings = arguments.settings(|name| std::env::var(name).ok())?;
    // Local to its thread by itself: a `LocalSet` would cost two system calls
    // for each event.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build_local(LocalOptions::default())?;
    Ok(runtime.block_on(daemon::run(settings))?)
}

fn ports(arguments: &Report) -> Result<(), Box<dyn Error>> {
    let status = report::status::Status::read(&arguments.runtime_dir).unwrap_or_else(|error| {
        tracing::warn!(%error, "what the daemon knows cannot be read");
        None
    });
    let rows = report::rows(status.as_ref())?;
    let colours = report::table::Colours::on(std::io::stdout().is_terminal());
    let text = if arguments.json {
        serde_json::to_string(&rows)? + "\n"
    } else {
        report::table::table(&rows, colours)
    };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

fn status(arguments: &Report) -> Result<(), Box<dyn Error>> {
    let status = report::status::Status::read(&arguments.runtime_dir)?;
    let status =
        status.ok_or_else(|| format!("no daemon uses {}", arguments.runtime_dir.display()))?;
    let text = if arguments.json { serde_json::to_string(&status)? + "\n" } else { status.text() };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
