//! Directory records: 33 bytes, the name, a pad byte after an even name, then what others may use.

use super::{SECTOR, le32};

/// Bit of the flags: a folder.
const FOLDER: u8 = 0x02;
/// Bit of the flags: a structure that only other systems understand.
const ASSOCIATED: u8 = 0x04;
/// Bit of the flags: the file goes on in the next record.
const MULTI_EXTENT: u8 = 0x80;

/// A record as it stands in a folder.
pub(super) struct Record<'a> {
    pub(super) block: u32,
    /// Length of the file in bytes.
    pub(super) length: u32,
    pub(super) name: &'a [u8],
    /// What stands behind the name; Rock Ridge lives here.
    pub(super) system_use: &'a [u8],
    flags: u8,
    interleaved: bool,
}

/// A file or folder with its real name.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) block: u32,
    pub(super) length: u32,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// Something that is not read, and why.
    Strange(&'static str),
}

impl Record<'_> {
    pub(super) fn kind(&self) -> Kind {
        if self.flags & FOLDER != 0 {
            Kind::Folder
        } else if self.flags & MULTI_EXTENT != 0 || self.interleaved {
            Kind::Strange("it is stored in several pieces")
        } else if self.flags & ASSOCIATED != 0 {
            Kind::Strange("it is not a regular file")
        } else {
            Kind::File
        }
    }
}

/// The records of a folder. None crosses a sector; a length of 0 means that the sector has no more,
/// and so does a record that does not fit.
pub(super) fn records(folder: &[u8]) -> impl Iterator<Item = Record<'_>> {
    folder.chunks(SECTOR).flat_map(|sector| {
        let mut rest = sector;
        std::iter::from_fn(move || {
            let length = usize::from(*rest.first()?);
            let (bytes, behind) = rest.split_at_checked(length)?;
            rest = behind;
            record(bytes)
        })
    })
}

fn record(bytes: &[u8]) -> Option<Record<'_>> {
    let name_length = usize::from(*bytes.get(32)?);
    let name = bytes.get(33..33 + name_length)?;
    let pad = usize::from(name_length.is_multiple_of(2));
    // A block of extended attributes may stand before the file itself.
    let block = le32(bytes, 2)?.checked_add(u32::from(*bytes.get(1)?))?;
    Some(Record {
        block,
        length: le32(bytes, 10)?,
        name,
        system_use: bytes.get(33 + name_length + pad..).unwrap_or_default(),
        flags: *bytes.get(25)?,
        interleaved: bytes.get(26..28)? != [0, 0],
    })
}

/// `META_DAT.;1` is `meta_dat`.
pub(super) fn plain_name(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let name = name.split_once(';').map_or(name, |(name, _)| name);
    Some(name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase())
}

/// A name in UTF-16, with a version or without.
pub(super) fn joliet_name(name: &[u8]) -> Option<String> {
    let (units, []) = name.as_chunks::<2>() else { return None };
    let units = units.iter().map(|&unit| u16::from_be_bytes(unit));
    let name: String = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
    let name = name.split_once(';').map_or(&*name, |(name, _)| name);
    Some(name.to_owned())
}
