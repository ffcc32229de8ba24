use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::disks::Fresh;
use crate::disks::layout::Layout;

/// A disk of zeros but for some bytes.
struct Sparse {
    size: u64,
    bytes: BTreeMap<u64, u8>,
}

impl ReadAt for Sparse {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let count = buf.len().min(usize::try_from(self.size.saturating_sub(offset)).unwrap());
        buf[..count].fill(0);
        for (at, byte) in self.bytes.range(offset..offset + count as u64) {
            buf[usize::try_from(at - offset).unwrap()] = *byte;
        }
        Ok(count)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.size)
    }
}

fn zeros(size: u64) -> Sparse {
    Sparse { size, bytes: BTreeMap::new() }
}

/// A disk with the bytes of a table, as many sectors of it as `keep` says.
fn torn(size: u64, layout: &Layout, keep: impl Fn(u64) -> bool) -> Sparse {
    let mut disk = zeros(size);
    for piece in &layout.pieces {
        let bytes = (piece.at..).zip(piece.bytes.iter().copied());
        disk.bytes.extend(bytes.filter(|(at, byte)| *byte != 0 && keep(at / 512)));
    }
    disk
}

fn fresh(name: u8) -> Fresh {
    Fresh {
        disk: "vdb".to_owned(),
        disk_id: [name; 16],
        part_id: [name + 1; 16],
        part_name: format!("lima-{name}"),
        fstype: "ext4".to_owned(),
        label: format!("lima-{name}"),
        maker: None,
    }
}

const SIZE: u64 = 300 * MIB + 512;

#[test]
fn zeros_are_blank_whatever_the_size() {
    for size in [0, 512, 4096, MIB, 5 * MIB - 512, SIZE, 1 << 42] {
        assert_eq!(blemish(&zeros(size)).unwrap(), None, "{size}");
    }
}

#[test]
fn a_disk_that_cannot_be_read_is_not_blank() {
    struct Broken(u64);
    impl ReadAt for Broken {
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
            if offset >= self.0 {
                return Ok(0);
            }
            buf.fill(0);
            Ok(buf.len())
        }
        fn size(&self) -> io::Result<u64> {
            Ok(SIZE)
        }
    }
    for readable in [0, MIB, SIZE - 4096] {
        assert!(blemish(&Broken(readable)).is_err(), "{readable}");
    }
}

#[test]
fn places_of_marks_that_lie_far_inside_are_looked_at() {
    // Mirrors of btrfs, backups of ext behind a first MiB, the second quarter of an XFS.
    for (size, at) in [
        (1 << 30, 64 * MIB + 0x40),
        (1 << 30, 65 * MIB + 0x40),
        (1 << 40, (256 << 30) + 0x40),
        (1 << 30, 129 * MIB),
        (1 << 30, 128 * MIB),
        (1 << 30, 256 * MIB),
        (1 << 30, 9 * MIB + 1024),
    ] {
        let disk = Sparse { size, bytes: BTreeMap::from([(at, 1)]) };
        assert_eq!(blemish(&disk).unwrap(), Some(at), "{at}");
    }
}

#[test]
fn a_table_that_a_power_cut_left_is_told_from_any_other() {
    let (mine, other) = (fresh(1), fresh(2));
    let layout = Layout::of(&mine, SIZE, 512).unwrap();
    let look = |disk: &Sparse| blemish_beside(disk, &layout.pieces).unwrap();
    let tail = layout.pieces[0].at / 512;
    assert_eq!(look(&torn(SIZE, &layout, |_| true)), None, "whole");
    assert_eq!(look(&torn(SIZE, &layout, |sector| sector >= tail)), None, "only the backup");
    assert_eq!(look(&torn(SIZE, &layout, |sector| sector != 1)), None, "without its header");
    assert_eq!(look(&torn(SIZE, &layout, |sector| sector == 0)), Some(0), "anybody's first sector");
    assert!(blemish(&torn(SIZE, &layout, |_| true)).unwrap().is_some(), "it is not blank");
    let foreign = Layout::of(&other, SIZE, 512).unwrap();
    assert!(look(&torn(SIZE, &foreign, |_| true)).is_some(), "another name");
    let smaller = Layout::of(&mine, SIZE - MIB, 512).unwrap();
    assert!(look(&torn(SIZE, &smaller, |_| true)).is_some(), "made when the disk was smaller");
}

proptest! {
    // Each looks at several MiB.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_byte_in_any_place_that_is_looked_at_is_missed(
        size in 0..(1u64 << 36),
        pick in any::<proptest::sample::Index>(),
        byte in 1..=255u8,
        share in 0.0..1.0f64,
    ) {
        let areas = areas(size);
        let (from, to) = areas[pick.index(areas.len())];
        prop_assume!(from < to);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let at = from + ((to - from - 1) as f64 * share) as u64;
        let disk = Sparse { size, bytes: BTreeMap::from([(at, byte)]) };
        prop_assert_eq!(blemish(&disk).unwrap(), Some(at));
    }

    #[test]
    fn no_byte_of_the_first_four_mib_or_the_last_one_is_missed(
        size in (8 * MIB)..(1u64 << 40),
        back in 1..=MIB,
        front in 0..4 * MIB,
        byte in 1..=255u8,
    ) {
        for at in [front, size - back] {
            let disk = Sparse { size, bytes: BTreeMap::from([(at, byte)]) };
            prop_assert_eq!(blemish(&disk).unwrap(), Some(at));
        }
    }

    #[test]
    fn one_byte_beside_our_own_table_keeps_the_disk(
        at in 0..4 * MIB,
        byte in 1..=255u8,
        kept in any::<u64>(),
    ) {
        let layout = Layout::of(&fresh(1), SIZE, 512).unwrap();
        let mut disk = torn(SIZE, &layout, |sector| kept >> (sector % 64) & 1 == 1);
        let had = disk.bytes.insert(at, byte);
        let whole = torn(SIZE, &layout, |_| true);
        prop_assume!(had != Some(byte) && whole.bytes.get(&at) != Some(&byte));
        prop_assert!(blemish_beside(&disk, &layout.pieces).unwrap().is_some());
    }
}
