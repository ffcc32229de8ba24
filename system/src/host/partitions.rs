//! Partitions: grown in their table and told to the kernel by its own call, so that no partition tool
//! is needed.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use rustix::ioctl::{Setter, ioctl, opcode};

use crate::growth;

/// Free bytes behind a partition; `None` if its table is none that is written to here.
pub(super) fn room(disk: &Path, number: u32, start: u64) -> io::Result<Option<u64>> {
    growth::room_behind(&mut File::open(disk)?, number, start).map_err(io::Error::other)
}

/// Writes the table, then tells the kernel, which a mounted partition allows for growing.
pub(super) fn extend(disk: &str, number: u32, start: u64) -> io::Result<()> {
    let mut disk = OpenOptions::new().read(true).write(true).open(disk)?;
    let bytes = growth::extend(&mut disk, number, start)
        .map_err(io::Error::other)?
        .ok_or_else(|| io::Error::other("the partition table is not what the kernel says"))?;
    disk.sync_all()?;
    tell_kernel(&disk, Blkpg::Resize, number, start, bytes)
}

/// What the kernel is told about a partition.
#[derive(Clone, Copy, Debug)]
pub(super) enum Blkpg {
    /// It is new.
    Add = 1,
    /// It has another length.
    Resize = 3,
}

/// Tells the kernel of a partition, without having it read the table.
pub(super) fn tell_kernel(
    disk: &File,
    operation: Blkpg,
    number: u32,
    start: u64,
    bytes: u64,
) -> io::Result<()> {
    let mut part = BlkpgPartition {
        start: i64::try_from(start).map_err(io::Error::other)?,
        length: i64::try_from(bytes).map_err(io::Error::other)?,
        number: i32::try_from(number).map_err(io::Error::other)?,
        names: [0; 128],
    };
    let request =
        BlkpgRequest { operation: operation as i32, flags: 0, length: 0, data: &raw mut part };
    // SAFETY: BLKPG takes a pointer to `struct blkpg_ioctl_arg`, whose `data` points to a
    // `struct blkpg_partition`; both are laid out as the kernel does and live across the call.
    Ok(unsafe { ioctl(disk, Setter::<BLKPG, BlkpgRequest>::new(request)) }?)
}

/// `_IO(0x12, 105)`, from linux/blkpg.h; the same on all architectures Linux has in common use.
const BLKPG: rustix::ioctl::Opcode = opcode::none(0x12, 105);

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
