use std::io::Cursor;

use super::*;
use crate::disks::entry;
use crate::tree::Bytes;

fn fresh() -> Fresh {
    Fresh {
        disk: "vdb".to_owned(),
        disk_id: [1; 16],
        part_id: [2; 16],
        part_name: format!("lima-{}", "ä".repeat(40)),
        fstype: "ext4".to_owned(),
        label: "lima-x".to_owned(),
        maker: None,
    }
}

#[test]
fn the_table_is_one_that_others_read() {
    for sector in [512, 4096] {
        let size = 64 * MIB + sector;
        let layout = Layout::of(&fresh(), size, sector).unwrap();
        assert_eq!((layout.start, layout.bytes), (MIB, 62 * MIB), "{sector}");
        let mut disk = Cursor::new(vec![0; usize::try_from(size).unwrap()]);
        for piece in &layout.pieces {
            disk.seek(SeekFrom::Start(piece.at)).unwrap();
            disk.write_all(&piece.bytes).unwrap();
        }
        let gpt = GPT::find_from(&mut disk).unwrap();
        assert_eq!(gpt.sector_size, sector);
        assert_eq!(gpt[1].unique_partition_guid, [2; 16]);
        assert_eq!(gpt[1].starting_lba * sector, MIB);
        assert_eq!((gpt[1].ending_lba + 1) * sector, 63 * MIB);
        assert_eq!(gpt.iter().filter(|(_, entry)| entry.is_used()).count(), 1);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(disk.get_ref()).unwrap();
        let found = entry(&Bytes(file), sector, 1, MIB).unwrap().unwrap();
        assert_eq!((found.id, found.name), ([2; 16], format!("lima-{}", "ä".repeat(31))));
    }
}

#[test]
fn types_are_in_the_order_of_bytes_that_tables_have() {
    assert_eq!(type_id("xfs")[..4], [0xaf, 0x3d, 0xc6, 0x0f]);
    assert_eq!(type_id("swap")[..8], [0x6d, 0xfd, 0x57, 0x06, 0xab, 0xa4, 0xc4, 0x43]);
    assert_eq!(type_id("vfat")[8..], [0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7]);
}

#[test]
fn a_disk_without_room_is_refused() {
    for (size, sector) in [(0, 512), (7 * MIB, 512), (64 * MIB + 1, 512), (64 * MIB, 520)] {
        assert!(Layout::of(&fresh(), size, sector).is_err(), "{size} {sector}");
    }
}
