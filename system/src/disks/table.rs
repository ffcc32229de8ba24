//! The entry of a partition in a GPT. The kernel has checked the table before it made the partition,
//! so sums are not looked at again: an entry only says what the partition is called.

use std::io;

use super::bytes_at;
use crate::ReadAt;

/// What a GPT calls a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its own id.
    pub id: [u8; 16],
    /// Its name.
    pub name: String,
}

/// The entry of partition `number`, if it begins at byte `start`.
pub fn entry(disk: &dyn ReadAt, sector: u64, number: u32, start: u64) -> io::Result<Option<Entry>> {
    let header = bytes_at(disk, sector, 92)?;
    if !header.starts_with(b"EFI PART") {
        return Ok(None);
    }
    let (Some(first), Some(count), Some(size)) =
        (long(&header, 72), word(&header, 80), word(&header, 84))
    else {
        return Ok(None);
    };
    let Some(index) = number.checked_sub(1).filter(|index| *index < count && size >= 128) else {
        return Ok(None);
    };
    let at =
        first.checked_mul(sector).and_then(|at| at.checked_add(u64::from(index) * u64::from(size)));
    let Some(at) = at else { return Ok(None) };
    let entry = bytes_at(disk, at, 128)?;
    let begins = long(&entry, 32).and_then(|lba| lba.checked_mul(sector));
    let (Some(id), Some(name)) = (entry.get(16..32), entry.get(56..128)) else { return Ok(None) };
    let Ok(id) = id.try_into() else { return Ok(None) };
    Ok((begins == Some(start)).then(|| Entry { id, name: text(name) }))
}

fn text(name: &[u8]) -> String {
    let units: Vec<u16> = name
        .chunks_exact(2)
        .filter_map(|pair| pair.try_into().ok().map(u16::from_le_bytes))
        .take_while(|unit| *unit != 0)
        .collect();
    String::from_utf16_lossy(&units)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
