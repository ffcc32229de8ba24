//! Programs that run beside a test: QEMU, virtiofsd, ssh. Each is the leader of a process group of
//! its own, so that Ctrl-C on the terminal is ours to handle and that nothing it started outlives it,
//! and `setpriv` ties it to the thread that started it, so that it dies with a test that is killed.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use super::tool::tail;
use super::wait;

/// The process group that a child leads.
#[derive(Clone, Copy)]
pub struct Group(Option<Pid>);

impl Group {
    /// The group of a child that was started with `process_group(0)`.
    pub fn of(child: &Child) -> Self {
        Self(i32::try_from(child.id()).ok().and_then(Pid::from_raw))
    }

    /// Asks all of it to end, gives it a few seconds to tidy up, and then kills it.
    pub fn end(self, leader: &mut Child) {
        if let Self(Some(pid)) = self {
            kill_process_group(pid, Signal::TERM).ok(); // it may be gone already
        }
        let limit = Duration::from_secs(5);
        let ended = || wait::until("its end", limit, || leader.try_wait().map_err(Into::into));
        wait::in_peace(ended).ok(); // if it does not end it is killed
        self.kill();
        leader.wait().ok(); // this only takes the zombie away
    }

    /// Kills all of it.
    pub fn kill(self) {
        if let Self(Some(pid)) = self {
            kill_process_group(pid, Signal::KILL).ok(); // it may be gone already
        }
    }
}

/// A program in the background. It is killed when this value goes, so keep it as long as it is
/// wanted, on the thread that started it.
pub struct Background {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Background {
    /// Starts a program; both its outputs go to the file `log`.
    pub fn start(program: &str, args: &[String], log: &Path) -> Result<Self> {
        let out = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let err = out.try_clone().with_context(|| format!("opening {}", log.display()))?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", program]).args(args).process_group(0);
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child = command.spawn().with_context(|| format!("starting {program}"))?;
        Ok(Self { name: program.to_owned(), child, log: log.to_owned() })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("waiting for {}", self.name))
    }

    /// An error with its words if it has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => bail!("{} ended: {status}\n{}", self.name, self.said()),
        }
    }

    /// Waits for its end.
    pub fn join(&mut self, limit: Duration) -> Result<ExitStatus> {
        let what = format!("the end of {}", self.name);
        wait::until(&what, limit, || self.child.try_wait().map_err(Into::into))
    }

    /// Its last words.
    pub fn said(&self) -> String {
        tail(&std::fs::read_to_string(&self.log).unwrap_or_default(), 20)
    }
}

/// Programs that this one started and that still run, as `/proc` names them.
pub fn children() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let stats = entries.flatten().filter_map(|e| fs::read_to_string(e.path().join("stat")).ok());
    stats.filter(|stat| is_child(stat, std::process::id())).collect()
}

/// The state and the parent follow the name, which is in brackets and may hold any character.
fn is_child(stat: &str, parent: u32) -> bool {
    let Some((_, fields)) = stat.rsplit_once(')') else { return false };
    let mut fields = fields.split_whitespace();
    fields.next() != Some("Z") && fields.next() == Some(&parent.to_string())
}

impl Drop for Background {
    fn drop(&mut self) {
        Group::of(&self.child).kill();
        self.child.wait().ok(); // killed above; this only takes the zombie away
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_known_by_their_parent_and_zombies_are_none() {
        assert!(is_child("12 (a) b) S 77 12 12", 77));
        assert!(!is_child("12 (a) b) Z 77 12 12", 77));
        assert!(!is_child("77 (a) S 12 12 12", 77));
    }
}
