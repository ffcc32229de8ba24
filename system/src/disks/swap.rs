//! The header of swap space, in the first page: at 1024 the version, the number of the last page,
//! the number of bad pages, an id of 16 bytes and a label of 16; the mark ends the page.

use std::io;

const AT: usize = 1024;
const MARK: &[u8] = b"SWAPSPACE2";

/// The first page of swap space of so many bytes. The id is also on partitions that are told apart by
/// it, so it is kept when the space grows.
pub(crate) fn header(
    bytes: u64,
    page: usize,
    id: [u8; 16],
    label: &[u8; 16],
) -> io::Result<Vec<u8>> {
    let pages = bytes / page as u64;
    let last = u32::try_from(pages.saturating_sub(1)).unwrap_or(u32::MAX);
    if pages < 10 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too small for swap space"));
    }
    let mut header = vec![0; AT];
    for number in [1, last, 0] {
        header.extend(number.to_le_bytes());
    }
    header.extend(id);
    header.extend(label);
    header.resize(page - MARK.len(), 0);
    header.extend(MARK);
    Ok(header)
}

/// Id, label and how many bytes the header speaks of, if this is a header for pages of this size.
pub(crate) fn read(header: &[u8], page: usize) -> Option<([u8; 16], [u8; 16], u64)> {
    if header.get(page.checked_sub(MARK.len())?..page)? != MARK {
        return None;
    }
    let last = u32::from_le_bytes(header.get(AT + 4..AT + 8)?.try_into().ok()?);
    let id = header.get(AT + 12..AT + 28)?.try_into().ok()?;
    let label = header.get(AT + 28..AT + 44)?.try_into().ok()?;
    Some((id, label, (u64::from(last) + 1) * page as u64))
}

/// A label as the header holds it.
pub(crate) fn label(text: &str) -> [u8; 16] {
    let mut label = [0; 16];
    for (to, from) in label.iter_mut().zip(text.bytes().take(15)) {
        *to = from;
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let page = 16384;
        let header = header(1 << 30, page, [7; 16], &label("lima-swap")).unwrap();
        assert_eq!(header.len(), page);
        assert_eq!(read(&header, page), Some(([7; 16], label("lima-swap"), 1 << 30)));
        assert_eq!(read(&header, 4096), None, "another size of pages");
    }

    #[test]
    fn too_little_room_is_no_swap_space() {
        assert!(super::header(4096 * 9, 4096, [0; 16], &[0; 16]).is_err());
    }
}
