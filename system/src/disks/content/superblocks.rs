//! Superblocks and tables that take more than a mark to be known, and the labels in them.

use std::io;

use super::Signature;
use super::marks::{MD, has};
use crate::ReadAt;
use crate::disks::bytes_at;

/// What is near the beginning.
pub(super) fn in_the_head(head: &[u8]) -> impl Iterator<Item = Signature> {
    [ext(head), fat(head), swap(head), mbr(head)].into_iter().flatten()
}

/// Superblock at 1024: magic number at 56, log of the block size at 24, feature words from 92 on,
/// label at 120. Which of the family it is, is told by features that the older ones do not know.
fn ext(head: &[u8]) -> Option<Signature> {
    const AT: usize = 1024;
    if !has(head, AT + 56, &[0x53, 0xef]) || word(head, AT + 24) > 6 || word(head, AT + 4) == 0 {
        return None;
    }
    let [compatible, incompatible, readable] = [92, 96, 100].map(|at| word(head, AT + at));
    let kind = if incompatible & 0x8 != 0 {
        "jbd"
    } else if incompatible & !0x16 != 0 || readable & !0x7 != 0 {
        "ext4"
    } else if compatible & 0x4 != 0 {
        "ext3"
    } else {
        "ext2"
    };
    Some(Signature { kind, label: text(head, AT + 120, 16) })
}

/// A boot sector with the type as text, behind which the label is not: it stands before it.
fn fat(head: &[u8]) -> Option<Signature> {
    if !has(head, 510, &[0x55, 0xaa]) {
        return None;
    }
    let label_at = if has(head, 82, b"FAT32   ") {
        71
    } else if has(head, 54, b"FAT12   ") || has(head, 54, b"FAT16   ") {
        43
    } else {
        return None;
    };
    let label = text(head, label_at, 11).trim_end().to_owned();
    Some(Signature { kind: "vfat", label: if label == "NO NAME" { String::new() } else { label } })
}

/// A table of four partitions, at least one of them used: a boot sector alone is none.
fn mbr(head: &[u8]) -> Option<Signature> {
    if !has(head, 510, &[0x55, 0xaa]) || fat(head).is_some() {
        return None;
    }
    let entries = head.get(446..510)?.chunks(16);
    let is_sound = |entry: &[u8]| entry.first().is_some_and(|flag| matches!(flag, 0 | 0x80));
    let is_used = |entry: &[u8]| entry.get(4) != Some(&0) && word(entry, 12) != 0;
    let is_gpt = has(head, 512, b"EFI PART") || has(head, 4096, b"EFI PART");
    (entries.clone().all(is_sound) && entries.clone().any(is_used) && !is_gpt)
        .then(|| Signature::of("dos"))
}

/// The mark stands at the end of the first page, and pages have several sizes. With the image of a
/// machine that sleeps in it, it is no swap space to anybody.
fn swap(head: &[u8]) -> Option<Signature> {
    let page = [4096, 8192, 16384, 32768, 65536];
    page.into_iter().find_map(|page| {
        let mark = head.get(page - 10..page)?;
        let kind = match mark {
            b"SWAPSPACE2" | b"SWAP-SPACE" => "swap",
            b"S1SUSPEND\0" | b"S2SUSPEND\0" | b"ULSUSPEND\0" | b"LINHIB0001" => "swsuspend",
            _ => return None,
        };
        Some(Signature { kind, label: text(head, 1052, 16) })
    })
}

/// Fills in the labels of file systems whose mark is in the table.
pub(super) fn label(head: &[u8], marks: &mut [Signature]) {
    for mark in marks {
        match mark.kind {
            "xfs" => mark.label = text(head, 108, 12),
            "btrfs" => mark.label = text(head, 0x1012b, 256),
            "iso9660" => text(head, 0x8028, 32).trim_end().clone_into(&mut mark.label),
            _ => {}
        }
    }
}

/// The backup of a GPT, and RAID whose mark is at the end: version 0.90 in the last whole 64 KiB but
/// one, version 1.0 in the last but two of 4 KiB.
pub(super) fn at_the_end(device: &dyn ReadAt, size: u64) -> io::Result<Vec<Signature>> {
    let places = [
        ("gpt", size.checked_sub(512), b"EFI PART".as_slice()),
        ("gpt", size.checked_sub(4096), b"EFI PART"),
        ("linux_raid_member", (size & !0xffff).checked_sub(0x1_0000), &MD),
        ("linux_raid_member", size.checked_sub(8192).map(|at| at & !0xfff), &MD),
    ];
    let mut marks = Vec::new();
    for (kind, at, mark) in places {
        let Some(at) = at else { continue };
        if bytes_at(device, at, mark.len())? == mark {
            marks.push(Signature::of(kind));
        }
    }
    Ok(marks)
}

/// A ring of 128 KiB with the number `0x00bab10c`, in either byte order, at the beginning of one of
/// its blocks of 1 KiB.
pub(super) fn zfs(device: &dyn ReadAt) -> io::Result<bool> {
    let ring = bytes_at(device, 128 << 10, 128 << 10)?;
    let marks = [0x00ba_b10c_u64.to_le_bytes(), 0x00ba_b10c_u64.to_be_bytes()];
    Ok(ring.chunks(1024).any(|block| marks.iter().any(|mark| block.starts_with(mark))))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    word.map_or(0, u32::from_le_bytes)
}

/// Text up to its first NUL.
fn text(bytes: &[u8], at: usize, length: usize) -> String {
    let bytes = bytes.get(at..at + length).unwrap_or_default();
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}
