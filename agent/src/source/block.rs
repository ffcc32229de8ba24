//! Block devices by what is written on them: no udev database and no mount is needed.
//!
//! `/sys/class/block` lists disks and partitions; the node of each is below `/dev`, where the kernel
//! makes it by itself (devtmpfs). A `/` in the name of a device is `!` in sysfs.

use nixvm_system::{FileError, Files, GuestPath, ReadAt};

use super::fat::Fat;
use super::machine::reason;
use super::medium::MediumError;
use super::nocloud::Candidate;
use super::{Note, iso9660};

/// Memory has no label, and asking an empty floppy drive takes seconds.
const SKIPPED: [&str; 3] = ["ram", "zram", "fd"];
/// `errno` of a drive without a medium.
const ENOMEDIUM: i32 = 123;

/// The devices with ISO 9660 or FAT, in no order.
pub(super) fn candidates(files: &dyn Files, notes: &mut Vec<Note>) -> Vec<Candidate> {
    let Ok(folder) = GuestPath::new("/sys/class/block") else { return Vec::new() };
    let names = match files.list(&folder) {
        Ok(names) => names.unwrap_or_default(),
        Err(error) => {
            notes.push(Note::new("devices-unreadable", folder.as_str(), reason(&error)));
            return Vec::new();
        }
    };
    let names = names.into_iter().filter(|name| {
        let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
        !SKIPPED.contains(&kind) && !is_empty(files, &folder, name)
    });
    names.filter_map(|name| candidate(files, &name, notes)).collect()
}

/// Whether the device has no size: a free loop device, for example.
fn is_empty(files: &dyn Files, folder: &GuestPath, name: &str) -> bool {
    let Ok(path) = folder.join(&format!("{name}/size")) else { return true };
    files.read(&path, 64).is_ok_and(|size| size.is_some_and(|size| size.trim_ascii() == b"0"))
}

fn candidate(files: &dyn Files, name: &str, notes: &mut Vec<Note>) -> Option<Candidate> {
    let path = GuestPath::new(&format!("/dev/{}", name.replace('!', "/"))).ok()?;
    let found = match files.open(&path) {
        Ok(device) => probe(&*device?).map_err(|error| (no_medium(&error), error.reason())),
        Err(error) => Err((is_no_medium(&error), reason(&error))),
    };
    match found {
        Ok(found) => {
            let (fstype, labels) = found?;
            Some(Candidate { device: path, fstype, labels })
        }
        Err((no_medium, message)) => {
            if !no_medium {
                notes.push(Note::new("device-unreadable", path.as_str(), message));
            }
            None
        }
    }
}

/// File system and labels.
fn probe(device: &dyn ReadAt) -> Result<Option<(&'static str, Vec<String>)>, MediumError> {
    if let Some(label) = iso9660::label(device)? {
        return Ok(Some(("iso9660", vec![label])));
    }
    let Some(fat) = Fat::open(device)? else { return Ok(None) };
    let labels = fat.labels();
    let labels = [labels.root, labels.boot].into_iter().filter(|label| !label.is_empty());
    Ok(Some(("vfat", labels.collect())))
}

fn is_no_medium(error: &FileError) -> bool {
    matches!(error, FileError::Read { source, .. } if source.raw_os_error() == Some(ENOMEDIUM))
}

fn no_medium(error: &MediumError) -> bool {
    matches!(error, MediumError::Io { source, .. } if source.raw_os_error() == Some(ENOMEDIUM))
}
