//! The commands, each from its arguments to its exit code.

use crate::cli::{CheckConfig, Cli, Command, Daemon, InstallSystemd, Report};
use crate::daemon;
use crate::install::{self, Place};
use crate::port::rules::Rules;
use crate::report::{self, status::Status, table};
use crate::settings::{File, Level, file};
use crate::tunnel::lists::Lists;
use std::error::Error;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use tokio::runtime::LocalOptions;

type Outcome = Result<ExitCode, Box<dyn Error>>;

/// Does what was asked.
///
/// # Errors
/// It could not be done.
pub fn run(cli: Cli) -> Outcome {
    match cli.command {
        Command::Daemon(arguments) => serve(arguments),
        Command::Ports(arguments) => ports(&arguments),
        Command::Status(arguments) => status(&arguments),
        Command::CheckConfig(arguments) => check(&arguments),
        Command::InstallSystemd(arguments) => install(&arguments, cli.debug),
        #[cfg(feature = "yq")]
        Command::Yq(arguments) => Ok(nixvm_yq::run(arguments.arguments.into_iter())),
    }
}

fn serve(arguments: Daemon) -> Outcome {
    let (file, findings) = file::read(arguments.config.as_deref())?;
    for finding in findings {
        tracing::warn!("{finding}");
    }
    for remark in remarks(&file) {
        tracing::warn!("{remark}");
    }
    let settings = arguments.settings(|name| std::env::var(name).ok(), file)?;
    // Local to its thread by itself: a `LocalSet` would cost two system calls
    // for each event.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build_local(LocalOptions::default())?;
    let ended = runtime.block_on(daemon::run(settings));
    // A share that hangs must not keep the process.
    runtime.shutdown_background();
    Ok(ended.map(|()| ExitCode::SUCCESS)?)
}

fn ports(arguments: &Report) -> Outcome {
    let status = Status::read(&arguments.runtime_dir).unwrap_or_else(|error| {
        tracing::warn!(%error, "what the daemon knows cannot be read");
        None
    });
    let rows = report::rows(status.as_ref())?;
    if arguments.json {
        return print(&(serde_json::to_string(&rows)? + "\n"));
    }
    print(&table::table(&rows, table::Colours::on(std::io::stdout().is_terminal())))
}

fn status(arguments: &Report) -> Outcome {
    let status = Status::read(&arguments.runtime_dir)?;
    let status =
        status.ok_or_else(|| format!("no daemon uses {}", arguments.runtime_dir.display()))?;
    let json = || serde_json::to_string(&status).map(|text| text + "\n");
    print(&if arguments.json { json()? } else { status.text() })
}

fn check(arguments: &CheckConfig) -> Outcome {
    let (file, findings) = file::read(Some(&arguments.file))?;
    let remarks = remarks(&file);
    let unusable =
        !remarks.is_empty() || findings.iter().any(|finding| finding.level == Level::Error);
    let mut lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    lines.extend(remarks.iter().map(|text| format!("{}: error: {text}", arguments.file.display())));
    print(&lines.iter().map(|line| format!("{line}\n")).collect::<String>())?;
    Ok(ExitCode::from(if unusable { 2 } else { 0 }))
}

/// Rules that cannot be read, with their keys.
fn remarks(file: &File) -> Vec<String> {
    let ignore = file.ports.ignore.as_deref().map(Rules::usable);
    let ports = ignore.into_iter().flat_map(|(_, unusable)| unusable);
    let tunnel = Lists::new(&file.tunnel.allow, &file.tunnel.deny).1;
    let ports = ports.map(|error| format!("ports.ignore: {error}; this rule is left out"));
    ports.chain(tunnel).collect()
}

fn install(arguments: &InstallSystemd, debug: bool) -> Outcome {
    let program = std::env::current_exe()?;
    let done = install::install(&program, arguments, debug, &Place::default())?;
    tracing::info!(?done, "lima-guestagent.service");
    Ok(ExitCode::SUCCESS)
}

fn print(text: &str) -> Outcome {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
