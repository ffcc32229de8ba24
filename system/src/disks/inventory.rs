//! Disks as sysfs lists them, for the machine and for a scratch folder alike.

use super::{Content, Disk, DiskError, Part, content, entry};
use crate::{FileError, Files, GuestPath};

/// Optical and floppy drives, which may take seconds to say that they are empty; memory; what is made
/// of files or of other disks.
const SKIPPED: [&str; 10] = ["dm-", "drbd", "fd", "loop", "md", "nbd", "ram", "rbd", "sr", "zram"];

/// See [`super::Disks::disks`].
pub(crate) fn names(files: &dyn Files) -> Result<Vec<String>, DiskError> {
    let folder = path("/sys/block")?;
    let mut names = files.list(&folder).map_err(unreadable)?.unwrap_or_default();
    names.retain(|name| {
        let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let is_hardware = folder.join(&format!("{name}/device")).map(|path| files.stat(&path));
        !SKIPPED.contains(&kind) && matches!(is_hardware, Ok(Ok(Some(_))))
    });
    names.sort_by_key(|name| (name.chars().take(2).collect::<String>(), name.len(), name.clone()));
    Ok(names)
}

/// See [`super::Disks::examine`]. `claimed` are the names of devices that are in use.
pub(crate) fn examine(
    files: &dyn Files,
    name: &str,
    claimed: &[String],
) -> Result<Disk, DiskError> {
    let sysfs = path(&format!("/sys/block/{name}"))?;
    let device = node(name);
    let number = |file: &str| sysfs_number(files, &sysfs, file);
    let sector = number("queue/logical_block_size")?.unwrap_or(512);
    let mut disk = Disk {
        name: name.to_owned(),
        bytes: number("size")?.unwrap_or(0).saturating_mul(512),
        sector,
        read_only: number("ro")? == Some(1),
        removable: number("removable")? == Some(1),
        claimed: Vec::new(),
        content: look(files, &device)?,
        parts: Vec::new(),
        device,
    };
    let mut names = vec![name.to_owned()];
    for below in files.list(&sysfs).map_err(unreadable)?.unwrap_or_default() {
        if below.starts_with(name) {
            disk.parts.extend(part(files, &sysfs, &disk, &below)?);
            names.push(below);
        }
    }
    disk.parts.sort_by_key(|part| part.number);
    for name in names {
        let holders = if name == disk.name { "holders" } else { &format!("{name}/holders") };
        let holders = sysfs.join(holders).map_err(|_| odd(&disk.device))?;
        let is_held = files.list(&holders).map_err(unreadable)?.is_some_and(|it| !it.is_empty());
        if is_held || claimed.contains(&name) {
            disk.claimed.push(name);
        }
    }
    Ok(disk)
}

fn part(
    files: &dyn Files,
    sysfs: &GuestPath,
    disk: &Disk,
    name: &str,
) -> Result<Option<Part>, DiskError> {
    let folder = sysfs.join(name).map_err(|_| odd(&disk.device))?;
    let number = |file: &str| sysfs_number(files, &folder, file);
    let Some(index) = number("partition")?.and_then(|index| u32::try_from(index).ok()) else {
        return Ok(None);
    };
    let start = number("start")?.unwrap_or(0).saturating_mul(512);
    let device = node(name);
    let whole = files.open(&path(&disk.device)?).map_err(unreadable)?;
    let entry = match whole {
        Some(whole) => entry(&*whole, disk.sector, index, start)
            .map_err(|source| DiskError::Read { what: disk.device.clone(), source })?,
        None => None,
    };
    Ok(Some(Part {
        number: index,
        start,
        bytes: number("size")?.unwrap_or(0).saturating_mul(512),
        entry,
        content: look(files, &device)?,
        device,
    }))
}

fn look(files: &dyn Files, device: &str) -> Result<Content, DiskError> {
    Ok(match files.open(&path(device)?) {
        Ok(Some(bytes)) => content(&*bytes),
        Ok(None) => Content::Unreadable("there is no such device".to_owned()),
        Err(FileError::Read { source, .. }) => Content::Unreadable(source.to_string()),
        Err(error @ FileError::TooLarge { .. }) => Content::Unreadable(error.to_string()),
    })
}

/// The node of a device: a `/` in its name is `!` in sysfs.
pub(crate) fn node(name: &str) -> String {
    format!("/dev/{}", name.replace('!', "/"))
}

/// Name of a partition: behind a digit stands a `p`.
pub(crate) fn partition_name(disk: &str, number: u32) -> String {
    let between = if disk.ends_with(|c: char| c.is_ascii_digit()) { "p" } else { "" };
    format!("{disk}{between}{number}")
}

/// A number in a file of sysfs; `None` if there is no such file.
pub(crate) fn sysfs_number(
    files: &dyn Files,
    folder: &GuestPath,
    name: &str,
) -> Result<Option<u64>, DiskError> {
    let file = folder.join(name).map_err(|_| odd(name))?;
    let bytes = files.read(&file, 64).map_err(unreadable)?;
    Ok(bytes.and_then(|bytes| String::from_utf8_lossy(&bytes).trim().parse().ok()))
}

fn path(text: &str) -> Result<GuestPath, DiskError> {
    GuestPath::new(text).map_err(|_| odd(text))
}

fn odd(name: &str) -> DiskError {
    DiskError::Odd { device: name.to_owned(), reason: "has a name that is no path".to_owned() }
}

fn unreadable(error: FileError) -> DiskError {
    match error {
        FileError::Read { path, source } => DiskError::Read { what: path.to_string(), source },
        error @ FileError::TooLarge { .. } => DiskError::Read {
            what: error.to_string(),
            source: std::io::ErrorKind::FileTooLarge.into(),
        },
    }
}
