//! Tracepoint records of one CPU, through `perf_event_open(2)`.
//!
//! A ring is one page of state and some pages of records, shared with
//! the kernel: it writes records and moves `data_head` forward, we read them
//! and move `data_tail` after it. Both only grow; the place in the ring is
//! their remainder. Several tracepoints write to one ring; a record's first
//! two bytes tell which. A ring that is full drops records and says so.
//!
//! This is the one file with shared memory in it. Layouts are those of
//! `linux/perf_event.h`, the same on all architectures with 64-bit pointers.

use rustix::mm::{self, MapFlags, ProtFlags};
use std::ffi::{CString, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

const PERF_TYPE_TRACEPOINT: u32 = 2;
const PERF_SAMPLE_TID: u64 = 1 << 1;
const PERF_SAMPLE_RAW: u64 = 1 << 10;
const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 1 << 3;
const PERF_RECORD_LOST: u32 = 2;
const PERF_RECORD_SAMPLE: u32 = 9;
/// The counters' places in `perf_event_mmap_page`, in 64-bit words: bytes 1024
/// and 1032.
const DATA_HEAD: usize = 128;
const DATA_TAIL: usize = 129;
/// Pages of records: some 200 of them, a flood of a few milliseconds.
const PAGES: usize = 4;
/// The part of a record that we look at: all tracepoints in use fit.
pub const RECORD: usize = 128;

/// `perf_event_attr` in its first published size (64 bytes), which every
/// kernel takes. No flag bit is needed, so their order does not matter.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    breakpoint_type: u32,
    config1: u64,
}

/// A tracepoint to open.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its number.
    pub id: u16,
    /// What a record must fulfil, checked in the kernel; empty is nothing.
    pub filter: String,
    /// Whether a record wakes us.
    pub wakes: Wakes,
}

/// Whether a record wakes us, or waits in the ring for one that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakes {
    /// It wakes us.
    Yes,
    /// It waits; a ring that is half full wakes us all the same.
    No,
}

/// What the kernel has written.
#[derive(Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// The thread that was running (0 if our PID namespace has no number for
    /// it) and the raw bytes of a tracepoint, perhaps with padding after them.
    Sample(u32, &'a [u8]),
    /// Records were dropped.
    Lost,
}

/// The records of some tracepoints on one CPU.
#[derive(Debug)]
pub struct Ring {
    first: OwnedFd,
    /// Open as long as their records are wanted.
    others: Vec<OwnedFd>,
    map: NonNull<u8>,
    page: usize,
}

// SAFETY: the mapping belongs to this value alone and is not tied to a thread.
unsafe impl Send for Ring {}
// SAFETY: `&Ring` gives access to the file descriptor only; all reading of the
// mapping needs `&mut Ring`.
unsafe impl Sync for Ring {}

