//! The bytes of a file in memory of their own.
//!
//! Of a large piece of memory that is given back, glibc learns to keep pieces of
//! that size. So five megabytes that are read once do not come from it.

use rustix::fs::{Mode, OFlags};
use rustix::mm::{self, MapFlags, ProtFlags};
use std::io;
use std::ops::Deref;
use std::ptr::{self, NonNull};

/// More than any kernel has to say.
const MOST: usize = 64 * 1024 * 1024;

/// What was read.
#[derive(Debug)]
pub struct Pages {
    at: NonNull<u8>,
    room: usize,
    length: usize,
}

impl Pages {
    /// Reads a file that tells its size.
    ///
    /// # Errors
    /// It cannot be read, or has no size.
    pub fn read(path: &str) -> io::Result<Self> {
        let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let room = usize::try_from(rustix::fs::fstat(&file)?.st_size).map_err(io::Error::other)?;
        if room == 0 || room > MOST {
            return Err(io::Error::other(format!("its size is {room}")));
        }
        let may = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new private mapping at an address of the kernel's choice.
        let at = unsafe { mm::mmap_anonymous(ptr::null_mut(), room, may, MapFlags::PRIVATE)? };
        let at = NonNull::new(at.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let mut pages = Self { at, room, length: 0 };
        while let Some(rest) = pages.rest() {
            match rustix::io::read(&file, rest)? {
                0 => break,
                length => pages.length += length,
            }
        }
        Ok(pages)
    }

    /// Room for more.
    fn rest(&mut self) -> Option<&mut [u8]> {
        // SAFETY: exactly what was mapped, all of it zero or written since, and
        // nothing else refers to it.
        let all = unsafe { std::slice::from_raw_parts_mut(self.at.as_ptr(), self.room) };
        all.get_mut(self.length..).filter(|rest| !rest.is_empty())
    }
}

impl Deref for Pages {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: no more than was mapped, and it is only written through
        // `&mut self`.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr(), self.length) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: exactly what `read` mapped, and nothing refers to it any more.
        if let Err(error) = unsafe { mm::munmap(self.at.as_ptr().cast(), self.room) } {
            tracing::debug!(%error, "pages not given back");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_and_one_without_a_size_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("file");
        let path = path.to_str().expect("text");
        std::fs::write(path, vec![7; 100_000]).expect("written");
        assert_eq!(*Pages::read(path).expect("read"), vec![7; 100_000]);
        std::fs::write(path, "").expect("written");
        assert!(Pages::read(path).is_err());
        assert!(Pages::read("/nowhere").is_err());
    }
}
