//! The three files that Lima's host waits for. Each holds the instance-id and a line feed; Lima 2.0
//! compares them with the whole meta-data instead. They are written even after failed steps, since
//! a host that waits ten minutes helps nobody, but never while a reboot is pending.

use nixvm_system::{Attrs, GuestPath, Links, System, WriteError};

use crate::config::lima::Lima;
use crate::facts::shares_fuse;
use crate::step::Stage;

/// Users can log in for good.
pub const SSH: &str = "/run/lima-ssh-ready";
/// The host may mount by reverse-sshfs.
pub const FUSE: &str = "/run/lima-fuse-ready";
/// The boot is over.
pub const BOOT: &str = "/run/lima-boot-done";
/// Something is about to reboot the machine.
pub const REBOOT: &str = "/run/lima-reboot-required";

/// Before the last stage: what an earlier run left says nothing about this one.
pub fn withdraw(stage: Stage, system: &mut dyn System) -> Result<(), WriteError> {
    if stage != Stage::Late {
        return Ok(());
    }
    let mut done = Ok(());
    for path in [BOOT, REBOOT].into_iter().filter_map(|name| GuestPath::new(name).ok()) {
        done = done.and(system.remove(&path).map(drop));
    }
    done
}

/// After a stage.
pub fn publish(stage: Stage, lima: &Lima, system: &mut dyn System) -> Result<(), WriteError> {
    let text = match &lima.instance_id {
        Some(id) => format!("{id}\n").into_bytes(),
        None => lima.meta_data.clone(),
    };
    for name in files(stage, lima, system) {
        if let Ok(path) = GuestPath::new(name) {
            system.write(&path, &text, Attrs::root(0o644), Links::Follow)?;
        }
    }
    Ok(())
}

fn files(stage: Stage, lima: &Lima, system: &dyn System) -> Vec<&'static str> {
    match stage {
        Stage::Local => Vec::new(),
        Stage::Early if lima.plain => Vec::new(),
        Stage::Early => [&[SSH], fuse(lima, system)].concat(),
        Stage::Late => {
            let reboots = GuestPath::new(REBOOT).map(|path| system.stat(&path));
            // A file that cannot be looked at is taken for one that is there.
            let done: &[_] = if matches!(reboots, Ok(Ok(None))) { &[BOOT] } else { &[] };
            [fuse(lima, system), done].concat()
        }
    }
}

/// A mount that cannot be shared with others fails on the host, over and over: the host is told only
/// when it can. The last stage may have installed what the early one missed.
fn fuse(lima: &Lima, system: &dyn System) -> &'static [&'static str] {
    let is_wanted = lima.mount_type == "reverse-sshfs" && !lima.plain;
    if is_wanted && shares_fuse(system) { &[FUSE] } else { &[] }
}
