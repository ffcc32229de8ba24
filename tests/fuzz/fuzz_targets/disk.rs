//! A disk of 5 MiB, written to in pieces: a sector number of 2 bytes, a length of 2 bytes, the bytes.
//! Looking at it ends, does not panic, and only zeros are blank.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixvm_system::{Content, ReadAt, blemish, content, entry};

/// All of it is in the places that are looked at.
const SIZE: usize = 5 << 20;

struct Disk(Vec<u8>);

impl ReadAt for Disk {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.0.get(start..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn size(&self) -> std::io::Result<u64> {
        Ok(self.0.len() as u64)
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut disk = vec![0; SIZE];
    let mut rest = bytes;
    while let [a, b, c, d, more @ ..] = rest {
        let at = usize::from(u16::from_le_bytes([*a, *b])) * 512 % SIZE;
        let length = usize::from(u16::from_le_bytes([*c, *d])).min(more.len()).min(SIZE - at);
        disk[at..at + length].copy_from_slice(&more[..length]);
        rest = &more[length..];
    }
    let first = disk.iter().position(|byte| *byte != 0);
    let disk = Disk(disk);
    assert_eq!(blemish(&disk).unwrap().is_none(), first.is_none());
    assert_eq!(content(&disk) == Content::Blank, first.is_none());
    let _ = content(&disk).describe();
    for (sector, number) in [(512, 1), (512, u32::MAX), (4096, 1)] {
        if let Some(entry) = entry(&disk, sector, number, 1 << 20).unwrap() {
            assert!(entry.name.chars().count() <= 36);
        }
    }
});
