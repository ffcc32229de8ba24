//! The boot sector: where the tables, the root folder and the clusters are.

use super::{folder, le16, le32};

/// What the boot sector tells.
#[derive(Clone, Debug)]
pub(super) struct Geometry {
    pub(super) width: Width,
    /// Offset of the first table in bytes.
    pub(super) table_at: u64,
    /// Offset of the root folder in bytes (FAT12, FAT16).
    pub(super) root_at: u64,
    /// Entries in the root folder (FAT12, FAT16).
    pub(super) root_entries: u16,
    /// First cluster of the root folder (FAT32).
    pub(super) root_cluster: u32,
    /// Size of a cluster in bytes.
    pub(super) cluster_size: usize,
    /// The label in the boot sector; empty if there is none.
    pub(super) label: String,
    /// Offset of cluster 2 in bytes.
    data_at: u64,
    /// Number of clusters.
    clusters: u64,
}

/// Bits of an entry of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Bits12,
    Bits16,
    Bits32,
}

impl Geometry {
    /// `None` if this is no boot sector of a FAT file system: the numbers do not fit together. The
    /// first sectors of partitioned disks, NTFS and exFAT are told apart by this.
    pub(super) fn read(sector: &[u8; 512]) -> Option<Self> {
        let sector_size =
            le16(sector, 11).filter(|size| matches!(size, 512 | 1024 | 2048 | 4096))?;
        let per_cluster = sector.get(13).filter(|count| count.is_power_of_two())?;
        let reserved = le16(sector, 14).filter(|&count| count > 0)?;
        let tables = sector.get(16).filter(|&&count| matches!(count, 1..=4))?;
        let media_known = sector.get(21).is_some_and(|&byte| byte == 0xf0 || byte >= 0xf8);
        if !media_known || !matches!(sector.first(), Some(0xeb | 0xe9)) {
            return None;
        }
        let root_entries = le16(sector, 17)?;
        let short_table = le16(sector, 22)?;
        let table = if short_table == 0 { le32(sector, 36)? } else { u32::from(short_table) };
        let total = le16(sector, 19).filter(|&total| total > 0).map(u32::from);
        let total = u64::from(total.or_else(|| le32(sector, 32))?);

        let size = u64::from(sector_size);
        let root_at = u64::from(reserved) + u64::from(*tables) * u64::from(table);
        let root_sectors = (u64::from(root_entries) * folder::ENTRY as u64).div_ceil(size);
        let data = root_at + root_sectors;
        let clusters = total.checked_sub(data)? / u64::from(*per_cluster);
        let width = match clusters {
            _ if short_table == 0 => Width::Bits32,
            0..4085 => Width::Bits12,
            _ => Width::Bits16,
        };
        let label_at = if width == Width::Bits32 { 71 } else { 43 };
        Some(Self {
            width,
            table_at: u64::from(reserved) * size,
            root_at: root_at * size,
            root_entries,
            root_cluster: le32(sector, 44)?,
            cluster_size: usize::from(sector_size) * usize::from(*per_cluster),
            label: label(sector, label_at),
            data_at: data * size,
            clusters,
        })
        .filter(|_| table > 0)
    }

    /// Offset of a cluster in bytes, if there is such a cluster.
    pub(super) fn cluster_at(&self, cluster: u32) -> Option<u64> {
        let index = u64::from(cluster).checked_sub(2).filter(|&index| index < self.clusters)?;
        Some(self.data_at + index * self.cluster_size as u64)
    }
}

/// The label is valid only behind a signature byte.
fn label(sector: &[u8], at: usize) -> String {
    match sector.get(at - 5) {
        Some(0x29) => folder::label_text(sector.get(at..at + 11).unwrap_or_default()),
        _ => String::new(),
    }
}
