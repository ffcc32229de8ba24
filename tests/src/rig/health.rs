//! What must hold after any boot, whatever the test was about.

use anyhow::{Result, bail};

use super::console::Console;
use super::ssh::Ssh;

/// Units of ours that are done when the boot is done, and so may not have a process left.
const DONE: [&str; 3] = ["nixvm-agent-local", "nixvm-agent-early", "nixvm-agent-late"];

/// Looks for a panic, for failed units other than the allowed ones, and for processes left behind.
pub fn check(console: &Console, ssh: &Ssh, allowed: &[&str]) -> Result<()> {
    if let Some(line) = console.panic() {
        bail!("the kernel says: {line}");
    }
    let failed = ssh.run("systemctl list-units --failed --plain --no-legend --full")?;
    let failed: Vec<&str> = failed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|unit| !allowed.contains(unit))
        .collect();
    if !failed.is_empty() {
        let units = failed.join(" ");
        let log = ssh.run(&format!("sudo journalctl --boot --no-pager --lines 30 --unit {units}"));
        bail!("failed units: {units}\n{}", log.unwrap_or_default());
    }
    let left = DONE.map(|unit| format!("/sys/fs/cgroup/system.slice/{unit}.service/cgroup.procs"));
    let left = ssh.run(&format!("cat {} 2>/dev/null || true", left.join(" ")))?;
    if !left.trim().is_empty() {
        let pids = left.split_whitespace().collect::<Vec<_>>().join(",");
        let shown = ssh.run(&format!("ps -o pid,args -p {pids} || true"))?;
        bail!("the boot agent left processes behind:\n{shown}");
    }
    Ok(())
}
