//! Rock Ridge: the names and kinds of POSIX, behind each directory record.
//!
//! The space is a row of fields (the System Use Sharing Protocol, IEEE P1281): two letters, length
//! in bytes, version, contents. `SP` in the root folder's own record announces the protocol and says
//! how many bytes of other records come before it. `NM` is a piece of the name, `PX` begins with the
//! mode of `stat`, `CE` names a place where the fields go on, `ST` ends them.

use super::le32;
use super::record::Kind;

/// The most continuations of one record: each could name itself.
const CONTINUATION_LIMIT: usize = 8;
/// The longest name, in bytes.
const NAME_LIMIT: usize = 255;

/// What Rock Ridge knows of an entry.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) name: Option<String>,
    pub(super) kind: Option<Kind>,
    /// Owner of the file on the machine that made the medium.
    pub(super) owner: Option<u32>,
}

/// Reads the bytes of a continuation: block, offset and length.
pub(super) type Continuation<'a> = dyn Fn(u32, u32, u32) -> Option<Vec<u8>> + 'a;

/// How many bytes to skip in each record, if this is the record that announces the protocol.
pub(super) fn announced(system_use: &[u8]) -> Option<usize> {
    // CD-ROM XA puts 14 bytes of its own before the announcement.
    let announces = |bytes: &[u8]| match bytes {
        [b'S', b'P', 7, _, 0xbe, 0xef, skip, ..] => Some(usize::from(*skip)),
        _ => None,
    };
    announces(system_use).or_else(|| announces(system_use.get(14..)?))
}

/// Whether there is a name among the fields.
pub(super) fn has_name(system_use: &[u8]) -> bool {
    fields(system_use).any(|(letters, _)| letters == *b"NM")
}

/// Reads the fields behind a record, and those behind them.
pub(super) fn read(system_use: &[u8], more: &Continuation<'_>) -> Fields {
    let mut out = Fields::default();
    let mut name = Vec::new();
    let mut area = system_use.to_vec();
    for _ in 0..CONTINUATION_LIMIT {
        let mut next = None;
        for (letters, bytes) in fields(&area) {
            match &letters {
                b"NM" => append(&mut name, bytes),
                b"PX" => {
                    out.kind = le32(bytes, 4).and_then(by_mode);
                    out.owner = le32(bytes, 20);
                }
                b"ZF" => out.kind = Some(Kind::Strange("it is compressed")),
                b"CL" => out.kind = Some(Kind::Strange("it is a folder stored elsewhere")),
                b"CE" => next = continuation(bytes),
                _ => {}
            }
        }
        let Some((block, offset, length)) = next else { break };
        match more(block, offset, length) {
            Some(bytes) => area = bytes,
            None => break,
        }
    }
    out.name = String::from_utf8(name).ok().filter(|name| !name.is_empty());
    out
}

/// The fields of an area, whole, up to the end or to what is no field.
fn fields(area: &[u8]) -> impl Iterator<Item = ([u8; 2], &[u8])> {
    let mut rest = area;
    std::iter::from_fn(move || {
        let &[first, second, length, _, ..] = rest else { return None };
        let letters = [first, second];
        let (field, behind) = rest.split_at_checked(usize::from(length).max(4))?;
        let stop = length < 4 || letters == *b"ST";
        rest = behind;
        (!stop).then_some((letters, field))
    })
}

/// A piece of a name. Flags 2 and 4 mean "this folder" and "the one above": names of no file.
fn append(name: &mut Vec<u8>, field: &[u8]) {
    let Some((flags, piece)) = field.get(4..).and_then(<[u8]>::split_first) else { return };
    if flags & 6 == 0 && name.len() + piece.len() <= NAME_LIMIT {
        name.extend_from_slice(piece);
    }
}

fn by_mode(mode: u32) -> Option<Kind> {
    match mode & 0o170_000 {
        0 | 0o100_000 => None,
        0o040_000 => Some(Kind::Folder),
        0o120_000 => Some(Kind::Strange("it is a symbolic link")),
        _ => Some(Kind::Strange("it is not a regular file")),
    }
}

fn continuation(field: &[u8]) -> Option<(u32, u32, u32)> {
    Some((le32(field, 4)?, le32(field, 12)?, le32(field, 20)?))
}
