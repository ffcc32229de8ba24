//! Which accelerator QEMU uses here. That `/dev/kvm` exists proves nothing: inside some virtual
//! machines it can be opened and then cannot run a kernel. So one is booted, with a time limit, and
//! the verdict is kept for this machine and this boot of it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::arch::Arch;
use super::process::Background;
use super::{wait, workspace};

/// How guests are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accel {
    /// By the processor.
    Kvm,
    /// By QEMU's translator, about ten times as slow.
    Tcg,
}

impl Accel {
    /// QEMU's arguments.
    pub fn args(self) -> [&'static str; 4] {
        match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            Self::Tcg => ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max"],
        }
    }

    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kvm => "KVM",
            Self::Tcg => "emulation (TCG), since KVM cannot boot Linux here",
        }
    }
}

/// The accelerator for this machine, found out with this kernel (20 s at most, once).
pub fn detect(arch: Arch, kernel: &Path) -> Result<Accel> {
    if !Path::new("/dev/kvm").exists() {
        return Ok(Accel::Tcg);
    }
    let _lock = workspace::lock("accel")?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let verdict = workspace::state("verdicts")?.join(format!("kvm-{}", boot.trim()));
    match fs::read_to_string(&verdict).as_deref() {
        Ok("works") => return Ok(Accel::Kvm),
        Ok("broken") => return Ok(Accel::Tcg),
        _ => {}
    }
    let works = boots(arch, kernel)?;
    let text = if works { "works" } else { "broken" };
    fs::write(&verdict, text).with_context(|| format!("writing {}", verdict.display()))?;
    Ok(if works { Accel::Kvm } else { Accel::Tcg })
}

/// Whether a kernel gets, under KVM, as far as missing its root file system.
fn boots(arch: Arch, kernel: &Path) -> Result<bool> {
    let dir = tempfile::tempdir().context("making a folder for the probe")?;
    let serial = dir.path().join("serial");
    let mut args: Vec<String> =
        ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
            .iter()
            .chain(&["-m", "256", "-machine", arch.machine()])
            .chain(&Accel::Kvm.args())
            .map(ToString::to_string)
            .collect();
    args.extend(["-kernel".into(), kernel.display().to_string()]);
    args.extend(["-append".into(), format!("console={} panic=-1", arch.console())]);
    args.extend(["-serial".into(), format!("file:{}", serial.display())]);
    let mut qemu = Background::start(arch.qemu(), &args, &dir.path().join("log"))?;
    let reached = wait::until("a kernel under KVM", Duration::from_secs(20), || {
        let text = fs::read(&serial).unwrap_or_default();
        let seen = String::from_utf8_lossy(&text).contains("Unable to mount root fs");
        Ok((seen || qemu.ended()?.is_some()).then_some(seen))
    });
    Ok(reached.unwrap_or(false))
}
