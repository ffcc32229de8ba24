//! What lies below a mount point, and growing a partition into the free space behind it.

mod mbr;

use std::io::{self, Read, Seek, Write};

use gptman::GPT;

/// The device of a mounted file system. All sizes are bytes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Backing {
    /// Device, for example `/dev/vda1`.
    pub device: String,
    /// File system type.
    pub fstype: String,
    /// The partition, if the device is one.
    pub partition: Option<Partition>,
    /// How much the file system could grow inside the device as it is now.
    pub filesystem_room: u64,
    /// Why nothing of it is grown here, whatever room there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
}

/// A partition of a GPT, or a primary one of an MBR.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Partition {
    /// Whole disk, for example `/dev/vda`.
    pub disk: String,
    /// Number from 1.
    pub number: u32,
    /// First byte on the disk.
    pub start: u64,
    /// Length.
    pub bytes: u64,
    /// Free bytes behind it, up to the next partition or the end of the disk.
    pub room: u64,
}

impl Backing {
    /// Less than this is not worth a write: 1 MiB, the alignment of partition tools.
    pub const WORTH: u64 = 1024 * 1024;

    /// Whether growing would gain anything.
    pub fn can_grow(&self) -> bool {
        if self.obstacle.is_some() {
            return false;
        }
        let partition = self.partition.as_ref().map_or(0, |partition| partition.room);
        partition >= Self::WORTH || self.filesystem_room >= Self::WORTH
    }
}

/// Where the partition that begins at `start` bytes may end, if the table knows it. Returns its room
/// in bytes.
pub(crate) fn room_behind<D: Read + Seek>(
    disk: &mut D,
    number: u32,
    start: u64,
) -> Result<Option<u64>, gptman::Error> {
    let Some(mut gpt) = table(disk)? else {
        return Ok(mbr::Primary::find(disk, number, start)?.map(|partition| partition.room()));
    };
    gpt.header.update_from(disk, gpt.sector_size)?;
    Ok(end_for(&gpt, number, start)
        .map(|(entry_end, new_end)| new_end.saturating_sub(entry_end) * gpt.sector_size))
}

/// Rewrites the table so that the partition reaches as far as it may. Returns its new length in
/// bytes. The start never moves and no other entry changes.
pub(crate) fn extend<D: Read + Write + Seek>(
    disk: &mut D,
    number: u32,
    start: u64,
) -> Result<Option<u64>, gptman::Error> {
    let Some(mut gpt) = table(disk)? else {
        let Some(partition) = mbr::Primary::find(disk, number, start)? else { return Ok(None) };
        return Ok(Some(partition.extend(disk)?));
    };
    gpt.header.update_from(disk, gpt.sector_size)?;
    let Some((_, new_end)) = end_for(&gpt, number, start) else {
        return Ok(None);
    };
    let entry = &mut gpt[number];
    entry.ending_lba = new_end;
    let bytes = (new_end + 1 - entry.starting_lba) * gpt.sector_size;
    gpt.write_into(disk)?;
    Ok(Some(bytes))
}

/// The GPT, if it is what the kernel goes by: the first sector must say so. A disk that was divided
/// anew with an MBR can still carry an old GPT behind it.
fn table<D: Read + Seek>(disk: &mut D) -> io::Result<Option<GPT>> {
    let mut mbr = [0; 512];
    disk.rewind()?;
    disk.read_exact(&mut mbr)?;
    let is_protective = MBR_TYPES.iter().any(|&place| mbr.get(place) == Some(&PROTECTIVE));
    if !is_protective || !mbr.ends_with(&[0x55, 0xaa]) {
        return Ok(None);
    }
    Ok(GPT::find_from(disk).ok())
}

/// Where an MBR has the types of its four partitions, and the type that stands for a whole GPT.
const MBR_TYPES: [usize; 4] = [450, 466, 482, 498];
const PROTECTIVE: u8 = 0xee;

