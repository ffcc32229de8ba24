//! Disks of a scratch folder: images below `dev` with what sysfs would say of them below `sys/block`.
//! The table is written for real; a file system is made by its mark and label alone, and swap space
//! that is switched on is written down in `proc/swaps`.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use super::{Answer, Scratch};
use crate::disks::{node, partition_name, writing};
use crate::{
    Attrs, Change, Command, Disk, DiskError, Disks, Files, Fresh, GuestPath, Links, Lock, Part,
};

/// Sectors of all disks of a scratch folder, in bytes.
const SECTOR: u64 = 512;

impl Disks for Scratch {
    fn disks(&self) -> Result<Vec<String>, DiskError> {
        crate::disks::names(self)
    }

    fn examine(&self, disk: &str) -> Result<Disk, DiskError> {
        let mounts = self.state.mounts.iter().map(|mount| mount.source.clone());
        let backings = self.state.backings.values().map(|backing| backing.device.clone());
        let swaps = self.swaps()?;
        let swaps = swaps.lines().filter_map(|line| line.split(' ').next().map(str::to_owned));
        let claimed: Vec<String> = mounts
            .chain(backings)
            .chain(swaps)
            .filter_map(|device| device.strip_prefix("/dev/").map(str::to_owned))
            .collect();
        crate::disks::examine(self, disk, &claimed)
    }

    fn is_begun(&self, fresh: &Fresh) -> Result<bool, DiskError> {
        let device = node(&fresh.disk);
        let bytes = crate::tree::Bytes(self.device(&device)?);
        writing::is_begun(&bytes, fresh, SECTOR)
            .map_err(|source| DiskError::Read { what: device, source })
    }

    fn format(&mut self, fresh: &Fresh) -> Result<Lock, DiskError> {
        let device = node(&fresh.disk);
        if !self.examine(&fresh.disk)?.claimed.is_empty() {
            return Err(DiskError::InUse { device });
        }
        let disk = self.device(&device)?;
        let layout = writing::planned(&disk, fresh, SECTOR)?;
        writing::divide(&disk, &device, &layout)?;
        let name = partition_name(&fresh.disk, 1);
        let part = node(&name);
        let write = |source| DiskError::Write { device: part.clone(), source };
        for (file, number) in
            [("partition", 1), ("start", layout.start / 512), ("size", layout.bytes / 512)]
        {
            let path = path(&format!("/sys/block/{}/{name}/{file}", fresh.disk))?;
            let text = format!("{number}\n");
            self.write(&path, text.as_bytes(), Attrs::root(0o644), Links::Follow)
                .map_err(|error| write(io::Error::other(error)))?;
        }
        self.write(&path(&part)?, b"", Attrs::root(0o644), Links::Follow)
            .map_err(|error| write(io::Error::other(error)))?;
        let file = self.device(&part)?;
        file.set_len(layout.bytes).map_err(write)?;
        writing::must_be_blank(&file, &part, &layout)?;
        if let Some((program, args)) = &fresh.maker {
            let args: Vec<&str> = args.iter().map(String::as_str).chain([&*part]).collect();
            self.commands.push(Command::tool(program, &args));
            if let Some(Answer::Exit(code)) = self.answer(program, &args) {
                let how = format!("ended with {code}: it said nothing");
                return Err(DiskError::Maker { program: program.clone(), device: part, how });
            }
            mark(&file, fresh).map_err(write)?;
        } else {
            writing::make_swap(&file, fresh, &layout).map_err(write)?;
        }
        Ok(Lock(disk.into()))
    }

    fn enlarge_swap(&mut self, _disk: &str, part: &Part) -> Result<Change, DiskError> {
        let file = self.device(&part.device)?;
        let has_grown = writing::fill_with_swap(&file, part.bytes)
            .map_err(|source| DiskError::Write { device: part.device.clone(), source })?;
        Ok(if has_grown { Change::Changed } else { Change::Unchanged })
    }

    fn swap_on(&mut self, device: &str) -> Result<Change, DiskError> {
        let text = format!("{}{device} partition\n", self.swaps()?);
        self.write(&path("/proc/swaps")?, text.as_bytes(), Attrs::root(0o444), Links::Follow)
            .map_err(|error| DiskError::Write {
                device: device.to_owned(),
                source: io::Error::other(error),
            })
    }
}

impl Scratch {
    fn swaps(&self) -> Result<String, DiskError> {
        let bytes = self.read(&path("/proc/swaps")?, 1 << 16).map_err(|error| DiskError::Read {
            what: "/proc/swaps".to_owned(),
            source: io::Error::other(error),
        })?;
        Ok(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned())
    }

    /// Opens an image for reading and writing.
    fn device(&self, device: &str) -> Result<File, DiskError> {
        let open = || -> io::Result<File> {
            let place = GuestPath::new(device).map_err(io::Error::other)?;
            let folder = self.tree.folder(&place.parent())?;
            let path = format!("/proc/self/fd/{}/{}", folder.as_raw_fd(), place.name());
            OpenOptions::new().read(true).write(true).open(path)
        };
        open().map_err(|source| DiskError::Write { device: device.to_owned(), source })
    }
}

fn path(text: &str) -> Result<GuestPath, DiskError> {
    GuestPath::new(text)
        .map_err(|error| DiskError::Odd { device: text.to_owned(), reason: error.to_string() })
}

/// As much of a file system as [`crate::content`] looks at.
fn mark(file: &File, fresh: &Fresh) -> io::Result<()> {
    let pieces: &[(&[u8], u64)] = match fresh.fstype.as_str() {
        "xfs" => &[(b"XFSB", 0)],
        "btrfs" => &[(b"_BHRfS_M", 0x10040)],
        "vfat" => &[(b"FAT32   ", 82), (b"\x55\xaa", 510)],
        "ext2" => &[(b"\x01", 1028), (b"\x53\xef", 1080)],
        "ext3" => &[(b"\x01", 1028), (b"\x53\xef", 1080), (b"\x04", 1116)],
        _ => &[(b"\x01", 1028), (b"\x53\xef", 1080), (b"\x40", 1120)],
    };
    let label_at = match fresh.fstype.as_str() {
        "xfs" => 108,
        "btrfs" => 0x1012b,
        "vfat" => 71,
        _ => 1144,
    };
    for (bytes, at) in pieces.iter().copied().chain([(fresh.label.as_bytes(), label_at)]) {
        file.write_all_at(bytes, at)?;
    }
    Ok(())
}
