//! A primary partition of an MBR.
//!
//! The first sector holds four entries of 16 bytes from 446 on: flag, three bytes of cylinder, head
//! and sector, type, three more, first sector and number of sectors as 32 bits. Growing changes the
//! last number only, and that in one sector, which a disk writes as a whole.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::Backing;

const ENTRIES: usize = 446;
const ENTRY: usize = 16;
/// Types that hold no file system of their own: extended partitions, and the whole of a GPT.
const HOLDERS: [u8; 4] = [0x05, 0x0f, 0x85, 0xee];

/// A primary partition and how far it may reach. In sectors.
pub(super) struct Primary {
    /// Place of its entry.
    at: usize,
    sector: u64,
    sectors: u64,
    may_have: u64,
}

impl Primary {
    /// Partition `number`, if it begins at byte `start`. Room ends before the next partition, or a
    /// MiB before the end of the disk, where a GPT would have its backup.
    pub(super) fn find<D: Read + Seek>(
        disk: &mut D,
        number: u32,
        start: u64,
    ) -> io::Result<Option<Self>> {
        let size = disk.seek(SeekFrom::End(0))?;
        let mbr = read(disk)?;
        if !mbr.ends_with(&[0x55, 0xaa]) || !(1..=4).contains(&number) {
            return Ok(None);
        }
        let entries: Vec<Entry> = mbr
            .get(ENTRIES..ENTRIES + 4 * ENTRY)
            .map(|bytes| bytes.chunks(ENTRY).map(Entry::of).collect())
            .unwrap_or_default();
        let index = usize::try_from(number - 1).map_err(io::Error::other)?;
        let Some(entry) = entries.get(index).filter(|entry| entry.is_used()) else {
            return Ok(None);
        };
        if HOLDERS.contains(&entry.kind) || entries.iter().any(|entry| entry.kind == 0xee) {
            return Ok(None);
        }
        let Some(sector) = [512, 4096].into_iter().find(|sector| entry.first * sector == start)
        else {
            return Ok(None);
        };
        let others = entries.iter().filter(|other| other.is_used() && other.first > entry.first);
        let end = others.map(|other| other.first).min();
        let end = end.unwrap_or(size.saturating_sub(Backing::WORTH) / sector);
        let unit = Backing::WORTH / sector;
        let end = (end / unit * unit).min(entry.first + u64::from(u32::MAX));
        let may_have = end.saturating_sub(entry.first).max(entry.sectors);
        let at = ENTRIES + index * ENTRY;
        Ok(Some(Self { at, sector, sectors: entry.sectors, may_have }))
    }

    /// Free bytes behind it.
    pub(super) fn room(&self) -> u64 {
        (self.may_have - self.sectors) * self.sector
    }

    /// Gives it all it may have. Returns its length in bytes.
    pub(super) fn extend<D: Read + Write + Seek>(&self, disk: &mut D) -> io::Result<u64> {
        let mut mbr = read(disk)?;
        let sectors = u32::try_from(self.may_have).map_err(io::Error::other)?;
        for (to, from) in mbr.iter_mut().skip(self.at + 12).zip(sectors.to_le_bytes()) {
            *to = from;
        }
        disk.rewind()?;
        disk.write_all(&mbr)?;
        Ok(self.may_have * self.sector)
    }
}

struct Entry {
    kind: u8,
    first: u64,
    sectors: u64,
}

impl Entry {
    fn of(bytes: &[u8]) -> Self {
        let word = |at: usize| {
            let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(0, |bytes| u64::from(u32::from_le_bytes(bytes)))
        };
        Self { kind: bytes.get(4).copied().unwrap_or(0), first: word(8), sectors: word(12) }
    }

    fn is_used(&self) -> bool {
        self.kind != 0 && self.sectors != 0
    }
}

fn read<D: Read + Seek>(disk: &mut D) -> io::Result<[u8; 512]> {
    let mut mbr = [0; 512];
    disk.rewind()?;
    disk.read_exact(&mut mbr)?;
    Ok(mbr)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::{extend, room_behind};

    const MIB: u64 = 1 << 20;

    /// Type, first and last MiB of each entry.
    fn disk(mib: u64, entries: &[(u8, u32, u32)]) -> Cursor<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(mib * MIB).unwrap()];
        bytes[..4].copy_from_slice(b"boot");
        for (index, (kind, from, to)) in entries.iter().enumerate() {
            let at = 446 + 16 * index;
            bytes[at + 4] = *kind;
            bytes[at + 8..at + 12].copy_from_slice(&(from * 2048).to_le_bytes());
            bytes[at + 12..at + 16].copy_from_slice(&((to - from) * 2048).to_le_bytes());
        }
        bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
        Cursor::new(bytes)
    }

    #[test]
    fn the_last_primary_partition_grows_and_nothing_else_changes() {
        let mut disk = disk(32, &[(0x83, 1, 4), (0x83, 4, 8)]);
        let before = disk.get_ref().clone();
        assert_eq!(room_behind(&mut disk, 2, 4 * MIB).unwrap(), Some(23 * MIB));
        assert_eq!(extend(&mut disk, 2, 4 * MIB).unwrap(), Some(27 * MIB));
        let changed: Vec<usize> =
            (0..before.len()).filter(|at| before[*at] != disk.get_ref()[*at]).collect();
        let number = 446 + 16 + 12;
        assert!(changed.iter().all(|at| (number..number + 4).contains(at)), "{changed:?}");
        assert_eq!(room_behind(&mut disk, 2, 4 * MIB).unwrap(), Some(0), "a second time: nothing");
    }

    #[test]
    fn a_partition_stops_before_the_next_one_and_is_never_shortened() {
        let mut disk = disk(32, &[(0x83, 1, 4), (0x05, 10, 31)]);
        assert_eq!(extend(&mut disk, 1, MIB).unwrap(), Some(9 * MIB));
        let mut full = super::tests::disk(32, &[(0x83, 1, 32)]);
        assert_eq!(room_behind(&mut full, 1, MIB).unwrap(), Some(0));
    }

    #[test]
    fn what_is_no_primary_partition_is_left_alone() {
        let table = [
            (0x05, 1, 2 * MIB),
            (0x05, 3, MIB),
            (0x05, 2, 4 * MIB),
            (0x05, 5, 5 * MIB),
            (0xee, 1, MIB),
        ];
        for (second, number, start) in table {
            let mut disk = disk(32, &[(0x83, 1, 4), (second, 4, 8)]);
            let before = disk.get_ref().clone();
            assert_eq!(extend(&mut disk, number, start).unwrap(), None, "{number} at {start}");
            assert_eq!(disk.get_ref(), &before);
        }
    }
}
