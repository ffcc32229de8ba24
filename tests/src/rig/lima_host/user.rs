//! The user that limactl runs as where the tests run as root, which it refuses.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use super::super::accel::Accel;
use super::super::tool::Tool;
use super::super::wait;

/// A user that lives as long as the test.
pub(in crate::rig) struct User {
    name: String,
    pub(in crate::rig) uid: u32,
}

impl User {
    /// A tool that this user runs.
    pub(in crate::rig) fn runs(&self, program: &str) -> Tool {
        let (name, switch) = (self.name.as_str(), "setpriv");
        Tool::new(switch).args(["--reuid", name, "--regid", name, "--init-groups", program])
    }

    pub(in crate::rig) fn add(accel: Accel) -> Result<Self> {
        let name = format!("nixvm{}", std::process::id());
        let mut add = Tool::new("useradd").args(["--no-create-home", "--user-group"]);
        add = add.args(["--shell", "/bin/bash", "--home-dir", "/nonexistent"]);
        if accel == Accel::Kvm {
            add = add.args(["--groups", "kvm"]);
        }
        add.arg(&name).run().context("making a user for limactl")?;
        let uid = Tool::new("id").args(["-u", &name]).run()?;
        let uid = uid.trim().parse().with_context(|| format!("the uid of {name}: {uid}"))?;
        Ok(Self { name, uid })
    }

    /// Processes of this user, which are all the test's: the user was made for it.
    fn processes(&self) -> Vec<i32> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| owner_of_living(*pid) == Some(self.uid)).collect()
    }

    fn end_processes(&self) -> Result<()> {
        wait::until("the end of the Lima user's processes", Duration::from_secs(10), || {
            let pids = self.processes();
            for pid in pids.iter().filter_map(|pid| rustix::process::Pid::from_raw(*pid)) {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok(); // may be gone
            }
            Ok(pids.is_empty().then_some(()))
        })
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let removed = wait::in_peace(|| {
            self.end_processes()?;
            Tool::new("userdel").args(["--force", &self.name]).run()
        });
        if let Err(error) = removed {
            eprintln!("removing the user {}: {error:#}", self.name);
        }
    }
}

/// Whose process this is; none if it has ended and nobody has asked for its status yet.
fn owner_of_living(pid: i32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    if field("State:")?.trim().starts_with('Z') {
        return None;
    }
    field("Uid:")?.split_whitespace().next()?.parse().ok()
}
