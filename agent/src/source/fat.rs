//! FAT (vfat): FAT12, FAT16 and FAT32 with long names, read from the bytes of a device.
//!
//! A primer. The *boot sector* tells the geometry ([`boot`]). Behind some reserved sectors stand the
//! copies of the *file allocation table*: one number for each cluster, naming the next one of its
//! file, 12, 16 or 32 bits wide. FAT12 and FAT16 have a root folder of fixed size behind the tables;
//! FAT32 keeps it in clusters like any other. The clusters follow, counted from 2. A folder is a row
//! of entries of 32 bytes ([`folder`]): an 8.3 name in capitals, the first cluster, the size; a long
//! name stands in special entries before it.
//!
//! A label is written twice: in the boot sector, and as an entry of the root folder. `blkid` calls
//! them `LABEL_FATBOOT` and `LABEL`, and either may say `CIDATA`.
//!
//! The image may be hostile: a chain is followed only as far as the size of its file asks for, a
//! folder only up to a limit, and each cluster must exist. Of the crates, `fatfs` overflows in its
//! arithmetic on damaged FAT32 boot sectors and follows a folder that loops without end.

mod boot;
mod folder;

use nixvm_system::ReadAt;

use self::boot::{Geometry, Width};
use self::folder::Entry;
use super::bytes::{le16, le32, read_exact};
use super::medium::{Medium, MediumError};

/// The largest folder that is read, in bytes.
const FOLDER_LIMIT: u64 = 1 << 20;
/// The longest path, in parts.
const PART_LIMIT: usize = 16;

/// A readable FAT medium.
pub struct Fat<'a> {
    device: &'a dyn ReadAt,
    geometry: Geometry,
    label: String,
}

/// The labels of a FAT file system; each is empty if there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// In the root folder.
    pub root: String,
    /// In the boot sector.
    pub boot: String,
}

impl<'a> Fat<'a> {
    /// Reads the boot sector. `None` if the device holds something else.
    pub fn open(device: &'a dyn ReadAt) -> Result<Option<Self>, MediumError> {
        let mut sector = [0; 512];
        if device.size().is_ok_and(|size| size < 512) {
            return Ok(None);
        }
        read_exact(device, 0, &mut sector, "the boot sector")?;
        let Some(geometry) = Geometry::read(&sector) else { return Ok(None) };
        let mut fat = Self { device, geometry, label: String::new() };
        let labels = fat.labels();
        fat.label = if labels.root.is_empty() { labels.boot } else { labels.root };
        Ok(Some(fat))
    }

    /// Both labels; that of an unreadable root folder is empty.
    pub fn labels(&self) -> Labels {
        let root = self.root().map(|bytes| folder::label(&bytes)).unwrap_or_default();
        Labels { root: root.unwrap_or_default(), boot: self.geometry.label.clone() }
    }

    fn root(&self) -> Result<Vec<u8>, MediumError> {
        let what = "the root folder";
        match self.geometry.width {
            Width::Bits32 => self.folder(self.geometry.root_cluster, what),
            Width::Bits12 | Width::Bits16 => {
                let mut bytes = vec![0; usize::from(self.geometry.root_entries) * folder::ENTRY];
                read_exact(self.device, self.geometry.root_at, &mut bytes, what)?;
                Ok(bytes)
            }
        }
    }

    /// A folder in clusters; its size is known only by the end of its chain.
    fn folder(&self, first: u32, what: &str) -> Result<Vec<u8>, MediumError> {
        let mut bytes = Vec::new();
        let mut next = Some(first);
        while let Some(cluster) = next {
            if bytes.len() as u64 >= FOLDER_LIMIT {
                return Err(broken(what, "the folder is too large, or its clusters form a ring"));
            }
            self.cluster(cluster, &mut bytes, what)?;
            next = self.next(cluster, what)?;
        }
        Ok(bytes)
    }

