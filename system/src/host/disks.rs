//! The disk below a mount point: found through the mount table and sysfs.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Dev, StatVfsMountFlags};

use super::filesystems::Filesystem;
use super::partitions;
use crate::tree::Tree;
use crate::{Backing, Change, GuestPath, Mount, MountError, Partition};

/// `None` if it is no block device. What is in the way of growing is told: growing the partition
/// alone would gain nothing and could not be taken back.
pub(super) fn backing(tree: &Tree, mount_point: &GuestPath) -> Result<Option<Backing>, MountError> {
    let mounts = super::mounting::table(tree)?;
    let Some(mount) = mounts.into_iter().rev().find(|mount| mount.target == *mount_point) else {
        return Ok(None);
    };
    describe(tree, &mount).map_err(|source| MountError::Read {
        what: format!("the device below {mount_point}"),
        source,
    })
}

fn describe(tree: &Tree, mount: &Mount) -> io::Result<Option<Backing>> {
    let folder = open(tree, &mount.target)?;
    let Some(sysfs) = sysfs_of(mount, &folder)? else { return Ok(None) };
    let backing = Backing {
        device: node(&sysfs)?.display().to_string(),
        fstype: mount.fstype.clone(),
        partition: None,
        filesystem_room: 0,
        obstacle: None,
    };
    let filesystem = match obstacle(mount, &folder, &sysfs)? {
        Ok(filesystem) => filesystem,
        Err(obstacle) => return Ok(Some(Backing { obstacle: Some(obstacle), ..backing })),
    };
    let device = File::open(&backing.device)?;
    let is_partition = sysfs.join("partition").exists();
    let partition = if is_partition { describe_partition(&sysfs)? } else { None };
    let obstacle = (is_partition && partition.is_none())
        .then(|| format!("{} is neither of a GPT nor a primary one of an MBR", backing.device));
    let room = number(&sysfs.join("size"))? * 512;
    let filesystem_room = room.saturating_sub(filesystem.bytes(&device, &folder)?);
    // What is in the way of the partition is none for the file system.
    let obstacle = obstacle.filter(|_| filesystem_room < Backing::WORTH);
    Ok(Some(Backing { partition, filesystem_room, obstacle, ..backing }))
}

/// What is in the way of growing, or the file system that can be grown.
fn obstacle(mount: &Mount, folder: &File, sysfs: &Path) -> io::Result<Result<Filesystem, String>> {
    if let Some(layer) = layer(sysfs)? {
        return Ok(Err(format!("{} lies on {layer}, which is left alone", mount.target)));
    }
    let Some(filesystem) = Filesystem::of(&mount.fstype) else {
        return Ok(Err(format!("{} is {}, which is left alone", mount.target, mount.fstype)));
    };
    if rustix::fs::fstatvfs(folder)?.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Ok(Err(format!("{} is mounted read-only", mount.target)));
    }
    Ok(Ok(filesystem))
}

/// What lies between a device and its disk. The device mapper names its users by the beginning of an
/// id.
fn layer(sysfs: &Path) -> io::Result<Option<&'static str>> {
    if sysfs.join("md").exists() {
        return Ok(Some("RAID"));
    }
    if sysfs.join("bcache").exists() {
        return Ok(Some("bcache"));
    }
    let id = match std::fs::read_to_string(sysfs.join("dm/uuid")) {
        Ok(id) => id,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(match id.split('-').next() {
        Some("LVM") => "LVM",
        Some("CRYPT") => "LUKS",
        _ => "the device mapper",
    }))
}

/// The mount point itself; a descriptor for paths only is refused by `ioctl`.
fn open(tree: &Tree, mount_point: &GuestPath) -> io::Result<File> {
    let folder = tree.folder(mount_point)?;
    File::open(format!("/proc/self/fd/{}", folder.as_raw_fd()))
}

