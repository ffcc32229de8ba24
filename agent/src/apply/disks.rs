//! Additional disks. What the plan found is looked at once more where something would be lost by an
//! error: formatting reads the disk again by itself.

use nixvm_system::{Change, Disk, DiskError, Fresh, MountSpec, Part, System};

use super::{Fault, mounts};
use crate::facts::with_cause;
use crate::step::disk::{DataDisk, Task};

impl From<DiskError> for Fault {
    fn from(error: DiskError) -> Self {
        Self::new(error.code(), with_cause(&error))
    }
}

pub(super) fn attach(system: &mut dyn System, data: &DataDisk) -> Result<Change, Fault> {
    match &data.task {
        Task::Refuse { code, reason, hint } => Err(Fault::new(code, reason).hint(hint)),
        Task::Mount { device, fstype, .. } => mount(system, &data.name, device, fstype),
        Task::Swap { disk, device } => swap(system, disk, device),
        Task::Format { fresh } => format(system, &data.name, fresh),
    }
}

fn format(system: &mut dyn System, name: &str, fresh: &Fresh) -> Result<Change, Fault> {
    if let Some((program, _)) = &fresh.maker
        && !system.has(program)
    {
        return Err(no_program(program, &fresh.fstype));
    }
    // Held until the disk is in use: udev would have the kernel read its table again.
    let _lock = system.format(fresh).map_err(|error| explain(error, &fresh.disk))?;
    let disk = system.examine(&fresh.disk)?;
    let Some(part) = disk.parts.first() else {
        let reason = format!("{} has no partition after it was formatted", disk.device);
        return Err(Fault::new("disk-odd", reason));
    };
    match fresh.fstype.as_str() {
        "swap" => system.swap_on(&part.device).map_err(Fault::from),
        fstype => mount(system, name, &part.device, fstype),
    }
}

fn no_program(program: &str, fstype: &str) -> Fault {
    let package = match fstype {
        "xfs" => "xfsprogs",
        "btrfs" => "btrfs-progs",
        "vfat" => "dosfstools",
        _ => "e2fsprogs",
    };
    let reason = format!("there is no {program}; nothing was written to the disk");
    Fault::new("no-such-program", reason).hint(format!(
        "install {package} (NixOS: boot.supportedFilesystems); the next boot formats"
    ))
}

fn explain(error: DiskError, disk: &str) -> Fault {
    let hint = match &error {
        DiskError::NotBlank { .. } => format!(
            "it is not formatted. If nothing on it is needed: `wipefs --all /dev/{disk}?* \
             /dev/{disk}`, then zeros over its first 4 MiB"
        ),
        DiskError::Maker { .. } => format!(
            "are FSARGS of the disk right? The next boot tries again if the partition is still \
             blank; else `wipefs --all /dev/{disk}?*` and zeros over its first 4 MiB"
        ),
        _ => "the disk is left as it is; the next boot tries again".to_owned(),
    };
    Fault::from(error).hint(hint)
}

fn mount(system: &mut dyn System, name: &str, device: &str, fstype: &str) -> Result<Change, Fault> {
    let target = DataDisk::mount_point(name);
    let spec = MountSpec {
        source: device.to_owned(),
        target: target.clone(),
        fstype: fstype.to_owned(),
        options: String::new(),
    };
    let change = mounts::mount(system, &spec, None).map_err(|fault| {
        fault.hint(format!(
            "nothing was written to {device}; does the kernel know {fstype}, and does fsck find it \
             sound?"
        ))
    })?;
    let backing = system.backing(&target)?;
    let Some(backing) = backing.filter(nixvm_system::Backing::can_grow) else { return Ok(change) };
    let grown = system.grow(&target, &backing).map_err(|error| {
        Fault::from(error).hint(format!("{target} is mounted; only growing it failed"))
    })?;
    Ok(change.and(grown))
}

fn swap(system: &mut dyn System, disk: &str, device: &str) -> Result<Change, Fault> {
    let disk: Disk = system.examine(disk)?;
    let name = device.strip_prefix("/dev/").unwrap_or(device);
    if disk.claimed.iter().any(|claimed| claimed == name) {
        return Ok(Change::Unchanged);
    }
    let part = disk.parts.iter().find(|part| part.device == device);
    let grown = part.map(|part: &Part| system.enlarge_swap(&disk.name, part)).transpose();
    system.swap_on(device)?;
    grown.map_err(|error| {
        Fault::from(error).hint(format!("{device} is in use; only growing it failed"))
    })?;
    Ok(Change::Changed)
}
