//! Formatting a disk of this machine.
//!
//! A disk is opened for writing with `O_EXCL`, which the kernel grants only if neither the disk nor a
//! partition of it is mounted, swapped to or part of something. The lock of `flock(2)` keeps udev
//! away: it would read the table again, and with that take the partition away under the hands of
//! whoever makes a file system.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use super::Host;
use super::partitions::{self, Blkpg};
use crate::disks::layout::Layout;
use crate::disks::{node, partition_name, sysfs_number, writing};
use crate::{
    Change, Command, Commands, DiskError, Disks, Ended, Fresh, GuestPath, Lock, Part, content,
};

/// How long others may take to let go of a disk, and the kernel to show a partition.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);
/// How long a file system may take to be made.
const MAKING: Duration = Duration::from_mins(2);

pub(super) fn is_begun(host: &Host, fresh: &Fresh) -> Result<bool, DiskError> {
    let disk = node(&fresh.disk);
    let read = |source| DiskError::Read { what: disk.clone(), source };
    let bytes = crate::tree::Bytes(File::open(&disk).map_err(read)?);
    writing::is_begun(&bytes, fresh, sector(host, &fresh.disk)?).map_err(read)
}

pub(super) fn format(host: &mut Host, fresh: &Fresh) -> Result<Lock, DiskError> {
    let disk = node(&fresh.disk);
    let lock = lock(&disk)?;
    let sector = sector(host, &fresh.disk)?;
    let layout = {
        let whole = claim(&disk)?;
        let layout = writing::planned(&whole, fresh, sector)?;
        let is_known = is_known(host, fresh, &layout)?;
        writing::divide(&whole, &disk, &layout)?;
        if !is_known {
            partitions::tell_kernel(&whole, Blkpg::Add, 1, layout.start, layout.bytes)
                .map_err(|source| DiskError::Write { device: disk.clone(), source })?;
        }
        layout
    };
    let part = node(&partition_name(&fresh.disk, 1));
    {
        let file = patiently(|| claim(&part))?;
        writing::must_be_blank(&file, &part, &layout)?;
        if fresh.maker.is_none() {
            writing::make_swap(&file, fresh, &layout)
                .map_err(|source| DiskError::Write { device: part.clone(), source })?;
        }
    }
    if let Some((program, args)) = &fresh.maker {
        make(host, program, args, &part)?;
    }
    must_carry(&part, &fresh.fstype)?;
    Ok(lock)
}

fn sector(host: &Host, disk: &str) -> Result<u64, DiskError> {
    let sysfs = GuestPath::new(&format!("/sys/block/{disk}"))
        .map_err(|error| DiskError::Odd { device: disk.to_owned(), reason: error.to_string() })?;
    Ok(sysfs_number(host, &sysfs, "queue/logical_block_size")?.unwrap_or(512))
}

/// The lock by which systemd's "Locking Block Device Access" keeps udev off.
fn lock(device: &str) -> Result<Lock, DiskError> {
    let read = |source| DiskError::Read { what: device.to_owned(), source };
    let file = File::open(device).map_err(read)?;
    patiently(|| match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => Err(DiskError::InUse { device: device.to_owned() }),
        other => other.map_err(|error| read(error.into())),
    })?;
    Ok(Lock(file.into()))
}

fn claim(device: &str) -> Result<File, DiskError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_EXCL);
    options.open(device).map_err(|source| match source.raw_os_error() {
        Some(libc::EBUSY) => DiskError::InUse { device: device.to_owned() },
        _ => DiskError::Write { device: device.to_owned(), source },
    })
}

/// Tries again for a while when something is in use or not there yet.
fn patiently<T>(what: impl Fn() -> Result<T, DiskError>) -> Result<T, DiskError> {
    let begin = Instant::now();
    loop {
        let done = what();
        let is_passing = match &done {
            Err(DiskError::InUse { .. }) => true,
            Err(DiskError::Write { source, .. }) => source.kind() == io::ErrorKind::NotFound,
            _ => false,
        };
        if !is_passing || begin.elapsed() > PATIENCE {
            return done;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Whether the kernel has the partition already. Partitions that the table does not have are none of
/// ours: then nothing is written.
fn is_known(host: &Host, fresh: &Fresh, layout: &Layout) -> Result<bool, DiskError> {
    let parts = host.examine(&fresh.disk)?.parts;
    match parts.as_slice() {
        [] => Ok(false),
        [part] if (part.number, part.start, part.bytes) == (1, layout.start, layout.bytes) => {
            Ok(true)
        }
        _ => {
            let reason = "the kernel knows partitions that its table has not".to_owned();
            Err(DiskError::Odd { device: node(&fresh.disk), reason })
        }
    }
}

fn make(host: &mut Host, program: &str, args: &[String], part: &str) -> Result<(), DiskError> {
    let args: Vec<&str> = args.iter().map(String::as_str).chain([part]).collect();
    let command = Command { limit: MAKING, ..Command::tool(program, &args) };
    let device = part.to_owned();
    let done =
        host.run(&command).map_err(|source| DiskError::Start { device: device.clone(), source })?;
    let how = match done.ended {
        Ended::Exit(0) => return Ok(()),
        Ended::Exit(code) => format!("ended with {code}: {}", last_line(&done.tail)),
        Ended::Signal(signal) => format!("was killed by signal {signal}"),
        Ended::TimedOut => format!("did not end within {} s", MAKING.as_secs()),
    };
    Err(DiskError::Maker { program: program.to_owned(), device, how })
}

fn last_line(text: &str) -> &str {
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it said nothing")
}

fn must_carry(part: &str, fstype: &str) -> Result<(), DiskError> {
    let read = |source| DiskError::Read { what: part.to_owned(), source };
    let file = File::open(part).map_err(read)?;
    file.sync_all().map_err(read)?;
    let found = content(&crate::tree::Bytes(file));
    match found.only() {
        Some(mark) if mark.kind == fstype => Ok(()),
        _ => {
            let reason = format!("carries {} now, and not {fstype}", found.describe());
            Err(DiskError::Odd { device: part.to_owned(), reason })
        }
    }
}

pub(super) fn enlarge_swap(disk: &str, part: &Part) -> Result<Change, DiskError> {
    let whole = node(disk);
    let _lock = lock(&whole)?;
    let failed = |source| DiskError::Write { device: part.device.clone(), source };
    // Swap space that is in use cannot be claimed, and is left alone so.
    let file = claim(&part.device)?;
    if part.entry.is_some() {
        let room = partitions::room(whole.as_ref(), part.number, part.start).map_err(failed)?;
        if room.is_some_and(|room| room >= crate::Backing::WORTH) {
            partitions::extend(&whole, part.number, part.start).map_err(failed)?;
        }
    }
    let bytes = rustix::fs::seek(&file, rustix::fs::SeekFrom::End(0))
        .map_err(|error| failed(error.into()))?;
    let has_grown = writing::fill_with_swap(&file, bytes).map_err(failed)?;
    Ok(if has_grown { Change::Changed } else { Change::Unchanged })
}

pub(super) fn swap_on(device: &str) -> Result<Change, DiskError> {
    let failed = |source| DiskError::Write { device: device.to_owned(), source };
    let path = std::ffi::CString::new(device).map_err(|error| failed(error.into()))?;
    // SAFETY: the pointer is to a text that ends with a NUL byte and lives across the call.
    if unsafe { libc::swapon(path.as_ptr(), 0) } == 0 {
        return Ok(Change::Changed);
    }
    Err(failed(io::Error::last_os_error()))
}
