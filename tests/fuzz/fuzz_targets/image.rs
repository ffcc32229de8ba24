//! An image in memory, with zeros before it.

use nixvm_system::ReadAt;

pub struct Image<'a> {
    pub bytes: &'a [u8],
    pub before: u64,
}

impl ReadAt for Image<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
        if offset < self.before {
            let count = buf.len().min(usize::try_from(self.before - offset).unwrap_or(usize::MAX));
            buf[..count].fill(0);
            return Ok(count);
        }
        let start = usize::try_from(offset - self.before).unwrap_or(usize::MAX);
        let rest = self.bytes.get(start..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn size(&self) -> std::io::Result<u64> {
        Ok(self.before + self.bytes.len() as u64)
    }
}