/// The device below the folder in sysfs.
fn sysfs_of(mount: &Mount, folder: &File) -> io::Result<Option<PathBuf>> {
    let number = rustix::fs::fstat(folder)?.st_dev;
    let Some(number) = block_device(mount, number)? else { return Ok(None) };
    let numbers = format!("{}:{}", rustix::fs::major(number), rustix::fs::minor(number));
    match Path::new("/sys/dev/block").join(numbers).canonicalize() {
        Ok(sysfs) => Ok(Some(sysfs)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A btrfs may have several devices, so its number stands for none of them (major 0); there the
/// source of the mount tells, if it is a device at all.
fn block_device(mount: &Mount, number: Dev) -> io::Result<Option<Dev>> {
    if rustix::fs::major(number) != 0 {
        return Ok(Some(number));
    }
    if !mount.source.starts_with("/dev/") {
        return Ok(None);
    }
    match std::fs::metadata(&mount.source) {
        Ok(device) if device.file_type().is_block_device() => Ok(Some(device.rdev())),
        Ok(_) => Ok(None),
        // `/dev/root`, as the kernel calls it by itself, is nowhere.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// `None` when the table is not one that is written to here.
fn describe_partition(sysfs: &Path) -> io::Result<Option<Partition>> {
    let disk_sysfs = sysfs.parent().ok_or(io::ErrorKind::NotFound)?;
    let disk = node(disk_sysfs)?;
    let index = u32::try_from(number(&sysfs.join("partition"))?).map_err(io::Error::other)?;
    let start = number(&sysfs.join("start"))? * 512;
    let room = partitions::room(&disk, index, start)?;
    Ok(room.map(|room| Partition {
        disk: disk.display().to_string(),
        number: index,
        start,
        bytes: number(&sysfs.join("size")).unwrap_or(0) * 512,
        room,
    }))
}

fn node(sysfs: &Path) -> io::Result<PathBuf> {
    let name = sysfs.file_name().ok_or(io::ErrorKind::NotFound)?.to_string_lossy();
    Ok(Path::new("/dev").join(name.replace('!', "/")))
}

fn number(path: &Path) -> io::Result<u64> {
    std::fs::read_to_string(path)?.trim().parse().map_err(io::Error::other)
}

pub(super) fn grow(
    tree: &Tree,
    mount_point: &GuestPath,
    backing: &Backing,
) -> Result<Change, MountError> {
    let failed = |error: io::Error| MountError::Grow {
        device: backing.device.clone(),
        reason: error.to_string(),
    };
    // First of all, for afterwards the partition table is another one.
    let filesystem = Filesystem::of(&backing.fstype).ok_or_else(|| {
        failed(io::Error::other(format!("{} cannot be grown here", backing.fstype)))
    })?;
    let folder = open(tree, mount_point).map_err(failed)?;
    if let Some(partition) = &backing.partition
        && partition.room >= Backing::WORTH
    {
        partitions::extend(&partition.disk, partition.number, partition.start).map_err(failed)?;
    }
    let device = File::open(&backing.device).map_err(failed)?;
    filesystem.grow(&device, &folder).map_err(failed)?;
    Ok(Change::Changed)
}

/// Names, as in sysfs, of the devices that are mounted or swapped to.
pub(super) fn claimed() -> io::Result<Vec<String>> {
    let mounts = std::fs::read("/proc/self/mountinfo")?;
    let mounts = String::from_utf8_lossy(&mounts);
    let numbers = mounts.lines().filter_map(|line| line.split(' ').nth(2)).map(|numbers| {
        let link = std::fs::read_link(Path::new("/sys/dev/block").join(numbers)).ok()?;
        Some(link.file_name()?.to_str()?.to_owned())
    });
    // A btrfs has a number of its own, but names one of its devices.
    let sources = mounts.lines().filter_map(|line| {
        line.split_once(" - ")?.1.split(' ').nth(1)?.strip_prefix("/dev/").map(str::to_owned)
    });
    let swaps = match std::fs::read_to_string("/proc/swaps") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        other => other?,
    };
    let swaps = swaps.lines().filter_map(|line| {
        line.split_whitespace().next()?.strip_prefix("/dev/").map(str::to_owned)
    });
    // A number without a device is that of a file system that has none.
    Ok(numbers.flatten().chain(sources).chain(swaps).collect())
}
