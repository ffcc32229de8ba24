//! `nixvm-agent status`.

use std::time::Duration;

use crate::report::{Report, State, show};
use anyhow::Context;
use clap::Args;
use nixvm_system::{GuestPath, System};

#[derive(Debug, Args)]
/// Show what was done in this boot.
pub struct Status {
    /// For programs.
    #[arg(long)]
    json: bool,
    /// Wait until the boot is over.
    #[arg(long)]
    wait: bool,
    /// Longest time to wait, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// Look at a folder that `run --root` worked on.
    #[arg(long, value_name = "DIR")]
    root: Option<String>,
}

pub fn run(arguments: &Status) -> anyhow::Result<u8> {
    let system = super::open(arguments.root.as_deref())?;
    let limit = if arguments.wait { arguments.timeout } else { 0 };
    let report = wait(system.as_ref(), Duration::from_secs(limit))?;
    let state = report.state();
    if arguments.json {
        let mut json = serde_json::to_value(&report)?;
        if let Some(map) = json.as_object_mut() {
            map.insert("status".to_owned(), serde_json::json!(state));
        }
        super::print(&format!("{json:#}\n"))?;
    } else {
        super::print(&show::report(&report, super::colour()))?;
    }
    Ok(state.exit())
}

/// The report, once it is final or the time is up. Woken by the kernel when the report changes.
fn wait(system: &dyn System, limit: Duration) -> anyhow::Result<Report> {
    let folder = GuestPath::new("/run/nixvm-agent")?;
    let mut left = limit;
    loop {
        let report = Report::read(system).map_err(anyhow::Error::msg)?;
        let is_final = !matches!(report.state(), State::NotStarted | State::Running);
        if is_final || left.is_zero() {
            return Ok(report);
        }
        // A change between reading and watching is seen at the latest after this time.
        let round = left.min(Duration::from_secs(5));
        let began = system.uptime();
        let changed =
            system.wait_for_change(&folder, round).context("waiting for a change of the report")?;
        // The clock of a folder stands still, but a round that was not cut short took its time.
        let took = system.uptime().saturating_sub(began);
        left = left.saturating_sub(if changed { took } else { took.max(round) });
    }
}