/// Last sector now, and last sector it may have.
fn end_for(gpt: &GPT, number: u32, start: u64) -> Option<(u64, u64)> {
    let (_, entry) = gpt.iter().find(|(index, entry)| *index == number && entry.is_used())?;
    if entry.starting_lba * gpt.sector_size != start {
        return None;
    }
    let next = gpt
        .iter()
        .filter(|(_, other)| other.is_used() && other.starting_lba > entry.starting_lba)
        .map(|(_, other)| other.starting_lba - 1)
        .min();
    let end = next.unwrap_or(gpt.header.last_usable_lba);
    // Whole MiB, as partition tools align, unless that would shrink it.
    let unit = (Backing::WORTH / gpt.sector_size).max(1);
    let aligned = (end + 1) / unit * unit;
    let end = if next.is_none() { aligned.saturating_sub(1) } else { end };
    Some((entry.ending_lba, end.max(entry.ending_lba)))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn disk(mib: u64, partitions: &[(u64, u64)]) -> Cursor<Vec<u8>> {
        let mut disk = Cursor::new(vec![0; usize::try_from(mib * MIB).unwrap()]);
        let mut gpt = GPT::new_from(&mut disk, 512, [7; 16]).unwrap();
        for (index, (start, end)) in partitions.iter().enumerate() {
            let entry = &mut gpt[u32::try_from(index).unwrap() + 1];
            entry.partition_type_guid = [1; 16];
            entry.unique_partition_guid = [u8::try_from(index).unwrap() + 2; 16];
            entry.starting_lba = start * MIB / 512;
            entry.ending_lba = end * MIB / 512 - 1;
        }
        gpt.write_into(&mut disk).unwrap();
        GPT::write_protective_mbr_into(&mut disk, 512).unwrap();
        disk
    }

    fn enlarge(disk: &mut Cursor<Vec<u8>>, mib: u64) {
        disk.get_mut().resize(usize::try_from(mib * MIB).unwrap(), 0);
    }

    #[test]
    fn last_partition_grows_to_the_end_of_a_larger_disk() {
        let mut disk = disk(8, &[(1, 3), (3, 7)]);
        enlarge(&mut disk, 16);
        assert_eq!(room_behind(&mut disk, 2, 3 * MIB).unwrap(), Some(8 * MIB));
        assert_eq!(extend(&mut disk, 2, 3 * MIB).unwrap(), Some(12 * MIB));
        let gpt = GPT::find_from(&mut disk).unwrap();
        assert_eq!(gpt[1].ending_lba, 3 * MIB / 512 - 1);
        assert_eq!(gpt[2].starting_lba, 3 * MIB / 512);
        assert_eq!(gpt[2].unique_partition_guid, [3; 16]);
        assert_eq!(room_behind(&mut disk, 2, 3 * MIB).unwrap(), Some(0), "a second time: nothing");
    }

    #[test]
    fn a_partition_stops_before_the_next_one() {
        let mut disk = disk(16, &[(1, 3), (6, 8)]);
        assert_eq!(extend(&mut disk, 1, MIB).unwrap(), Some(5 * MIB));
        assert_eq!(room_behind(&mut disk, 1, MIB).unwrap(), Some(0));
    }

    #[test]
    fn a_disk_that_is_not_what_the_kernel_says_is_left_alone() {
        let mut disk = disk(16, &[(1, 3)]);
        let before = disk.get_ref().clone();
        assert_eq!(extend(&mut disk, 1, 2 * MIB).unwrap(), None, "other start");
        assert_eq!(extend(&mut disk, 9, MIB).unwrap(), None, "other number");
        assert_eq!(disk.get_ref(), &before);
        // Divided anew with an MBR that does not know the partition of the old GPT.
        disk.get_mut()[450] = 0x83;
        let before = disk.get_ref().clone();
        assert_eq!(room_behind(&mut disk, 1, MIB).unwrap(), None, "an MBR");
        assert_eq!(extend(&mut disk, 1, MIB).unwrap(), None, "an MBR");
        assert_eq!(disk.get_ref(), &before);
        let mut blank = Cursor::new(vec![0; 1 << 20]);
        assert_eq!(extend(&mut blank, 1, MIB).unwrap(), None, "no table");
        assert!(blank.get_ref().iter().all(|byte| *byte == 0));
    }
}
