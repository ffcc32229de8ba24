//! The guest agent's command: arguments, log, run, exit code. Lima starts it as
//! `lima-guestagent`; the name makes no difference.

use clap::Parser;
use nixvm_guestagent::cli::{CheckConfig, Cli, Command, Daemon, InstallSystemd, Ports};
use nixvm_guestagent::install::{self, Place};
use nixvm_guestagent::settings::{Level, file};
use nixvm_guestagent::{daemon, report};
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log(cli.debug);
    let done = match cli.command {
        Command::Daemon(arguments) => serve(arguments),
        Command::Ports(arguments) => ports(&arguments),
        Command::CheckConfig(arguments) => check(&arguments),
        Command::InstallSystemd(arguments) => install(&arguments, cli.debug),
    };
    done.unwrap_or_else(|error| {
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

fn serve(arguments: Daemon) -> Result<ExitCode, Box<dyn Error>> {
    let (file, findings) = file::read(arguments.config.as_deref())?;
    for finding in findings {
        tracing::warn!("{finding}");
    }
    let settings = arguments.settings(|name| std::env::var(name).ok(), file)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(daemon::run(settings));
    // A share that hangs must not keep the process.
    runtime.shutdown_background();
    Ok(ended.map(|()| ExitCode::SUCCESS)?)
}

fn ports(arguments: &Ports) -> Result<ExitCode, Box<dyn Error>> {
    let rows = report::rows()?;
    let text =
        if arguments.json { serde_json::to_string(&rows)? + "\n" } else { report::table(&rows) };
    print(&text)
}

fn check(arguments: &CheckConfig) -> Result<ExitCode, Box<dyn Error>> {
    let (_, findings) = file::read(Some(&arguments.file))?;
    print(&findings.iter().map(|finding| format!("{finding}\n")).collect::<String>())?;
    let unusable = findings.iter().any(|finding| finding.level == Level::Error);
    Ok(ExitCode::from(if unusable { 2 } else { 0 }))
}

fn install(arguments: &InstallSystemd, debug: bool) -> Result<ExitCode, Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let done = install::install(&program, arguments, debug, &Place::default())?;
    tracing::info!(?done, "lima-guestagent.service");
    Ok(ExitCode::SUCCESS)
}

fn print(text: &str) -> Result<ExitCode, Box<dyn Error>> {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
