//! The partition table of a disk that is formatted here, as bytes and where they go: one partition
//! from the first MiB to the last whole one.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

use gptman::GPT;

use super::Fresh;

const MIB: u64 = 1 << 20;
/// A smaller disk has no room for a file system between both copies of the table.
const SMALLEST: u64 = 8 * MIB;

/// Bytes and their place on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) at: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Piece {
    /// Whether these very bytes are to stand at `place`.
    pub(super) fn has(&self, place: u64, bytes: &[u8]) -> bool {
        let offset = place.checked_sub(self.at).and_then(|offset| usize::try_from(offset).ok());
        offset.is_some_and(|offset| {
            self.bytes.get(offset..).is_some_and(|rest| rest.starts_with(bytes))
        })
    }
}

/// A table that is not written yet.
#[derive(Debug)]
pub(crate) struct Layout {
    /// First byte of the partition.
    pub(crate) start: u64,
    /// Its length in bytes.
    pub(crate) bytes: u64,
    /// The backup, which goes first, and the table itself with the protective MBR.
    pub(crate) pieces: [Piece; 2],
}

impl Layout {
    /// For a disk of so many bytes.
    pub(crate) fn of(fresh: &Fresh, size: u64, sector: u64) -> io::Result<Self> {
        if size < SMALLEST || !matches!(sector, 512 | 4096) || !size.is_multiple_of(sector) {
            let text = format!("cannot be divided: {size} bytes in sectors of {sector}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let mut sketch = Sketch { size, at: 0, bytes: BTreeMap::new() };
        let mut gpt =
            GPT::new_from(&mut sketch, sector, fresh.disk_id).map_err(io::Error::other)?;
        let end = (gpt.header.last_usable_lba + 1) * sector / MIB * MIB;
        let entry = &mut gpt[1];
        entry.partition_type_guid = type_id(&fresh.fstype);
        entry.unique_partition_guid = fresh.part_id;
        entry.starting_lba = MIB / sector;
        entry.ending_lba = end / sector - 1;
        entry.partition_name = shortened(&fresh.part_name).as_str().into();
        gpt.write_into(&mut sketch).map_err(io::Error::other)?;
        GPT::write_protective_mbr_into(&mut sketch, sector).map_err(io::Error::other)?;
        let backup = (gpt.header.last_usable_lba + 1) * sector;
        let first_usable = gpt.header.first_usable_lba * sector;
        let pieces = [sketch.piece(backup, size), sketch.piece(0, first_usable)];
        Ok(Self { start: MIB, bytes: end - MIB, pieces })
    }
}

/// The first 36 UTF-16 units, which is all that an entry holds.
pub(crate) fn shortened(name: &str) -> String {
    let mut units = 0;
    let fits = |c: &char| {
        units += c.len_utf16();
        units <= 36
    };
    name.chars().take_while(fits).collect()
}

/// Type of a partition: swap, Microsoft's basic data for FAT, else Linux' file systems. As it stands
/// on the disk: the first three fields are little-endian.
fn type_id(fstype: &str) -> [u8; 16] {
    let id: u128 = match fstype {
        "swap" => 0x0657_fd6d_a4ab_43c4_84e5_0933_c84b_4f4f,
        "vfat" => 0xebd0_a0a2_b9e5_4433_87c0_68b6_b726_99c7,
        _ => 0x0fc6_3daf_8483_4772_8e79_3d69_d847_7de4,
    };
    let mut id = id.to_be_bytes();
    let (fields, _) = id.split_at_mut(8);
    let (first, rest) = fields.split_at_mut(4);
    let (second, third) = rest.split_at_mut(2);
    [first, second, third].into_iter().for_each(<[u8]>::reverse);
    id
}

/// A disk of which only what is written is kept.
struct Sketch {
    size: u64,
    at: u64,
    bytes: BTreeMap<u64, u8>,
}

impl Sketch {
    /// What it has from one place to another, zeros where nothing was written.
    fn piece(&self, from: u64, to: u64) -> Piece {
        let bytes = (from..to).map(|at| self.bytes.get(&at).copied().unwrap_or(0)).collect();
        Piece { at: from, bytes }
    }
}

impl Write for Sketch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend((self.at..).zip(bytes.iter().copied()).filter(|(_, byte)| *byte != 0));
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Sketch {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Seek for Sketch {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(back) => self.size.saturating_add_signed(back),
            SeekFrom::Current(way) => self.at.saturating_add_signed(way),
        };
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests;
