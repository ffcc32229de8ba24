//! Modules, and the nodes of graphics cards.

use nixvm_system::{Change, Command, GuestPath, System};

use super::{Fault, write};

/// udev's rule for nodes that come later; Lima's name for the file.
const RULES: &str = "/run/udev/rules.d/70-lima-drm.rules";
const RULES_TEXT: &str = "SUBSYSTEM==\"drm\", KERNEL==\"renderD*|card*\", MODE=\"0666\"\n";
/// Largest list of built-in modules that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// One run of modprobe for all that is missing; it goes on after one that it cannot load, and what
/// no kernel of today has any more is no fault.
pub fn modules(system: &mut dyn System, names: &[&str]) -> Result<Change, Fault> {
    let Some(folder) = folder(system)? else { return Ok(Change::Unchanged) };
    let built_in = system.read(&folder.join("modules.builtin")?, LIMIT)?.unwrap_or_default();
    let built_in = String::from_utf8_lossy(&built_in);
    let mut missing = Vec::new();
    for name in names {
        let end = format!("/{name}.ko");
        let is_loaded = system.stat(&GuestPath::new(&format!("/sys/module/{name}"))?)?.is_some();
        if !is_loaded && !built_in.lines().any(|line| line.ends_with(&end)) {
            missing.push(*name);
        }
    }
    if missing.is_empty() || !system.has("modprobe") {
        return Ok(Change::Unchanged);
    }
    system.run(&Command::tool("modprobe", &[&["-a", "-q"], missing.as_slice()].concat()))?;
    Ok(Change::Changed)
}

/// Modules of the running kernel; gone as a whole after an upgrade, and absent where the host gives
/// the kernel.
fn folder(system: &dyn System) -> Result<Option<GuestPath>, Fault> {
    let release = GuestPath::new("/proc/sys/kernel/osrelease")?;
    let Some(release) = system.read(&release, 256)? else { return Ok(None) };
    let release = String::from_utf8_lossy(&release).trim().to_owned();
    for base in ["/run/booted-system/kernel-modules/lib/modules", "/lib/modules"] {
        let folder = GuestPath::new(base)?.join(&release)?;
        if system.stat(&folder)?.is_some() {
            return Ok(Some(folder));
        }
    }
    Ok(None)
}

pub fn graphics(system: &mut dyn System) -> Result<Change, Fault> {
    let mut change = write(system, RULES, RULES_TEXT.as_bytes(), 0o644)?;
    let folder = GuestPath::new("/dev/dri")?;
    for name in system.list(&folder)?.unwrap_or_default() {
        if name.starts_with("card") || name.starts_with("renderD") {
            change = change.and(system.set_mode(&folder.join(&name)?, 0o666)?);
        }
    }
    Ok(change)
}
