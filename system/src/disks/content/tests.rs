//! Marks as the programs that make them leave them, and traps laid by hand.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::marks::MD;
use super::*;
use crate::tree::Bytes;

const MIB: u64 = 1 << 20;

fn image(folder: &Path, mib: u64) -> (File, String) {
    let path = folder.join("image");
    let mut options = File::options();
    let file = options.create(true).truncate(true).read(true).write(true).open(&path).unwrap();
    file.set_len(mib * MIB).unwrap();
    (file, path.to_str().unwrap().to_owned())
}

/// What is on an image that the command has made; `None` with a named skip if there is no such
/// program here.
fn made_by(name: &str, line: &str, mib: u64) -> Option<Content> {
    let folder = tempfile::tempdir().unwrap();
    let (file, path) = image(folder.path(), mib);
    let line = line.replace("IMAGE", &path);
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words).stdin(Stdio::null()).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let Ok(done) = command.output() else {
        println!("SKIP {name}: there is no {line}");
        return None;
    };
    assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    let found = File::open(&path).unwrap();
    drop(file);
    Some(content(&Bytes(found)))
}

#[test]
fn file_systems_and_their_labels_as_their_programs_make_them() {
    let table = [
        ("mkfs.ext4 -q -L lima-a IMAGE", 64, "ext4", "lima-a"),
        ("mkfs.ext4 -q -b 1024 -L sixteen-letters- IMAGE", 64, "ext4", "sixteen-letters-"),
        ("mkfs.ext4 -q -O ^has_journal IMAGE", 64, "ext4", ""),
        ("mkfs.ext3 -q -L three IMAGE", 64, "ext3", "three"),
        ("mkfs.ext2 -q -L two IMAGE", 64, "ext2", "two"),
        ("mke2fs -q -O journal_dev IMAGE", 64, "jbd", ""),
        ("mkfs.xfs -q -L lima-twelve- IMAGE", 512, "xfs", "lima-twelve-"),
        ("mkfs.btrfs -q -L lima-b IMAGE", 256, "btrfs", "lima-b"),
        ("mkfs.vfat -n LIMA-C IMAGE", 64, "vfat", "LIMA-C"),
        ("mkfs.vfat -F 32 -n LIMA-D IMAGE", 64, "vfat", "LIMA-D"),
        ("mkfs.vfat -F 12 IMAGE", 4, "vfat", ""),
        ("mkswap -q -L lima-swap IMAGE", 64, "swap", "lima-swap"),
        ("mkfs.f2fs -q IMAGE", 64, "f2fs", ""),
        ("mkfs.ntfs -q -F IMAGE", 64, "ntfs", ""),
        ("mkfs.exfat IMAGE", 64, "exfat", ""),
        ("mksquashfs /etc/passwd IMAGE -noappend -quiet", 1, "squashfs", ""),
        ("xorriso -as mkisofs -quiet -V cidata -R -o IMAGE /etc/passwd", 1, "iso9660", "cidata"),
        ("mkfs.jfs -q IMAGE", 64, "jfs", ""),
        ("mkreiserfs -q -f IMAGE", 64, "reiserfs", ""),
        (LUKS1, 64, "crypto_LUKS", ""),
        (LUKS2, 64, "crypto_LUKS", ""),
        ("sgdisk --clear IMAGE", 64, "gpt", ""),
        ("sgdisk --new=1:0:0 IMAGE", 64, "gpt", ""),
    ];
    for (line, mib, kind, label) in table {
        let name = "file_systems_and_their_labels_as_their_programs_make_them";
        let Some(found) = made_by(name, line, mib) else { continue };
        let want = Signature { kind, label: label.to_owned() };
        assert_eq!(found.only(), Some(&want), "{line}: {found:?}");
    }
}

const LUKS1: &str = "cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 \
    --key-file /etc/hostname IMAGE";
const LUKS2: &str = "cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 \
    --pbkdf-force-iterations 1000 --key-file /etc/hostname IMAGE";

