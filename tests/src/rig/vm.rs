//! A virtual machine that is on. It is off again when the value goes, whatever happened.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::console::Console;
use super::machine::{Machine, Share};
use super::process::Background;
use super::qmp::Qmp;
use super::seed::MountType;
use super::ssh::Ssh;
use super::{health, qemu, virtiofs, wait};

/// How long a guest may take to answer on SSH, where it is emulated on two busy cores.
const LOGIN: Duration = Duration::from_mins(3);
/// How long a boot may take as a whole.
const BOOT: Duration = Duration::from_mins(4);
/// How long a shutdown may take.
const SHUTDOWN: Duration = Duration::from_mins(2);

/// A running guest.
pub struct Vm<'a> {
    machine: &'a Machine,
    user: String,
    qemu: Background,
    /// Kept so that the shares live as long as the guest.
    _shares: Vec<Background>,
    qmp: Qmp,
    console: Console,
    started: SystemTime,
}

impl<'a> Vm<'a> {
    pub(super) fn start(machine: &'a Machine, user: &str, mac: &str) -> Result<Self> {
        let log = |what: &str| machine.logs.join(format!("{what}-{}.log", machine.boots));
        let serial = log("serial");
        let mut shares = Vec::new();
        for Share { tag, folder, kind } in &machine.shares {
            if *kind == MountType::Virtiofs {
                let socket = machine.path(&format!("{tag}.sock"));
                shares.push(virtiofs::serve(folder, &socket, &log(tag))?);
            }
        }
        let started = SystemTime::now();
        let args = qemu::args(machine, mac, &serial);
        let mut qemu = Background::start(machine.arch.qemu(), &args, &log("qemu"))?;
        let socket = machine.path("qmp.sock");
        let qmp = wait::until("QEMU's control socket", Duration::from_secs(20), || {
            qemu.check()?;
            Ok(socket.exists().then(|| Qmp::connect(&socket).ok()).flatten())
        })?;
        let console = Console::new(&serial, &machine.path("console.sock"));
        Ok(Self { machine, user: user.to_owned(), qemu, _shares: shares, qmp, console, started })
    }

    /// The serial console.
    pub fn console(&self) -> &Console {
        &self.console
    }

    /// The process that runs it.
    pub fn pid(&self) -> u32 {
        self.qemu.pid()
    }

    /// The machine that is on.
    pub fn machine(&self) -> &Machine {
        self.machine
    }

    /// Waits for sshd and logs in as the seed's user.
    pub fn ssh(&mut self) -> Result<Ssh> {
        let user = self.user.clone();
        self.ssh_as(&user)
    }

    /// Waits for sshd and logs in as someone.
    pub fn ssh_as(&mut self, user: &str) -> Result<Ssh> {
        let port = self.qmp.ssh_port()?;
        let (key, dir) = (self.machine.key(), self.machine.dir());
        let ssh =
            Ssh::connect((port, user, &key), dir, LOGIN, || alive(&mut self.qemu, &self.console));
        ssh.with_context(|| self.where_logs_are())
    }

    /// Waits for the end of the boot and gives how long it took from power-on, by the time stamp of
    /// the file that says so: asking for it does not count.
    pub fn boot_done(&mut self, ssh: &Ssh) -> Result<Duration> {
        let begin = Instant::now();
        // The guest waits by itself: each question from here would cost it more than its boot.
        let wait = "timeout 60 sh -c 'until [ -s /run/lima-boot-done ]; do sleep 0.3; done'";
        while !ssh.output(wait)?.status.success() {
            alive(&mut self.qemu, &self.console)?;
            if begin.elapsed() > BOOT {
                bail!(
                    "waited {} s for /run/lima-boot-done: {}",
                    BOOT.as_secs(),
                    self.where_logs_are()
                );
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
        let stamps = ssh.run("date +%s.%N; stat -c %.9Y /run/lima-boot-done")?;
        let stamps: Vec<f64> = stamps.lines().filter_map(|line| line.parse().ok()).collect();
        let [guest_now, done] = stamps[..] else { bail!("no time stamps: {stamps:?}") };
        let started = self.started.duration_since(UNIX_EPOCH)?.as_secs_f64();
        Ok(Duration::try_from_secs_f64(done - guest_now + now - started)?)
    }

    /// Whether it is still on. A guest whose kernel gave up is an error.
    pub fn is_on(&mut self) -> Result<bool> {
        if let Some(line) = self.console.panic() {
            bail!("the guest stopped: {line}");
        }
        Ok(self.qemu.ended()?.is_none())
    }

    /// What no boot may leave behind: a panic, a failed unit, a process of a unit that is done.
    pub fn check_health(&self, ssh: &Ssh, allowed: &[&str]) -> Result<()> {
        health::check(&self.console, ssh, allowed).with_context(|| self.where_logs_are())
    }

    /// Shuts down by the power button and waits for the end.
    pub fn shutdown(mut self) -> Result<()> {
        self.qmp.execute("system_powerdown", &json!({}))?;
        let status = self.qemu.join(SHUTDOWN).context("shutting down")?;
        if !status.success() {
            bail!("QEMU ended with {status}: {}", self.qemu.said());
        }
        match self.console.panic() {
            Some(line) => bail!("{line}: {}", self.where_logs_are()),
            None => Ok(()),
        }
    }

    /// Waits until QEMU has ended by itself.
    pub fn join(mut self, limit: Duration) -> Result<()> {
        self.qemu.join(limit).map(drop)
    }

    /// Cuts the power.
    pub fn cut_power(self) {
        drop(self);
    }

    fn where_logs_are(&self) -> String {
        let logs: &PathBuf = &self.machine.logs;
        format!("boot {} in {}", self.machine.boots, logs.display())
    }
}

/// An error if the guest cannot come up any more.
fn alive(qemu: &mut Background, console: &Console) -> Result<()> {
    qemu.check()?;
    match console.panic() {
        Some(line) => bail!("the guest stopped: {line}"),
        None => Ok(()),
    }
}
