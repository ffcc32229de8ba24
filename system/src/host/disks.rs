//! The disk below a mount point: found through `/proc/self/mountinfo` and sysfs, grown by the
//! kernel's own ioctls, so that no partition or file system tool is needed for ext4.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::ioctl::{Setter, ioctl, opcode};

use crate::tree::Tree;
use crate::{Backing, Change, Command, Ended, GuestPath, MountError, Partition, growth};

/// Where the ext4 superblock lies, and what in it is read.
const SUPERBLOCK: u64 = 1024;

pub(super) fn backing(tree: &Tree, mount_point: &GuestPath) -> Result<Option<Backing>, MountError> {
    let unreadable =
        |source| MountError::Read { what: format!("the device below {mount_point}"), source };
    let Some(mount) =
        super::mounting::table(tree)?.into_iter().rev().find(|mount| mount.target == *mount_point)
    else {
        return Ok(None);
    };
    let folder = tree.folder(mount_point).map_err(unreadable)?;
    let device = rustix::fs::fstat(&folder).map_err(|error| unreadable(error.into()))?.st_dev;
    let numbers = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    let sysfs = Path::new("/sys/dev/block").join(numbers);
    if !sysfs.exists() {
        return Ok(None);
    }
    describe(&sysfs, &mount.fstype).map(Some).map_err(unreadable)
}

fn describe(sysfs: &Path, fstype: &str) -> io::Result<Backing> {
    let sysfs = sysfs.canonicalize()?;
    let device = node(&sysfs)?;
    let partition =
        if sysfs.join("partition").exists() { describe_partition(&sysfs)? } else { None };
    let device_bytes = number(&sysfs.join("size"))? * 512;
    let filesystem = if fstype == "ext4" { ext4_bytes(&device)? } else { device_bytes };
    Ok(Backing {
        device: device.display().to_string(),
        fstype: fstype.to_owned(),
        partition,
        filesystem_room: device_bytes.saturating_sub(filesystem),
    })
}

/// `None` when the table is not GPT: then there is nothing we would write to.
fn describe_partition(sysfs: &Path) -> io::Result<Option<Partition>> {
    let disk_sysfs = sysfs.parent().ok_or(io::ErrorKind::NotFound)?;
    let disk = node(disk_sysfs)?;
    let index = u32::try_from(number(&sysfs.join("partition"))?).map_err(io::Error::other)?;
    let start = number(&sysfs.join("start"))? * 512;
    let room =
        growth::room_behind(&mut File::open(&disk)?, index, start).map_err(io::Error::other)?;
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

/// Size of an ext4 file system from its superblock: 64-bit block count and block size.
fn ext4_bytes(device: &Path) -> io::Result<u64> {
    let file = File::open(device)?;
    let word = |offset: u64| -> io::Result<u64> {
        let mut bytes = [0; 4];
        file.read_exact_at(&mut bytes, SUPERBLOCK + offset)?;
        Ok(u64::from(u32::from_le_bytes(bytes)))
    };
    let blocks = word(0x4)? | (word(0x150)? << 32);
    Ok(blocks.saturating_mul(1024 << word(0x18)?.min(6)))
}

pub(super) fn grow(
    tree: &Tree,
    mount_point: &GuestPath,
    backing: &Backing,
) -> Result<Change, MountError> {
    let failed = |what: &str, error: &dyn std::fmt::Display| MountError::Grow {
        device: what.to_owned(),
        reason: error.to_string(),
    };
    if let Some(partition) = &backing.partition
        && partition.room >= Backing::WORTH
    {
        grow_partition(partition).map_err(|error| failed(&backing.device, &error))?;
    }
    grow_filesystem(tree, mount_point, backing).map_err(|error| failed(&backing.device, &error))?;
    Ok(Change::Changed)
}

/// Writes the table, then tells the kernel, which a mounted partition allows for growing.
fn grow_partition(partition: &Partition) -> io::Result<()> {
    let mut disk = OpenOptions::new().read(true).write(true).open(&partition.disk)?;
    let bytes = growth::extend(&mut disk, partition.number, partition.start)
        .map_err(io::Error::other)?
        .ok_or_else(|| io::Error::other("the partition table is not what the kernel says"))?;
    disk.sync_all()?;
    let mut part = BlkpgPartition {
        start: i64::try_from(partition.start).map_err(io::Error::other)?,
        length: i64::try_from(bytes).map_err(io::Error::other)?,
        number: i32::try_from(partition.number).map_err(io::Error::other)?,
        names: [0; 128],
    };
    let request = BlkpgRequest {
        operation: BLKPG_RESIZE_PARTITION,
        flags: 0,
        length: 0,
        data: &raw mut part,
    };
    // SAFETY: BLKPG takes a pointer to `struct blkpg_ioctl_arg`, whose `data` points to a
    // `struct blkpg_partition`; both are laid out as the kernel does and live across the call.
    Ok(unsafe { ioctl(&disk, Setter::<BLKPG, BlkpgRequest>::new(request)) }?)
}

/// `_IO(0x12, 105)`, from linux/blkpg.h; the same on all architectures Linux has in common use.
const BLKPG: rustix::ioctl::Opcode = opcode::none(0x12, 105);
const BLKPG_RESIZE_PARTITION: i32 = 3;

#[repr(C)]
struct BlkpgRequest {
    operation: i32,
    flags: i32,
    length: i32,
    data: *mut BlkpgPartition,
}

#[repr(C)]
struct BlkpgPartition {
    start: i64,
    length: i64,
    number: i32,
    /// Device and volume name, 64 bytes each, ignored for resizing.
    names: [u8; 128],
}

fn grow_filesystem(tree: &Tree, mount_point: &GuestPath, backing: &Backing) -> io::Result<()> {
    match backing.fstype.as_str() {
        "ext4" => grow_ext4(tree, mount_point, backing),
        "xfs" => grow_by_tool(tree, "xfs_growfs", &[mount_point.as_str()]),
        "btrfs" => {
            grow_by_tool(tree, "btrfs", &["filesystem", "resize", "max", mount_point.as_str()])
        }
        other => Err(io::Error::other(format!("file system {other} cannot be grown here"))),
    }
}

/// `EXT4_IOC_RESIZE_FS`, `_IOW('f', 16, __u64)`: new size in blocks, on any file of the mount.
const EXT4_IOC_RESIZE_FS: rustix::ioctl::Opcode = opcode::write::<u64>(b'f', 16);

fn grow_ext4(tree: &Tree, mount_point: &GuestPath, backing: &Backing) -> io::Result<()> {
    let device = File::open(&backing.device)?;
    let bytes = rustix::fs::seek(&device, rustix::fs::SeekFrom::End(0))?;
    let folder = tree.folder(mount_point)?;
    let block = File::open(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&folder)))?;
    let block_size = block.metadata()?.blksize().max(1024);
    // SAFETY: the ioctl reads one u64 through the pointer it is given.
    Ok(unsafe { ioctl(&block, Setter::<EXT4_IOC_RESIZE_FS, u64>::new(bytes / block_size)) }?)
}

fn grow_by_tool(tree: &Tree, program: &str, args: &[&str]) -> io::Result<()> {
    let finished =
        super::run::run(tree, &Command::tool(program, args)).map_err(io::Error::other)?;
    match finished.ended {
        Ended::Exit(0) => Ok(()),
        ended => Err(io::Error::other(format!("{program}: {ended:?}: {}", finished.tail.trim()))),
    }
}
