//! What is on a device, by the marks that file systems, partition tables, volume managers, RAID and
//! encryption leave.
//!
//! A mark names what is there. That there is none does not make a device blank: only its bytes do.
//! Marks of two bytes are not in the table: they occur in other file systems by chance.

use std::io;

use super::{blank, bytes_at};
use crate::ReadAt;

/// What is on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing: there is no byte in any place that is looked at.
    Blank,
    /// Everything that left its mark, at least one.
    Marked(Vec<Signature>),
    /// Something unknown, with the place of its first byte that was found.
    Unknown(u64),
    /// It cannot be read.
    Unreadable(String),
}

/// A mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Kind; of a file system the name by which it is mounted.
    pub kind: &'static str,
    /// Label of a file system or of swap space; empty if there is none.
    pub label: String,
}

impl Content {
    /// The one mark, if there are not several.
    pub fn only(&self) -> Option<&Signature> {
        match self {
            Self::Marked(marks) if marks.len() == 1 => marks.first(),
            _ => None,
        }
    }

    /// For people: what is there.
    pub fn describe(&self) -> String {
        match self {
            Self::Blank => "nothing".to_owned(),
            Self::Marked(marks) => {
                marks.iter().map(Signature::describe).collect::<Vec<_>>().join(" and ")
            }
            Self::Unknown(at) => format!("something unknown at byte {at}"),
            Self::Unreadable(reason) => format!("what cannot be read: {reason}"),
        }
    }
}

impl Signature {
    fn describe(&self) -> String {
        match self.label.as_str() {
            "" => self.kind.to_owned(),
            label => format!("{} labelled {label}", self.kind),
        }
    }
}

/// Looks at a device.
pub fn content(device: &dyn ReadAt) -> Content {
    match look(device) {
        Ok(content) => content,
        Err(error) => Content::Unreadable(error.to_string()),
    }
}

fn look(device: &dyn ReadAt) -> io::Result<Content> {
    let size = device.size()?;
    let head = bytes_at(device, 0, HEAD)?;
    let mut marks: Vec<Signature> = MARKS
        .iter()
        .filter(|(_, at, mark)| has(&head, *at, mark))
        .map(|(kind, _, _)| Signature { kind, label: String::new() })
        .collect();
    marks.extend([ext(&head), fat(&head), swap(&head)].into_iter().flatten());
    marks.extend(mbr(&head));
    marks.extend(at_the_end(device, size)?);
    label(&head, &mut marks);
    let mut seen = Vec::new();
    marks.retain(|mark| {
        !seen.contains(&mark.kind) && {
            seen.push(mark.kind);
            true
        }
    });
    if marks.is_empty() && zfs(device)? {
        marks.push(Signature { kind: "zfs_member", label: String::new() });
    }
    if !marks.is_empty() {
        return Ok(Content::Marked(marks));
    }
    Ok(blank::blemish(device)?.map_or(Content::Blank, Content::Unknown))
}

/// As far as marks of the table reach.
const HEAD: usize = 0x11000;

/// Kind, place and bytes. Kinds are named as `blkid` names them.
const MARKS: &[(&str, usize, &[u8])] = &[
    ("gpt", 512, b"EFI PART"),
    ("gpt", 4096, b"EFI PART"),
    ("xfs", 0, b"XFSB"),
    ("btrfs", 0x10040, b"_BHRfS_M"),
    ("crypto_LUKS", 0, b"LUKS\xba\xbe"),
    ("crypto_LUKS", 0x4000, b"SKUL\xba\xbe"),
    ("LVM2_member", 0, b"LABELONE"),
    ("LVM2_member", 512, b"LABELONE"),
    ("LVM2_member", 1024, b"LABELONE"),
    ("LVM2_member", 1536, b"LABELONE"),
    ("linux_raid_member", 0, &MD),
    ("linux_raid_member", 4096, &MD),
    ("iso9660", 0x8001, b"CD001"),
    ("udf", 0x8001, b"BEA01"),
    ("squashfs", 0, b"hsqs"),
    ("squashfs", 0, b"sqsh"),
    ("erofs", 1024, &[0xe2, 0xe1, 0xf5, 0xe0]),
    ("f2fs", 1024, &[0x10, 0x20, 0xf5, 0xf2]),
    ("ntfs", 3, b"NTFS    "),
    ("exfat", 3, b"EXFAT   "),
    ("ReFS", 3, b"ReFS\0\0\0\0"),
    ("BitLocker", 3, b"-FVE-FS-"),
    ("bcache", 0x1018, b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"),
    ("bcachefs", 0x1018, b"\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef"),
    ("jfs", 0x8000, b"JFS1"),
    ("reiserfs", 0x10034, b"ReIsEr"),
    ("gfs2", 0x10000, &[0x01, 0x16, 0x19, 0x70]),
    ("ocfs2", 0x2000, b"OCFSV2"),
    ("apfs", 32, b"NXSB"),
    ("ceph_bluestore", 0, b"bluestore block device"),
    ("stratis", 512, b"!Stra0tis\x86\xff\x02^\x41rh"),
    ("vdo", 0, b"dmvdo001"),
    ("DM_verity_hash", 0, b"verity\0\0"),
    ("DM_integrity", 0, b"integrt\0"),
    ("qcow2", 0, b"QFI\xfb"),
];

/// Mark of a RAID of the kernel's own, `0xa92b4efc`.
const MD: [u8; 4] = [0xfc, 0x4e, 0x2b, 0xa9];

fn has(bytes: &[u8], at: usize, mark: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(mark))
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
    let is_sound = |entry: &[u8]| entry.first().is_some_and(|flag| flag & 0x7f == 0);
    let is_used = |entry: &[u8]| entry.get(4) != Some(&0) && word(entry, 12) != 0;
    let is_gpt = has(head, 512, b"EFI PART") || has(head, 4096, b"EFI PART");
    (entries.clone().all(is_sound) && entries.clone().any(is_used) && !is_gpt)
        .then(|| Signature { kind: "dos", label: String::new() })
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
fn label(head: &[u8], marks: &mut [Signature]) {
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
fn at_the_end(device: &dyn ReadAt, size: u64) -> io::Result<Vec<Signature>> {
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
            marks.push(Signature { kind, label: String::new() });
        }
    }
    Ok(marks)
}

/// A ring of 128 KiB with the number `0x00bab10c`, in either byte order, at the beginning of one of
/// its blocks of 1 KiB.
fn zfs(device: &dyn ReadAt) -> io::Result<bool> {
    let ring = bytes_at(device, 128 << 10, 128 << 10)?;
    let marks = [0x00ba_b10c_u64.to_le_bytes(), 0x00ba_b10c_u64.to_be_bytes()];
    Ok(ring.chunks(1024).any(|block| marks.iter().any(|mark| block.starts_with(mark))))
}

#[cfg(test)]
mod tests;
