//! The ring into which our programs write (`BPF_MAP_TYPE_RINGBUF`).
//!
//! Three parts, shared with the kernel: a page with our position, which we
//! write; a page with its position, and the records, which we only read. Both
//! positions only grow; the place in the ring is their remainder. The records are
//! mapped twice in a row, so that none is ever in two pieces. A record has a
//! head of eight bytes, the first four of which are its length and two flags:
//! it is still being written; it is to be left out.
//!
//! A program whose record finds no room goes on without it and leaves no trace:
//! a ring that was half full when it was read counts as one that was full.

use super::program::RECORD;
use rustix::mm::{self, MapFlags, ProtFlags};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Room for a thousand records. Whole pages where they are larger.
const ROOM: usize = 16 * 1024;
const HEAD: u64 = 8;
/// A record with its head.
const STEP: u64 = HEAD + RECORD as u64;
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// What has happened, and the port.
    News(u32, u32),
    /// Records may have found no room.
    Lost,
}

/// The reader's end.
#[derive(Debug)]
pub struct Ring {
    map: OwnedFd,
    ours: NonNull<u8>,
    theirs: NonNull<u8>,
    page: usize,
    room: usize,
}

// SAFETY: the mappings belong to this value alone and are not tied to a thread.
unsafe impl Send for Ring {}
// SAFETY: `&Ring` gives access to the file descriptor only; all reading of the
// mappings needs `&mut Ring`.
unsafe impl Sync for Ring {}

impl Ring {
    /// Makes a ring.
    ///
    /// # Errors
    /// Not permitted, or a kernel without rings.
    pub fn open() -> io::Result<Self> {
        let page = rustix::param::page_size();
        let room = ROOM.max(page);
        let map = super::call::ring(u32::try_from(room).map_err(io::Error::other)?)?;
        let ours = shared(&map, 0, page, ProtFlags::READ | ProtFlags::WRITE)?;
        let theirs = shared(&map, page as u64, page + 2 * room, ProtFlags::READ);
        let theirs = theirs.inspect_err(|_| unmap(ours, page))?;
        Ok(Self { map, ours, theirs, page, room })
    }

    /// Hands over everything that has been written since the last call.
    pub fn drain(&mut self, mut each: impl FnMut(Record)) {
        let begin = self.ours().load(Ordering::Relaxed);
        let end = self.theirs().load(Ordering::Acquire);
        let mut at = begin;
        while at < end {
            let (flags, news) = self.record(at);
            if flags & BUSY != 0 {
                // Its writer wakes us when it is done.
                break;
            }
            if flags & DISCARDED == 0 {
                each(news);
            }
            at += STEP;
        }
        self.ours().store(at, Ordering::SeqCst);
        let unread = self.theirs().load(Ordering::SeqCst).saturating_sub(begin);
        if unread >= self.room as u64 / 2 {
            each(Record::Lost);
        }
    }

    fn record(&self, at: u64) -> (u32, Record) {
        let mask = self.room - 1;
        let place = self.page + (usize::try_from(at & mask as u64).unwrap_or_default());
        // SAFETY: the place is behind the first page of the mapping and before
        // its last half, so 16 bytes follow it; records begin at multiples of
        // eight bytes. The kernel writes the head last, and what it writes
        // meanwhile we have not been given.
        unsafe {
            let head = self.theirs.add(place).cast::<AtomicU32>();
            let flags = head.as_ref().load(Ordering::Acquire);
            let body = head.add(2).cast::<u32>();
            (flags, Record::News(body.read_volatile(), body.add(1).read_volatile()))
        }
    }

    fn ours(&self) -> &AtomicU64 {
        // SAFETY: the first eight bytes of a mapping that lives as long as `self`;
        // the kernel treats them as a 64-bit value (on 64-bit machines) that
        // either side may access at any time.
        unsafe { self.ours.cast::<AtomicU64>().as_ref() }
    }

    fn theirs(&self) -> &AtomicU64 {
        // SAFETY: as above. It is only read, as the mapping demands.
        unsafe { self.theirs.cast::<AtomicU64>().as_ref() }
    }
}

impl AsRawFd for Ring {
    fn as_raw_fd(&self) -> RawFd {
        self.map.as_raw_fd()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        unmap(self.ours, self.page);
        unmap(self.theirs, self.page + 2 * self.room);
    }
}

fn shared(map: &OwnedFd, offset: u64, length: usize, may: ProtFlags) -> io::Result<NonNull<u8>> {
    // SAFETY: a new shared mapping at an address of the kernel's choice.
    let at = unsafe { mm::mmap(ptr::null_mut(), length, may, MapFlags::SHARED, map, offset)? };
    NonNull::new(at.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

fn unmap(at: NonNull<u8>, length: usize) {
    // SAFETY: exactly what `shared` mapped, and nothing refers to it any more.
    if let Err(error) = unsafe { mm::munmap(at.as_ptr().cast(), length) } {
        tracing::debug!(%error, "ring not unmapped");
    }
}