impl Ring {
    /// Opens tracepoints on one CPU.
    ///
    /// # Errors
    /// Not permitted, no such CPU, or a filter that the kernel refuses.
    pub fn open(cpu: i32, events: &[Event]) -> io::Result<Self> {
        let mut opened = events.iter().map(|event| open(cpu, event));
        let first = opened.next().ok_or(io::ErrorKind::InvalidInput)??;
        let others = opened.collect::<io::Result<Vec<_>>>()?;
        let page = rustix::param::page_size();
        // SAFETY: a new shared mapping at an address of the kernel's choice.
        let map = unsafe {
            mm::mmap(
                ptr::null_mut(),
                (1 + PAGES) * page,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                &first,
                0,
            )?
        };
        let map = NonNull::new(map.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let ring = Self { first, others, map, page };
        for other in &ring.others {
            set_output(other, &ring.first)?;
        }
        Ok(ring)
    }

    /// Hands over everything that has been written since the last call.
    pub fn drain(&mut self, mut each: impl FnMut(Record<'_>)) {
        let head = self.counter(DATA_HEAD).load(Ordering::Acquire);
        let mut tail = self.counter(DATA_TAIL).load(Ordering::Relaxed);
        while tail < head {
            let mut record = [0; RECORD];
            let length = self.copy_record(tail, &mut record);
            if length == 0 {
                // Not a record: only a broken kernel can cause this.
                tail = head;
                each(Record::Lost);
                break;
            }
            tail += length;
            deliver(&record, &mut each);
        }
        self.counter(DATA_TAIL).store(tail, Ordering::Release);
    }

    fn counter(&self, place: usize) -> &AtomicU64 {
        // SAFETY: both places lie within the first page of the mapping, which
        // lives as long as `self`; the kernel treats them as 64-bit values that
        // either side may access at any time.
        unsafe { self.map.cast::<AtomicU64>().add(place).as_ref() }
    }

    /// Copies the start of the record at `at`; returns its whole length.
    fn copy_record(&self, at: u64, record: &mut [u8; RECORD]) -> u64 {
        let mask = PAGES * self.page - 1;
        let start = usize::try_from(at & mask as u64).unwrap_or_default();
        for (offset, byte) in record.iter_mut().enumerate() {
            let place = self.page + ((start + offset) & mask);
            // SAFETY: `place` is within the mapping, behind its first page. What
            // the kernel may be writing there is beyond the record's length
            // and is not looked at.
            *byte = unsafe { self.map.as_ptr().add(place).read_volatile() };
        }
        u64::from(u16::from_ne_bytes([record[6], record[7]]))
    }
}

/// `perf_event_header` is kind (4), misc (2), size (2); a sample with thread and
/// raw data goes on with process (4), thread (4), the data's length (4) and the
/// data.
pub fn deliver(record: &[u8; RECORD], each: &mut impl FnMut(Record<'_>)) {
    let Some((kind, rest)) = record.split_first_chunk::<4>() else { return };
    match u32::from_ne_bytes(*kind) {
        PERF_RECORD_SAMPLE => {
            let thread = rest.get(8..).and_then(|rest| rest.first_chunk().copied());
            let thread = thread.map_or(0, u32::from_ne_bytes);
            each(Record::Sample(thread, rest.get(16..).unwrap_or_default()));
        }
        PERF_RECORD_LOST => each(Record::Lost),
        _ => {}
    }
}

impl AsRawFd for Ring {
    fn as_raw_fd(&self) -> RawFd {
        self.first.as_raw_fd()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: exactly what `open` mapped, and nothing refers to it any more.
        let unmapped = unsafe { mm::munmap(self.map.as_ptr().cast(), (1 + PAGES) * self.page) };
        if let Err(error) = unmapped {
            tracing::debug!(%error, "perf ring not unmapped");
        }
    }
}

fn open(cpu: i32, event: &Event) -> io::Result<OwnedFd> {
    let attributes = Attributes {
        kind: PERF_TYPE_TRACEPOINT,
        size: 64,
        config: u64::from(event.id),
        sample_period: 1,
        sample_type: PERF_SAMPLE_TID | PERF_SAMPLE_RAW,
        wakeup_events: u32::from(event.wakes == Wakes::Yes),
        ..Attributes::default()
    };
    // SAFETY: `attributes` is valid for the call and its `size` field tells its
    // length; -1 stands for every process, and for no group.
    let opened = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            ptr::from_ref(&attributes),
            -1,
            cpu,
            -1,
            PERF_FLAG_FD_CLOEXEC,
        )
    };
    let fd = RawFd::try_from(opened).map_err(io::Error::other)?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given us this descriptor.
    let opened = unsafe { OwnedFd::from_raw_fd(fd) };
    if !event.filter.is_empty() {
        set_filter(&opened, &event.filter)?;
    }
    Ok(opened)
}

/// `PERF_EVENT_IOC_SET_FILTER`, `_IOW('$', 6, char *)`.
fn set_filter(event: &OwnedFd, filter: &str) -> io::Result<()> {
    const OPCODE: rustix::ioctl::Opcode = rustix::ioctl::opcode::write::<*mut c_void>(b'$', 6);
    let text = CString::new(filter)?;
    // SAFETY: the kernel reads a C string at this address; it outlives the call.
    unsafe {
        let set =
            rustix::ioctl::IntegerSetter::<OPCODE>::new_pointer(text.as_ptr().cast_mut().cast());
        rustix::ioctl::ioctl(event.as_fd(), set)?;
    }
    Ok(())
}

/// `PERF_EVENT_IOC_SET_OUTPUT`, `_IO('$', 5)`: allowed between events of one CPU.
fn set_output(event: &OwnedFd, ring: &OwnedFd) -> io::Result<()> {
    const OPCODE: rustix::ioctl::Opcode = rustix::ioctl::opcode::none(b'$', 5);
    let target = usize::try_from(ring.as_raw_fd()).map_err(io::Error::other)?;
    // SAFETY: the kernel takes the descriptor's number by value.
    unsafe {
        let set = rustix::ioctl::IntegerSetter::<OPCODE>::new_usize(target);
        rustix::ioctl::ioctl(event.as_fd(), set)?;
    }
    Ok(())
}
