//! [`Disks`]: whole disks, what is written on them, and the one way in which a disk is formatted.
//!
//! Whether a disk is blank is asked of its bytes, not of udev's database, and asked again in the
//! moment of writing.

mod blank;
mod content;
mod error;
mod inventory;
pub(crate) mod layout;
pub(crate) mod swap;
mod table;
pub(crate) mod writing;

use crate::{Change, Lock, ReadAt};

pub use blank::blemish;
pub(crate) use blank::blemish_beside;
pub use content::{Content, Signature, content};
pub use error::DiskError;
pub(crate) use inventory::{examine, names, node, partition_name, sysfs_number};
pub use table::{Entry, entry};

/// Whole disks.
pub trait Disks {
    /// The disks of the hardware by their names in `/sys/block`, in the kernel's order: `vdb` comes
    /// before `vdaa`. Optical drives, memory and what is made of other disks are left out.
    fn disks(&self) -> Result<Vec<String>, DiskError>;

    /// A disk, its partitions as the kernel sees them, and what is on them.
    fn examine(&self, disk: &str) -> Result<Disk, DiskError>;

    /// Whether a power cut left the disk with a part of this very table and with nothing else.
    fn is_begun(&self, fresh: &Fresh) -> Result<bool, DiskError>;

    /// Divides a blank disk and makes a file system or swap space on its one partition. Every place
    /// that is looked at by [`blemish`] is read again on the device that is written to, opened so
    /// that nobody else can claim it meanwhile. On a disk on which a power cut left a part of this
    /// very table, and nothing else, it goes on. While the value that is returned lives, udev leaves
    /// the disk alone.
    fn format(&mut self, fresh: &Fresh) -> Result<Lock, DiskError>;

    /// Lets a partition with swap space, not in use, have the free space behind it, and makes the
    /// space anew with the label and the id that it has. Never shrinks.
    fn enlarge_swap(&mut self, disk: &str, part: &Part) -> Result<Change, DiskError>;

    /// Uses a device for swapping.
    fn swap_on(&mut self, device: &str) -> Result<Change, DiskError>;
}

/// A whole disk. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Name in `/sys/block`.
    pub name: String,
    /// Device node.
    pub device: String,
    /// Size.
    pub bytes: u64,
    /// Logical sector size.
    pub sector: u64,
    /// Whether the kernel refuses writes.
    pub read_only: bool,
    /// Whether it is a medium that somebody may take out.
    pub removable: bool,
    /// Names of this disk and its partitions that are mounted, swapped to or part of something.
    pub claimed: Vec<String>,
    /// What is on the disk as a whole.
    pub content: Content,
    /// Partitions.
    pub parts: Vec<Part>,
}

/// A partition. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Device node.
    pub device: String,
    /// Number from 1.
    pub number: u32,
    /// First byte on the disk.
    pub start: u64,
    /// Length.
    pub bytes: u64,
    /// Its entry, where the table is a GPT.
    pub entry: Option<Entry>,
    /// What is on it.
    pub content: Content,
}

/// A disk to be formatted. The ids are made from the name of the disk, so the table is the same
/// whenever it is written and by whichever guest, and the disk is known by them for ever.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fresh {
    /// Name in `/sys/block`.
    pub disk: String,
    /// Id of the disk.
    pub disk_id: [u8; 16],
    /// Id of its one partition.
    pub part_id: [u8; 16],
    /// Name of the partition; 36 UTF-16 units are kept.
    pub part_name: String,
    /// File system type, or `swap`.
    pub fstype: String,
    /// Label, already as short as the type wants it.
    pub label: String,
    /// Program that makes the file system, and its arguments before the device. Swap space is made
    /// without one.
    pub maker: Option<(String, Vec<String>)>,
}

/// As many bytes as there are at `offset`, at most `length`.
fn bytes_at(device: &dyn ReadAt, offset: u64, length: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match device.read_at(offset.saturating_add(filled as u64), rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
