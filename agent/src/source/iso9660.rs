//! ISO 9660, read from the bytes of a device, without a mount.
//!
//! A primer (ECMA-119). The medium is a row of sectors of 2048 bytes. From sector 16 on stand the
//! *volume descriptors*: byte 0 is the type (1 primary, 2 supplementary, 255 the last one), then
//! `CD001`. A descriptor names the volume (32 bytes at 40), the size of a logical block (at 128) and
//! holds the *directory record* of the root folder (at 156). A folder is a file of such records; a
//! record names its extent by first block and length in bytes ([`record`]). Numbers stand there
//! twice, little-endian first; only that one is read.
//!
//! A name in the primary tree is short and in capitals. Two extensions give the real one: Rock Ridge
//! (IEEE P1282) puts it behind the record ([`rock_ridge`]), and Joliet is a second tree, under a
//! supplementary descriptor, with names in UTF-16. Lima writes Rock Ridge, other tools both or
//! either. Here Rock Ridge is taken first, then Joliet, then the plain name in lower case without
//! its `;1`.
//!
//! The image may be hostile. Every number is checked before it is used: extents against the size of
//! the device, lengths against the limits below, and nothing is followed more than a fixed number of
//! times, so a folder that contains itself costs nothing.

mod date;
mod record;
mod rock_ridge;

use nixvm_system::ReadAt;

use self::record::{Entry, Kind};
use super::bytes::{le16, le32, read_exact};
use super::medium::{Medium, MediumError};

const SECTOR: usize = 2048;
/// Sector of the first volume descriptor.
const DESCRIPTORS: u64 = 16;
/// The most volume descriptors that are looked at.
const DESCRIPTOR_LIMIT: u64 = 32;
/// The largest folder that is read, in bytes: some 10,000 files.
const FOLDER_LIMIT: u64 = 1 << 20;
/// The longest path, in parts.
const PART_LIMIT: usize = 16;

/// A readable ISO 9660 medium.
pub struct Iso9660<'a> {
    device: &'a dyn ReadAt,
    label: String,
    root: Entry,
    names: Names,
    /// Size of a logical block in bytes.
    block: u64,
    /// When it was made.
    made: Option<u64>,
}

/// Where the names of a tree come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// Rock Ridge; that many bytes before it belong to somebody else.
    RockRidge { skip: usize },
    /// UTF-16, big-endian.
    Joliet,
    /// Capitals and a version.
    Plain,
}

/// What a volume descriptor tells.
struct Volume {
    root: Entry,
    block: u64,
    made: Option<u64>,
}

/// The volume label, if there is an ISO 9660 file system on the device.
pub fn label(device: &dyn ReadAt) -> Result<Option<String>, MediumError> {
    let mut start = [0; SECTOR];
    let at = DESCRIPTORS * SECTOR as u64;
    if device.size().is_ok_and(|size| size < at + SECTOR as u64) {
        return Ok(None);
    }
    read_exact(device, at, &mut start, "the volume descriptor")?;
    let primary = start.starts_with(b"\x01CD001");
    Ok(primary.then(|| volume_label(&start)))
}

impl<'a> Iso9660<'a> {
    /// Reads the volume descriptors and the root folder. `None` if the device holds something else.
    pub fn open(device: &'a dyn ReadAt) -> Result<Option<Self>, MediumError> {
        let Some(label) = label(device)? else { return Ok(None) };
        let (primary, joliet) = volumes(device)?;
        let Some(Volume { root, block, made }) = primary else {
            return Err(broken("the volume descriptor", "it names no root folder"));
        };
        let names = Names::RockRidge { skip: 0 };
        let mut iso = Self { device, label, root, names, block, made };
        let rock_ridge = iso.find_rock_ridge();
        match (rock_ridge, joliet) {
            (Ok(Some(skip)), _) => iso.names = Names::RockRidge { skip },
            (_, Some(volume)) => {
                (iso.root, iso.block, iso.names) = (volume.root, volume.block, Names::Joliet);
            }
            (Ok(None), None) => iso.names = Names::Plain,
            (Err(error), None) => return Err(error),
        }
        Ok(Some(iso))
    }

    /// Who made the medium: the owner of its root folder there, as Rock Ridge has it.
    pub fn owner(&self) -> Option<u32> {
        let Names::RockRidge { skip } = self.names else { return None };
        let more = |block, offset, length| self.continuation(block, offset, length);
        // It was read before; a medium that breaks meanwhile has no owner.
        let bytes = self.folder(&self.root, "the root folder").ok()?;
        let own = record::records(&bytes).next()?;
        rock_ridge::read(own.system_use.get(skip..)?, &more).owner
    }

    /// How many bytes to skip before Rock Ridge's fields; `None` if there are none in the root.
    fn find_rock_ridge(&self) -> Result<Option<usize>, MediumError> {
        let bytes = self.folder(&self.root, "the root folder")?;
        let mut records = record::records(&bytes);
        let own = records.next().map(|record| record.system_use);
        if let Some(skip) = own.and_then(rock_ridge::announced) {
            return Ok(Some(skip));
        }
        Ok(records.any(|record| rock_ridge::has_name(record.system_use)).then_some(0))
    }

    fn entries(&self, folder: &Entry, what: &str) -> Result<Vec<Entry>, MediumError> {
        let bytes = self.folder(folder, what)?;
        // The first two records are the folder itself and the one above it.
        let records = record::records(&bytes).filter(|record| !matches!(record.name, [0 | 1]));
        Ok(records.filter_map(|record| self.entry(&record)).collect())
    }

