//! One load on one fresh agent, in network and mount namespaces of their own: no port of this
//! machine is seen, `/run` is empty, tracefs is there as on a guest.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nixvm_e2e::rig::process::Background;
use nixvm_e2e::rig::tool::Tool;
use nixvm_e2e::rig::{wait, workspace};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use serde_json::Value;

use super::agents::{Agents, Side};
use super::plan::Load;

/// Where all of them listen: below the `/run` of the cell.
const SOCKET: &str = "/run/lima-guestagent.sock";

/// Runs it and gives the numbers.
pub fn run(agents: &Agents, side: Side, load: &Load) -> Result<Value> {
    std::thread::scope(|scope| {
        // A namespace is entered by one thread only, which ends with the load.
        let cell = scope.spawn(|| {
            enter()?;
            measure(agents, side, load)
        });
        cell.join().map_err(|_| anyhow!("the thread of the load panicked"))?
    })
}

fn enter() -> Result<()> {
    raise_limit()?;
    // SAFETY: this thread has just begun; it shares no file system state or sockets with the others
    // that would be surprised by the change.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET | UnshareFlags::NEWNS) }
        .context("entering new namespaces")?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).context("making mounts private")?;
    mount("none", "/run", "tmpfs", MountFlags::empty(), None).context("mounting /run")?;
    mount("none", "/sys/kernel/tracing", "tracefs", MountFlags::empty(), None)
        .context("mounting tracefs")?;
    Tool::new("ip").args(["link", "set", "lo", "up"]).run()?;
    Ok(())
}

/// 10,000 ports and the connections beside them are more than the usual limit. What the machine
/// allows at most must do: to raise that is not for every root.
fn raise_limit() -> Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit { current: maximum, maximum };
    setrlimit(Resource::Nofile, limit).context("raising the limit of files")
}

fn measure(agents: &Agents, side: Side, load: &Load) -> Result<Value> {
    let program = agents.program(side).display().to_string();
    let arguments: &[String] = if side == Side::Ceiling { &[] } else { &["daemon".into()] };
    let log = workspace::state("logs/bench")?.join(format!("{side}.log").replace(' ', "-"));
    let mut agent = Background::start(&program, arguments, &log)?;
    wait::until("the agent's socket", Duration::from_secs(10), || {
        agent.check()?;
        Ok(UnixStream::connect(SOCKET).ok()) // it is not there yet
    })?;
    let mut bench = Tool::new(&agents.hostbench).limit(Duration::from_mins(3));
    if side == Side::Ceiling {
        bench = bench.arg("-ceiling");
    }
    let said = bench.args(&load.arguments).run();
    // An agent that died is the better reason.
    agent.check()?;
    serde_json::from_str(&said?).context("reading what hostbench printed")
}