    /// A file: as many clusters as its size asks for.
    fn file(&self, entry: &Entry, what: &str) -> Result<Vec<u8>, MediumError> {
        let size = usize::try_from(entry.size).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        let mut next = Some(entry.cluster);
        while bytes.len() < size {
            let cluster = next.ok_or_else(|| broken(what, "its chain of clusters ends early"))?;
            self.cluster(cluster, &mut bytes, what)?;
            next = self.next(cluster, what)?;
        }
        bytes.truncate(size);
        Ok(bytes)
    }

    fn cluster(&self, cluster: u32, into: &mut Vec<u8>, what: &str) -> Result<(), MediumError> {
        let Some(at) = self.geometry.cluster_at(cluster) else {
            return Err(broken(what, "it names a cluster that does not exist"));
        };
        let start = into.len();
        into.resize(start + self.geometry.cluster_size, 0);
        read_exact(self.device, at, into.get_mut(start..).unwrap_or_default(), what)
    }

    /// The cluster behind this one; `None` at the end of a chain.
    fn next(&self, cluster: u32, what: &str) -> Result<Option<u32>, MediumError> {
        let table = self.geometry.table_at;
        let index = u64::from(cluster);
        let mut entry = [0; 4];
        let (at, width) = match self.geometry.width {
            Width::Bits12 => (table + index + index / 2, 2),
            Width::Bits16 => (table + index * 2, 2),
            Width::Bits32 => (table + index * 4, 4),
        };
        read_exact(self.device, at, entry.get_mut(..width).unwrap_or_default(), what)?;
        let value = u32::from_le_bytes(entry);
        let next = match self.geometry.width {
            // Three bytes hold two entries: an odd one begins in the middle of a byte.
            Width::Bits12 if cluster % 2 == 1 => value >> 4,
            Width::Bits12 => value & 0xfff,
            Width::Bits16 => value,
            Width::Bits32 => value & 0x0fff_ffff,
        };
        Ok(self.geometry.cluster_at(next).map(|_| next))
    }

    fn entries(&self, folder: &Entry, what: &str) -> Result<Vec<Entry>, MediumError> {
        // Cluster 0 stands for the root folder, also in links to it.
        let bytes = match folder.cluster {
            0 => self.root()?,
            cluster => self.folder(cluster, what)?,
        };
        Ok(folder::entries(&bytes))
    }

    /// The entry of a path, in any case of letters.
    fn find(&self, path: &str) -> Result<Option<Entry>, MediumError> {
        let mut at = Entry::root();
        for part in path.split('/').filter(|part| !part.is_empty()).take(PART_LIMIT) {
            if !at.is_folder {
                return Ok(None);
            }
            let mut entries = self.entries(&at, path)?.into_iter();
            match entries.find(|entry| entry.has_name(part)) {
                Some(entry) => at = entry,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }
}

impl Medium for Fat<'_> {
    fn list(&self, dir: &str) -> Result<Option<Vec<String>>, MediumError> {
        let what = if dir.is_empty() { "the root folder" } else { dir };
        match self.find(dir)?.filter(|entry| entry.is_folder) {
            None => Ok(None),
            Some(folder) => {
                let names = self.entries(&folder, what)?.into_iter().map(|entry| entry.name);
                Ok(Some(names.collect()))
            }
        }
    }

    fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, MediumError> {
        let Some(entry) = self.find(path)?.filter(|entry| !entry.is_folder) else {
            return Ok(None);
        };
        if u64::from(entry.size) > limit {
            return Err(MediumError::TooLarge { what: path.to_owned(), limit });
        }
        self.file(&entry, path).map(Some)
    }

    fn label(&self) -> &str {
        &self.label
    }

    /// Its times are local ones, of an unknown zone.
    fn made(&self) -> Option<u64> {
        None
    }
}

fn broken(what: &str, reason: &'static str) -> MediumError {
    MediumError::Broken { what: what.to_owned(), reason }
}

#[cfg(test)]
mod tests;