/// What is left of it where only these places stay.
fn left(line: &str, mib: u64, places: &[(u64, u64)]) -> Option<Content> {
    let folder = tempfile::tempdir().unwrap();
    let (file, path) = image(folder.path(), mib);
    let line = line.replace("IMAGE", &path);
    let mut words = line.split(' ');
    let done = Command::new(words.next().unwrap()).args(words).output();
    if !done.is_ok_and(|done| done.status.success()) {
        println!("SKIP left: {line}");
        return None;
    }
    let whole = std::fs::read(&path).unwrap();
    let (fresh, _) = image(folder.path(), mib);
    drop(file);
    for (from, to) in places {
        let bytes = &whole[usize::try_from(*from).unwrap()..usize::try_from(*to).unwrap()];
        fresh.write_all_at(bytes, *from).unwrap();
    }
    Some(content(&Bytes(fresh)))
}

#[test]
fn a_piece_of_a_table_is_never_blank() {
    let line = "sgdisk --new=1:0:0 IMAGE";
    let end = 64 * MIB;
    let table = [
        ("only the header", vec![(512, 1024)], "gpt"),
        ("only the backup header", vec![(end - 512, end)], "gpt"),
        ("only the first sector", vec![(0, 512)], "dos"),
    ];
    for (what, places, kind) in table {
        let Some(found) = left(line, 64, &places) else { continue };
        assert_eq!(found.only().map(|mark| mark.kind), Some(kind), "{what}: {found:?}");
    }
    for (what, places) in [
        ("only entries", vec![(1024, 2048)]),
        ("only entries of the backup", vec![(end - 33 * 512, end - 512)]),
    ] {
        let Some(found) = left(line, 64, &places) else { continue };
        assert!(matches!(found, Content::Unknown(_)), "{what}: {found:?}");
    }
}

#[test]
fn the_end_of_a_disk_tells_of_raid() {
    let folder = tempfile::tempdir().unwrap();
    for at in [0, 4096, 64 * MIB - 8192, 64 * MIB - 65536] {
        let (file, _) = image(folder.path(), 64);
        file.write_all_at(&MD, at).unwrap();
        let found = content(&Bytes(file));
        assert_eq!(found.only().map(|mark| mark.kind), Some("linux_raid_member"), "{at}");
    }
}

#[test]
fn marks_laid_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let zfs = 0x00ba_b10c_u64;
    let table: &[(&str, u64, &[u8])] = &[
        ("LVM2_member", 512, b"LABELONE"),
        ("LVM2_member", 1536, b"LABELONE"),
        ("zfs_member", 128 << 10, &zfs.to_le_bytes()),
        ("zfs_member", (128 << 10) + 32 * 1024, &zfs.to_be_bytes()),
        ("bcache", 0x1018, b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"),
        ("swap", 16384 - 10, b"SWAPSPACE2"),
        ("swap", 65536 - 10, b"SWAPSPACE2"),
        ("swsuspend", 4096 - 10, b"S1SUSPEND\0"),
    ];
    for (kind, at, bytes) in table {
        let (file, _) = image(folder.path(), 8);
        file.write_all_at(bytes, *at).unwrap();
        let found = content(&Bytes(file));
        assert_eq!(found.only().map(|mark| mark.kind), Some(*kind), "{kind} at {at}");
    }
}

#[test]
fn two_marks_are_not_one() {
    let folder = tempfile::tempdir().unwrap();
    let (file, path) = image(folder.path(), 256);
    for program in ["mkfs.btrfs -q", "mkswap -q"] {
        let mut words = program.split(' ');
        let done = Command::new(words.next().unwrap()).args(words).arg(&path).output();
        if !done.is_ok_and(|done| done.status.success()) {
            println!("SKIP two_marks_are_not_one: {program}");
            return;
        }
    }
    // mkswap wipes what it knows; what it left is put back.
    file.write_all_at(b"_BHRfS_M", 0x10040).unwrap();
    let found = content(&Bytes(file));
    assert_eq!(found.only(), None, "{found:?}");
    assert_eq!(found.describe(), "btrfs and swap");
}

#[test]
fn a_blank_disk_and_unknown_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = image(folder.path(), 64);
    assert_eq!(content(&Bytes(file.try_clone().unwrap())), Content::Blank);
    file.write_all_at(b"x", 700_000).unwrap();
    assert_eq!(content(&Bytes(file)), Content::Unknown(700_000));
}
