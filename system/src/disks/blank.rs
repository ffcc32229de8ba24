//! Whether a device is blank.
//!
//! Every partition table, file system, RAID, volume manager and encryption header in use has its mark
//! in the first four MiB or in the last one; with the first MiB alone, what lies on a partition
//! whose table was wiped would not be seen. Further places all over the device are looked at too: the
//! mirrors of btrfs, and 255 samples, which find what somebody keeps without any mark or behind a
//! zeroed beginning.

use std::io;

use super::bytes_at;
use super::layout::Piece;
use crate::ReadAt;

const MIB: u64 = 1 << 20;
const HEAD: u64 = 4 * MIB;
const TAIL: u64 = MIB;
/// Copies of superblocks, on a file system that begins with the device or at its first MiB: mirrors
/// of btrfs, and backups of ext with blocks of 1 and of 4 KiB.
const COPIES: [u64; 10] = [
    8 * MIB,
    9 * MIB,
    64 * MIB,
    65 * MIB,
    128 * MIB,
    129 * MIB,
    384 * MIB,
    385 * MIB,
    256 << 30,
    (256 << 30) + MIB,
];
const SAMPLES: u64 = 256;
const SAMPLE: u64 = 4096;
/// Unit in which tables are compared: no disk has smaller sectors.
const SECTOR: usize = 512;
const ZEROS: [u8; SECTOR] = [0; SECTOR];
/// How much is read at once.
const CHUNK: u64 = 256 << 10;

/// The place of the first byte that keeps a device from being blank. `None`: it is blank.
pub fn blemish(device: &dyn ReadAt) -> io::Result<Option<u64>> {
    blemish_beside(device, &[])
}

/// The same, where sectors may also be those of a table that is being written: after a power cut
/// some of them are there and some are not. The first sector is the same whoever writes it, so it
/// does not count as a part of that table when it stands alone.
pub(crate) fn blemish_beside(device: &dyn ReadAt, table: &[Piece]) -> io::Result<Option<u64>> {
    let mut places = Places { first: false, others: false };
    for (from, to) in areas(device.size()?) {
        let mut at = from;
        while at < to {
            let length = usize::try_from((to - at).min(CHUNK)).map_err(io::Error::other)?;
            let bytes = bytes_at(device, at, length)?;
            if bytes.len() < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(blemish) = places.blemish_of(&bytes, at, table) {
                return Ok(Some(blemish));
            }
            at += length as u64;
        }
    }
    Ok((places.first && !places.others).then_some(0))
}

/// Where sectors of the table were found.
struct Places {
    first: bool,
    others: bool,
}

impl Places {
    /// The first byte of these that is neither zero nor in a sector of the table.
    fn blemish_of(&mut self, bytes: &[u8], at: u64, table: &[Piece]) -> Option<u64> {
        let sectors = (0u64..).zip(bytes.chunks(SECTOR));
        let written = sectors.filter(|(_, sector)| !ZEROS.starts_with(sector));
        for (index, sector) in written {
            let place = at + index * SECTOR as u64;
            if !table.iter().any(|piece| piece.has(place, sector)) {
                let offset = sector.iter().position(|byte| *byte != 0).unwrap_or(0);
                return Some(place + offset as u64);
            }
            self.first |= place == 0;
            self.others |= place != 0;
        }
        None
    }
}

/// Where a device of this size is looked at. Each begins at a multiple of 512 bytes.
fn areas(size: u64) -> Vec<(u64, u64)> {
    let tail = (size.saturating_sub(TAIL), TAIL + SAMPLE);
    let samples = (1..SAMPLES).map(|index| (size / SAMPLES * index, SAMPLE));
    let copies = COPIES.into_iter().map(|place| (place, 2 * SAMPLE));
    let behind = [tail].into_iter().chain(copies).chain(samples);
    let aligned = behind.map(|(from, length)| (from / SAMPLE * SAMPLE, length));
    let there = aligned.filter(|(from, _)| *from < size);
    let areas = there.map(|(from, length)| (from, size.min(from.saturating_add(length))));
    [(0, size.min(HEAD))].into_iter().chain(areas).collect()
}

#[cfg(test)]
mod tests;