    fn entry(&self, record: &record::Record<'_>) -> Option<Entry> {
        let (name, kind) = match self.names {
            Names::Joliet => (record::joliet_name(record.name)?, record.kind()),
            Names::Plain => (record::plain_name(record.name)?, record.kind()),
            Names::RockRidge { skip } => {
                let more = |block, offset, length| self.continuation(block, offset, length);
                let fields = rock_ridge::read(record.system_use.get(skip..)?, &more);
                let kind = fields.kind.unwrap_or_else(|| record.kind());
                (fields.name.or_else(|| record::plain_name(record.name))?, kind)
            }
        };
        let usable =
            !name.is_empty() && !matches!(&*name, "." | "..") && !name.contains(['/', '\0']);
        usable.then_some(Entry { name, kind, block: record.block, length: record.length })
    }

    /// Bytes of a Rock Ridge continuation; nothing if they cannot be read.
    fn continuation(&self, block: u32, offset: u32, length: u32) -> Option<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(length).ok().filter(|&length| length <= SECTOR)?];
        let at = u64::from(block) * self.block + u64::from(offset);
        read_exact(self.device, at, &mut bytes, "a file name").ok()?;
        Some(bytes)
    }

    fn folder(&self, entry: &Entry, what: &str) -> Result<Vec<u8>, MediumError> {
        if u64::from(entry.length) > FOLDER_LIMIT {
            return Err(broken(what, "the folder is too large"));
        }
        self.extent(entry, what)
    }

    fn extent(&self, entry: &Entry, what: &str) -> Result<Vec<u8>, MediumError> {
        let at = u64::from(entry.block) * self.block;
        let end = at + u64::from(entry.length);
        if self.device.size().is_ok_and(|size| end > size) {
            return Err(broken(what, "the medium ends before it"));
        }
        let mut bytes = vec![0; usize::try_from(entry.length).unwrap_or(usize::MAX)];
        read_exact(self.device, at, &mut bytes, what)?;
        Ok(bytes)
    }

    fn find(&self, path: &str) -> Result<Option<Entry>, MediumError> {
        let mut at = self.root.clone();
        for part in path.split('/').filter(|part| !part.is_empty()).take(PART_LIMIT) {
            if at.kind != Kind::Folder {
                return Ok(None);
            }
            let is_it = |entry: &Entry| match self.names {
                Names::Plain => entry.name.eq_ignore_ascii_case(part),
                Names::RockRidge { .. } | Names::Joliet => entry.name == part,
            };
            match self.entries(&at, path)?.into_iter().find(is_it) {
                Some(entry) => at = entry,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }
}

impl Medium for Iso9660<'_> {
    fn list(&self, dir: &str) -> Result<Option<Vec<String>>, MediumError> {
        let what = if dir.is_empty() { "the root folder" } else { dir };
        match self.find(dir)?.filter(|entry| entry.kind == Kind::Folder) {
            None => Ok(None),
            Some(entry) => {
                let names = self.entries(&entry, what)?.into_iter().map(|entry| entry.name);
                Ok(Some(names.collect()))
            }
        }
    }

    fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, MediumError> {
        let Some(entry) = self.find(path)? else { return Ok(None) };
        match entry.kind {
            Kind::Folder => Ok(None),
            Kind::Strange(reason) => Err(broken(path, reason)),
            Kind::File if u64::from(entry.length) > limit => {
                Err(MediumError::TooLarge { what: path.to_owned(), limit })
            }
            Kind::File => self.extent(&entry, path).map(Some),
        }
    }

    fn label(&self) -> &str {
        &self.label
    }

    fn made(&self) -> Option<u64> {
        self.made
    }
}

/// The primary volume, and the first one with Joliet names. A broken descriptor ends the search.
fn volumes(device: &dyn ReadAt) -> Result<(Option<Volume>, Option<Volume>), MediumError> {
    let (mut primary, mut joliet) = (None, None);
    for sector in DESCRIPTORS..DESCRIPTORS + DESCRIPTOR_LIMIT {
        let mut bytes = [0; SECTOR];
        let read = read_exact(device, sector * SECTOR as u64, &mut bytes, "the volume descriptors");
        if primary.is_none() {
            read?;
        } else if read.is_err() {
            break;
        }
        let Some([kind, b'C', b'D', b'0', b'0', b'1']) = bytes.first_chunk() else { break };
        match kind {
            1 if primary.is_none() => primary = volume(&bytes),
            2 if joliet.is_none() && is_joliet(&bytes) => joliet = volume(&bytes),
            255 => break,
            _ => {}
        }
    }
    Ok((primary, joliet))
}

fn volume(bytes: &[u8; SECTOR]) -> Option<Volume> {
    let block = le16(bytes, 128)?;
    if !matches!(block, 512 | 1024 | 2048) {
        return None;
    }
    let record = record::records(bytes.get(156..190)?).next()?;
    let root = Entry {
        name: String::new(),
        kind: Kind::Folder,
        block: record.block,
        length: record.length,
    };
    let made = bytes.get(813..830).and_then(date::seconds);
    Some(Volume { root, block: u64::from(block), made })
}

fn volume_label(bytes: &[u8; SECTOR]) -> String {
    let label = bytes.get(40..72).unwrap_or_default();
    String::from_utf8_lossy(label).trim_end_matches([' ', '\0']).to_owned()
}

/// The escape sequences that announce UTF-16 names of level 1, 2 or 3.
fn is_joliet(bytes: &[u8; SECTOR]) -> bool {
    matches!(bytes.get(88..91), Some(b"%/@" | b"%/C" | b"%/E"))
}

fn broken(what: &str, reason: &'static str) -> MediumError {
    MediumError::Broken { what: what.to_owned(), reason }
}

#[cfg(test)]
mod tests;
