//! `nixvm-agent diff`.

use clap::Args;

use super::Machine;
use crate::drift::{self, show};
use crate::report::Report;
use crate::run;

#[derive(Debug, Args)]
/// Show what is not as the seed wants it: what has drifted, and what is still to do. Nothing is
/// written.
#[command(
    after_help = "Exit codes: 0 nothing; 2 something has drifted or is to do; 1 cannot be told."
)]
pub struct Diff {
    #[command(flatten)]
    machine: Machine,
    /// For programs.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Diff) -> anyhow::Result<u8> {
    let system = arguments.machine.open()?;
    if !super::is_root(system.as_ref()) {
        anyhow::bail!("accounts and the seed can be read by root alone: sudo nixvm-agent diff");
    }
    let (read, notes) = super::read(arguments.machine.seed.as_deref(), system.as_ref())?;
    let Some(read) = read else {
        super::print("no seed found: nothing to compare with\n")?;
        super::print_findings(&notes)?;
        return Ok(1);
    };
    let options = arguments.machine.options();
    let (plan, ledger, findings) = run::draft(&read, system.as_ref(), options);
    let report = Report::read(system.as_ref()).map_err(anyhow::Error::msg)?;
    let all = drift::compare(&plan, &ledger, &report, system.as_ref());
    if arguments.json {
        let json =
            serde_json::json!({ "seed": read.seed.origin, "steps": all, "findings": findings });
        super::print(&format!("{json:#}\n"))?;
    } else {
        super::print(&format!(
            "seed {}\n\n{}",
            read.seed.origin,
            show::all(&all, super::colour())
        ))?;
        super::print_findings(&findings)?;
    }
    Ok(drift::exit(&all, &findings))
}
