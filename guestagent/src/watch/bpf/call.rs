//! `bpf(2)`: maps, programs, and what makes programs run.
//!
//! Everything is a descriptor, and ends when the last one of it is closed: so
//! nothing of ours is left in a kernel whose agent was killed. Layouts are those
//! of `union bpf_attr` (`linux/bpf.h`); a kernel takes a shorter one than its
//! own as long as it knows all of it.

use super::about;
use super::instruction::{Line, assemble};
use super::program::LICENCE;
use attributes::{LinkAttributes, MapAttributes, ProgramAttributes, TracepointAttributes};
use std::ffi::CStr;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

mod attributes;

pub use attributes::{Family, Kind};

/// What is asked of the kernel.
#[derive(Clone, Copy, Debug)]
enum Command {
    MapCreate = 0,
    ProgramLoad = 5,
    RawTracepointOpen = 17,
    LinkCreate = 28,
}

const LRU_HASH: u32 = 9;
const RINGBUF: u32 = 27;

/// A ring for so many bytes of records: a power of two, and whole pages.
///
/// # Errors
/// Not permitted, or no such maps (Linux 5.8).
pub fn ring(bytes: u32) -> io::Result<OwnedFd> {
    let name = name(b"nixvm_hints");
    let attributes = MapAttributes { kind: RINGBUF, entries: bytes, name, ..Default::default() };
    call(Command::MapCreate, &attributes)
}

/// A set of so many numbers of 64 bits. When there are more, the oldest go.
///
/// # Errors
/// Not permitted.
pub fn set(entries: u32) -> io::Result<OwnedFd> {
    let attributes = MapAttributes {
        kind: LRU_HASH,
        key_size: 8,
        value_size: 8,
        entries,
        name: name(b"nixvm_clients"),
        ..Default::default()
    };
    call(Command::MapCreate, &attributes)
}

/// Loads a program.
///
/// # Errors
/// Not permitted, or the kernel does not take the program.
pub fn load(kind: Kind, lines: &[Line]) -> io::Result<OwnedFd> {
    let code = assemble(lines)?;
    let (number, attach) = kind.numbers();
    let attributes = ProgramAttributes {
        kind: number,
        count: u32::try_from(code.len() / 8).map_err(io::Error::other)?,
        instructions: code.as_ptr().expose_provenance() as u64,
        licence: LICENCE.as_ptr().expose_provenance() as u64,
        name: name(b"nixvm_ports"),
        attach,
        ..Default::default()
    };
    call(Command::ProgramLoad, &attributes)
}

/// Has a tracepoint run a program, until the returned descriptor is closed.
///
/// # Errors
/// No such tracepoint.
pub fn at_tracepoint(name: &CStr, program: &OwnedFd) -> io::Result<OwnedFd> {
    let (name, program) = (name.as_ptr().expose_provenance() as u64, program.as_raw_fd());
    call(Command::RawTracepointOpen, &TracepointAttributes { name, program, padding: 0 })
}

/// Has the sockets of a control group, and of those below it, run a program,
/// until the returned descriptor is closed.
///
/// # Errors
/// Not permitted, or no such links (Linux 5.7).
pub fn in_group(group: impl AsFd, kind: Kind, program: &OwnedFd) -> io::Result<OwnedFd> {
    let (_, attach) = kind.numbers();
    let (program, target) = (program.as_raw_fd(), group.as_fd().as_raw_fd());
    call(Command::LinkCreate, &LinkAttributes { program, target, attach, flags: 0 })
}

/// What `bpftool` shows; ends with a zero byte.
fn name(text: &[u8]) -> [u8; 16] {
    let mut name = [0; 16];
    name.iter_mut().take(15).zip(text).for_each(|(to, from)| *to = *from);
    name
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MapCreate => "making a map",
            Self::ProgramLoad => "loading a program",
            Self::RawTracepointOpen => "attaching to a tracepoint",
            Self::LinkCreate => "attaching to a control group",
        })
    }
}

fn call<T>(command: Command, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: `attributes` is one of the structures above, which have no padding
    // of their own, and valid for the call; what it points to (a name, code)
    // is borrowed by the caller for as long. The kernel only reads them.
    let opened = unsafe {
        let attributes = ptr::from_ref(attributes);
        libc::syscall(libc::SYS_bpf, command as libc::c_int, attributes, size_of::<T>())
    };
    let fd = RawFd::try_from(opened).map_err(io::Error::other)?;
    if fd < 0 {
        return Err(about(command, &io::Error::last_os_error()));
    }
    // SAFETY: the kernel has just given us this descriptor; it closes on exec.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
