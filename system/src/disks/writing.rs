//! What is written to a disk, for the machine and for a scratch folder alike: a file is all it takes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::layout::Layout;
use super::{DiskError, Fresh, blemish, blemish_beside, swap};
use crate::ReadAt;
use crate::tree::Bytes;

/// The table for a disk, if that is blank or carries a part of this very table.
pub(crate) fn planned(disk: &File, fresh: &Fresh, sector: u64) -> Result<Layout, DiskError> {
    let device = super::node(&fresh.disk);
    let read = |source| DiskError::Read { what: device.clone(), source };
    let bytes = Bytes(disk.try_clone().map_err(read)?);
    let layout = Layout::of(fresh, bytes.size().map_err(read)?, sector).map_err(read)?;
    if let Some(at) = blemish_beside(&bytes, &layout.pieces).map_err(read)? {
        return Err(DiskError::NotBlank { device, at });
    }
    Ok(layout)
}

/// Writes the table, backup first. The file is the one that was looked at.
pub(crate) fn divide(disk: &File, device: &str, layout: &Layout) -> Result<(), DiskError> {
    layout.pieces.iter().try_for_each(|piece| {
        disk.write_all_at(&piece.bytes, piece.at)
            .and_then(|()| disk.sync_all())
            .map_err(|source| DiskError::Write { device: device.to_owned(), source })
    })
}

/// See [`super::Disks::is_begun`].
pub(crate) fn is_begun(disk: &dyn ReadAt, fresh: &Fresh, sector: u64) -> io::Result<bool> {
    let layout = Layout::of(fresh, disk.size()?, sector)?;
    Ok(blemish_beside(disk, &layout.pieces)?.is_none() && blemish(disk)?.is_some())
}

/// An error unless the partition is as long as the table says, and blank.
pub(crate) fn must_be_blank(part: &File, device: &str, layout: &Layout) -> Result<(), DiskError> {
    let read = |source| DiskError::Read { what: device.to_owned(), source };
    let bytes = Bytes(part.try_clone().map_err(read)?);
    let size = bytes.size().map_err(read)?;
    if size != layout.bytes {
        let reason = format!("has {size} bytes and not {}", layout.bytes);
        return Err(DiskError::Odd { device: device.to_owned(), reason });
    }
    match blemish(&bytes).map_err(read)? {
        Some(at) => Err(DiskError::NotBlank { device: device.to_owned(), at }),
        None => Ok(()),
    }
}

/// Makes swap space.
pub(crate) fn make_swap(part: &File, fresh: &Fresh, layout: &Layout) -> io::Result<()> {
    let page = rustix::param::page_size();
    let header = swap::header(layout.bytes, page, fresh.part_id, &swap::label(&fresh.label))?;
    part.write_all_at(&header, 0)?;
    part.sync_all()
}

/// Lets swap space have all of its partition. Returns whether there was more than it had.
pub(crate) fn fill_with_swap(part: &File, bytes: u64) -> io::Result<bool> {
    let page = rustix::param::page_size();
    let mut header = vec![0; page];
    part.read_exact_at(&mut header, 0)?;
    let Some((id, label, had)) = swap::read(&header, page) else {
        let text = format!("there is no swap space for pages of {page} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    };
    if had.saturating_add(crate::Backing::WORTH) > bytes {
        return Ok(false);
    }
    part.write_all_at(&swap::header(bytes, page, id, &label)?, 0)?;
    part.sync_all()?;
    Ok(true)
}
