//! `cargo xtask assets`: man pages and shell completions, made from the command lines themselves.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;

/// Write man pages and shell completions of both programs into a folder.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The folder; it is made if it is not there.
    #[arg(default_value = "target/assets")]
    folder: PathBuf,
}

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    let folder = &options.folder;
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    for (name, mut command) in [
        ("nixvm-agent", nixvm_agent::cli::Arguments::command()),
        ("nixvm-guestagent", nixvm_guestagent::cli::Cli::command()),
    ] {
        command = command.name(name);
        clap_mangen::generate_to(command.clone().disable_help_subcommand(true), folder)
            .with_context(|| format!("writing the man pages of {name}"))?;
        for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
            clap_complete::generate_to(shell, &mut command, name, folder)
                .with_context(|| format!("writing the completions of {name}"))?;
        }
    }
    println!("man pages and completions are in {}", folder.display());
    Ok(ExitCode::SUCCESS)
}
