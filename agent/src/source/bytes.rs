//! Little-endian numbers and whole reads, for the file systems.

use std::io::ErrorKind;

use nixvm_system::ReadAt;

use super::medium::MediumError;

/// The number at `at`; `None` behind the end.
pub(super) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|&bytes| u16::from_le_bytes(bytes))
}

/// The number at `at`; `None` behind the end.
pub(super) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|&bytes| u32::from_le_bytes(bytes))
}

/// Fills the buffer from `at` on, or says why not.
pub(super) fn read_exact(
    device: &dyn ReadAt,
    mut at: u64,
    buf: &mut [u8],
    what: &str,
) -> Result<(), MediumError> {
    let mut rest = buf;
    while !rest.is_empty() {
        let count = match device.read_at(at, rest) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(source) => return Err(MediumError::Io { what: what.to_owned(), source }),
        };
        let behind = rest.get_mut(count..).filter(|_| count > 0);
        let Some(behind) = behind else {
            let reason = "the medium ends before it";
            return Err(MediumError::Broken { what: what.to_owned(), reason });
        };
        rest = behind;
        at = at.saturating_add(count as u64);
    }
    Ok(())
}
