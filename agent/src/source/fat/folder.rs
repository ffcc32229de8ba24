//! Entries of a folder: 32 bytes each, a long name in entries before the one it belongs to.

use super::{le16, le32};

/// Size of an entry in bytes.
pub(super) const ENTRY: usize = 32;
/// Attribute: the entry is the volume label.
const LABEL: u8 = 0x08;
/// Attribute: a folder.
const FOLDER: u8 = 0x10;
/// Attributes of a piece of a long name: a combination that means nothing else.
const LONG_NAME: u8 = 0x0f;

/// A file or a folder.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    /// The 8.3 name, in lower case.
    short: String,
    pub(super) is_folder: bool,
    pub(super) cluster: u32,
    /// Size in bytes; 0 for a folder.
    pub(super) size: u32,
}

impl Entry {
    /// The root folder, which nothing names.
    pub(super) fn root() -> Self {
        let name = String::new();
        Self { short: name.clone(), name, is_folder: true, cluster: 0, size: 0 }
    }

    /// FAT does not tell capitals from small letters.
    pub(super) fn has_name(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name) || self.short.eq_ignore_ascii_case(name)
    }
}

/// The files and folders, without `.` and `..`.
pub(super) fn entries(folder: &[u8]) -> Vec<Entry> {
    let mut out = Vec::new();
    let mut long = LongName::default();
    for bytes in used(folder) {
        let attributes = bytes[11];
        if attributes & 0x3f == LONG_NAME {
            long.add(bytes);
            continue;
        }
        let long_name = std::mem::take(&mut long).finish(bytes);
        if attributes & LABEL == 0 && bytes[0] != b'.' {
            out.extend(entry(bytes, long_name));
        }
    }
    out
}

/// The volume label among the entries of the root folder.
pub(super) fn label(root: &[u8]) -> Option<String> {
    let is_label = |bytes: &&[u8; ENTRY]| bytes[11] & 0x3f != LONG_NAME && bytes[11] & LABEL != 0;
    used(root).find(is_label).map(|bytes| label_text(&bytes[..11]))
}

/// A label without its padding; `NO NAME` is none.
pub(super) fn label_text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches([' ', '\0']);
    if text == "NO NAME" { String::new() } else { text.to_owned() }
}

/// Entries up to the end mark, without deleted ones.
fn used(folder: &[u8]) -> impl Iterator<Item = &[u8; ENTRY]> {
    let (entries, _) = folder.as_chunks::<ENTRY>();
    entries.iter().take_while(|bytes| bytes[0] != 0).filter(|bytes| bytes[0] != 0xe5)
}

fn entry(bytes: &[u8; ENTRY], long: Option<String>) -> Option<Entry> {
    let short = short_name(bytes);
    let high = u32::from(le16(bytes, 20)?);
    Some(Entry {
        name: long.unwrap_or_else(|| short.clone()),
        short,
        is_folder: bytes[11] & FOLDER != 0,
        cluster: (high << 16) | u32::from(le16(bytes, 26)?),
        size: le32(bytes, 28)?,
    })
}

/// The 8.3 name in lower case; a first byte 5 stands for 0xe5, which would mean "deleted".
fn short_name(bytes: &[u8; ENTRY]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_ascii_lowercase();
    let (base, extension) = (text(&bytes[..8]), text(&bytes[8..11]));
    let base = base.replacen('\u{5}', "\u{fffd}", 1);
    if extension.is_empty() { base } else { format!("{base}.{extension}") }
}

/// The pieces of a long name, last piece first. Each carries its place, from 1, and a checksum of
/// the short name; pieces that do not belong together are forgotten.
#[derive(Default)]
struct LongName {
    /// UTF-16; later pieces stand before earlier ones.
    units: Vec<u16>,
    /// Place of the piece that was read last; 1 if the name is whole.
    place: u8,
    checksum: u8,
}

impl LongName {
    fn add(&mut self, bytes: &[u8; ENTRY]) {
        let (place, is_last) = (bytes[0] & 0x1f, bytes[0] & 0x40 != 0);
        if is_last {
            *self = Self { units: Vec::new(), place, checksum: bytes[13] };
        } else if place.checked_add(1) != Some(self.place) || bytes[13] != self.checksum {
            *self = Self::default();
            return;
        }
        self.place = place;
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain((28..32).step_by(2));
        let piece = places.filter_map(|at| le16(bytes, at));
        self.units.splice(0..0, piece);
    }

    /// The name, if it is whole and belongs to this entry.
    fn finish(self, bytes: &[u8; ENTRY]) -> Option<String> {
        let checksum =
            bytes[..11].iter().fold(0u8, |sum, &byte| sum.rotate_right(1).wrapping_add(byte));
        if self.place != 1 || checksum != self.checksum {
            return None;
        }
        let units = self.units.into_iter().take_while(|&unit| unit != 0);
        let name: String = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
        let usable = !name.is_empty() && !matches!(&*name, "." | "..") && !name.contains('/');
        usable.then_some(name)
    }
}
