//! Packages, containerd, and the reboot that they may ask for.

use std::time::Duration;

use nixvm_system::{Change, Command, Ended, Finished, GuestPath, Output, System};

use super::secrets::Secrets;
use super::{Fault, scripts, write};
use crate::config::env_file::Variables;
use crate::config::lima::Mode;
use crate::packages::Line;
use crate::report::readiness::REBOOT;
use crate::step::Script;
use crate::step::provision::{ContainerdStep, Must, PackageStep};

/// Longest time of one command: a download over a slow line.
const LIMIT: Duration = Duration::from_mins(20);
/// How often one is tried while another package manager is at work, and the time between.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(10);
/// What the marker holds if it is ours: other markers are those of scripts, which reboot themselves.
const OURS: &[u8] = b"nixvm-agent\n";
/// Where distributions say that a reboot is due.
const ASKS: &[&str] = &["/run/reboot-required", "/var/run/reboot-required", "/run/reboot-needed"];
/// Where Lima puts the script: before 2.1 and since.
const CONTAINERD: &[&str] = &[
    "/mnt/lima-cidata/boot.Linux/40-install-containerd.sh",
    "/mnt/lima-cidata/boot/40-install-containerd.sh",
];

pub(super) fn manage(system: &mut dyn System, step: &PackageStep) -> Result<Change, Fault> {
    let mut done = Ok(());
    for line in &step.lines {
        let result = one(system, line, step.env.reveal());
        if step.must == Must::Last || done.is_ok() {
            done = result;
        }
    }
    done?;
    if step.reboot && asks_for_reboot(system, step)? {
        write(system, REBOOT, OURS, 0o644)?;
    }
    Ok(Change::Changed)
}

fn one(system: &mut dyn System, (program, args): &Line, env: &Variables) -> Result<(), Fault> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut command = Command::tool(program, &args);
    command.limit = LIMIT;
    command.output = Output::Journal(format!("nixvm-packages.{program}"));
    let own =
        [("DEBIAN_FRONTEND", "noninteractive"), ("ZYPP_LOCK_TIMEOUT", "120"), ("HOME", "/root")];
    command.env.extend(env.iter().filter(|(name, _)| name != "PATH").cloned());
    command.env.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let mut tries = 1;
    loop {
        let Finished { ended, tail } = system.run(&command)?;
        if ended == Ended::Exit(0) {
            return Ok(());
        }
        if tries == TRIES || !tail.to_lowercase().contains("lock") {
            return Err(failed(program, ended, Secrets::of(env).last_line(&tail)));
        }
        tries += 1;
        system.pause(PAUSE);
    }
}

fn failed(program: &str, ended: Ended, line: Option<String>) -> Fault {
    let how = match ended {
        Ended::Exit(code) => format!("ended with exit code {code}"),
        Ended::Signal(signal) => format!("was ended by signal {signal}"),
        Ended::TimedOut => format!("did not end within {} s and was killed", LIMIT.as_secs()),
    };
    let line = line.map(|line| format!(": {line}")).unwrap_or_default();
    Fault::new("packages-failed", format!("{program} {how}{line}")).hint(format!(
        "its output: journalctl -t nixvm-packages.{program}; the next boot tries again"
    ))
}

/// Debian and SUSE say it by a file, Fedora by a command, where its plugin is there.
fn asks_for_reboot(system: &mut dyn System, step: &PackageStep) -> Result<bool, Fault> {
    for path in ASKS {
        if system.stat(&GuestPath::new(path)?)?.is_some() {
            return Ok(true);
        }
    }
    if !step.lines.iter().any(|(program, _)| *program == "dnf") {
        return Ok(false);
    }
    let finished = system.run(&Command::tool("dnf", &["needs-restarting", "-r"]))?;
    // Without the plugin it ends with 1 too.
    Ok(finished.ended == Ended::Exit(1) && finished.tail.contains("Reboot is required"))
}

/// At the end of the stage, and only if our own marker is there.
pub(super) fn reboot(system: &mut dyn System) -> Result<Change, Fault> {
    let marker = system.read(&GuestPath::new(REBOOT)?, 64)?;
    if marker.as_deref() != Some(OURS) {
        return Ok(Change::Unchanged);
    }
    // It returns at once, and the report is still written.
    let finished = system.run(&Command::tool("systemctl", &["--no-block", "reboot"]))?;
    if finished.ended == Ended::Exit(0) {
        return Ok(Change::Changed);
    }
    Err(Fault::new("reboot-failed", format!("systemctl reboot: {}", finished.tail.trim()))
        .hint("reboot the machine; until then the host waits for the boot to end"))
}

pub(super) fn containerd(system: &mut dyn System, step: &ContainerdStep) -> Result<Change, Fault> {
    for path in CONTAINERD {
        let Some(text) = system.read(&GuestPath::new(path)?, 1 << 20)? else { continue };
        let script = Script {
            mode: Mode::System,
            name: "40-install-containerd".to_owned(),
            text: nixvm_system::Secret::new(text),
            user: step.user.clone(),
            env: step.env.clone(),
            limit: step.limit,
        };
        return scripts::run(system, &script);
    }
    Err(Fault::new("no-installer", "the medium has no boot.Linux/40-install-containerd.sh")
        .hint("set containerd: {system: false, user: false} in the instance"))
}
