//! Additional disks: which is which, and what is done with each.

mod find;

use super::{Draft, step};
use crate::config::Config;
use crate::config::disks::WantedDisk;
use crate::source::Seed;
use crate::step::disk::{DataDisk, Task};
use crate::step::{Action, Lifetime, Stage, Step};
use find::{Found, Search};

pub fn steps(seed: &Seed, config: &Config, draft: &mut Draft<'_>) {
    let (Some(lima), Some(disks)) = (&config.lima, &draft.facts.disks) else { return };
    let cidata = seed.medium.as_ref().map(|medium| medium.device.as_str());
    let root = draft.facts.root.as_ref().map(|root| root.device.as_str());
    let found = Search { wanted: &lima.disks, disks, cidata, root }.all();
    for (wanted, found) in lima.disks.disks.iter().zip(found) {
        add(wanted, found, draft);
    }
}

fn add(wanted: &WantedDisk, found: Found<'_>, draft: &mut Draft<'_>) {
    let skip = match &found {
        Found::Nothing { reason, .. } if !wanted.format => {
            Some(format!("it is not to be formatted, and {reason}"))
        }
        Found::Blank(disk) if !wanted.format => {
            Some(format!("{} is blank, and it is not to be formatted", disk.device))
        }
        _ => None,
    };
    let disk = DataDisk { name: wanted.name.clone(), task: task(wanted, found) };
    let title = disk.title();
    let step = Step {
        lifetime: Lifetime::Boot,
        origin: format!("lima.env: LIMA_CIDATA_DISK_{}_NAME", wanted.index),
        ..step(format!("disk:{}", wanted.name), title, Stage::Early, Action::Disk(disk))
    };
    match skip {
        Some(reason) => {
            let title = format!("use the disk {}", wanted.name);
            draft.skip(Step { title, ..step }, reason);
        }
        None => draft.add(step),
    }
}

fn task(wanted: &WantedDisk, found: Found<'_>) -> Task {
    match found {
        Found::Volume(volume) => used(wanted, &volume),
        Found::Blank(disk) => match wanted.fresh(&disk.name) {
            Ok(fresh) => Task::Format { fresh },
            Err(reason) => Task::Refuse {
                code: "bad-value",
                reason,
                hint: "types are ext2, ext3, ext4, xfs, btrfs, vfat and swap; \
                       arguments are options of mkfs"
                    .to_owned(),
            },
        },
        Found::Nothing { code, reason } => Task::Refuse {
            code,
            reason,
            hint: format!(
                "nothing was written. Give the right one its label, {}, or take away what is not \
                 to be told from it",
                wanted.full_label()
            ),
        },
    }
}

/// Types that are mounted by what is on the disk, whatever type was wanted.
const MOUNTED: [&str; 8] = ["ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "exfat", "f2fs"];

fn used(wanted: &WantedDisk, volume: &find::Volume<'_>) -> Task {
    let (disk, device) = (volume.disk.name.clone(), volume.device.to_owned());
    let kind = volume.content.only().map(|mark| mark.kind).unwrap_or_default();
    if kind == "swap" && wanted.fstype == "swap" {
        return Task::Swap { disk, device };
    }
    if MOUNTED.contains(&kind) && wanted.fstype != "swap" {
        return Task::Mount { disk, device, fstype: kind.to_owned() };
    }
    Task::Refuse {
        code: "disk-content",
        reason: format!(
            "{device} is called {}, is wanted as {}, and carries {}",
            wanted.full_label(),
            wanted.fstype,
            volume.content.describe()
        ),
        hint: format!(
            "if nothing on it is needed, `wipefs --all {device}` and zeros make it blank"
        ),
    }
}
