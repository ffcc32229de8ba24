//! Formatting and growing disks for real: loop devices and the programs that make file systems. Each
//! case runs in a mount namespace of its own, and needs root; without it, it is skipped by name.
//!
//! A loop device is no hardware, so [`Disks::disks`] leaves it out; everything else is told its name.

#![allow(clippy::unwrap_used, reason = "a test tells by a panic what went wrong")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nixvm_system::{
    Change, Content, DiskError, Disks, Fresh, GuestPath, Host, Links, MountSpec, Mounts,
};

const MIB: u64 = 1 << 20;

/// Runs a case in a process of its own.
fn alone(name: &str, case: impl FnOnce()) {
    if std::env::var_os("NIXVM_IN_NAMESPACE").is_some() {
        return case();
    }
    if !rustix::process::geteuid().is_root() {
        println!("SKIP {name}: loop devices need root");
        return;
    }
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("NIXVM_IN_NAMESPACE", "1")
        .status()
        .unwrap();
    assert!(status.success());
}

/// What a tool prints. `None`: it is not there, or ends with a fault.
fn tool(line: &str) -> Option<String> {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap());
    let done = command.args(words).stdin(Stdio::null()).output().ok()?;
    done.status.success().then(|| String::from_utf8(done.stdout).unwrap().trim().to_owned())
}

/// A sparse file behind a loop device, which is let go when the value is dropped.
struct Loop {
    file: File,
    name: String,
    folder: tempfile::TempDir,
}

impl Loop {
    fn attach(name: &str, mib: u64, more: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("disk");
        let mut options = File::options();
        let file = options.create_new(true).read(true).write(true).open(&image).unwrap();
        file.set_len(mib * MIB).unwrap();
        let line = format!("losetup {more}-f --show {}", image.display());
        let Some(device) = tool(&line) else {
            println!("SKIP {name}: no loop devices here");
            return None;
        };
        let name = device.strip_prefix("/dev/").unwrap().to_owned();
        std::fs::create_dir(folder.path().join("mnt")).unwrap();
        Some(Self { file, name, folder })
    }

    fn device(&self) -> String {
        format!("/dev/{}", self.name)
    }

    fn part(&self) -> String {
        format!("/dev/{}p1", self.name)
    }

    fn point(&self) -> GuestPath {
        GuestPath::new(self.folder.path().join("mnt").to_str().unwrap()).unwrap()
    }

    fn fresh(&self, fstype: &str) -> Fresh {
        let maker = (fstype != "swap").then(|| {
            let label = if fstype == "vfat" { "-n" } else { "-L" };
            (format!("mkfs.{fstype}"), vec![label.to_owned(), "LIMA-A".to_owned()])
        });
        Fresh {
            disk: self.name.clone(),
            disk_id: [1; 16],
            part_id: [2; 16],
            part_name: "lima-a".to_owned(),
            fstype: fstype.to_owned(),
            label: "LIMA-A".to_owned(),
            maker,
        }
    }

    /// Every byte of it that is not zero, with its place.
    fn bytes(&self) -> Vec<(u64, u8)> {
        tool(&format!("blockdev --flushbufs {}", self.device()));
        let bytes = std::fs::read(self.folder.path().join("disk")).unwrap();
        let pages = (0u64..).zip(bytes.chunks(4096)).filter(|(_, page)| **page != [0; 4096]);
        let bytes = pages.flat_map(|(page, bytes)| (page * 4096..).zip(bytes.iter().copied()));
        bytes.filter(|(_, byte)| *byte != 0).collect()
    }

    /// Takes away the partitions that the kernel knows, as a power cut does.
    fn forget(&self) {
        tool(&format!("delpart {} 1", self.device()));
    }

    fn mount(&self, host: &mut Host, fstype: &str) {
        let spec = MountSpec {
            source: self.part(),
            target: self.point(),
            fstype: fstype.to_owned(),
            options: String::new(),
        };
        host.mount(&spec, Links::Follow).unwrap();
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        tool(&format!("umount {}", self.point()));
        self.forget();
        tool(&format!("losetup -d {}", self.device()));
    }
}

#[test]
fn a_blank_disk_gets_a_table_and_a_file_system() {
    let name = "a_blank_disk_gets_a_table_and_a_file_system";
    alone(name, || {
        for (fstype, mib) in [("ext4", 64), ("xfs", 512), ("btrfs", 256), ("vfat", 64)] {
            let Some(disk) = Loop::attach(name, mib, "") else { return };
            let mut host = Host::new().unwrap();
            assert_eq!(host.examine(&disk.name).unwrap().content, Content::Blank);
            let lock = host.format(&disk.fresh(fstype)).unwrap();
            let locked = tool(&format!("flock --nonblock --shared {} true", disk.device()));
            assert_eq!(locked, None, "udev is kept away");
            drop(lock);
            let found = host.examine(&disk.name).unwrap();
            let part = &found.parts[0];
            assert_eq!((part.start, part.bytes), (MIB, (mib - 2) * MIB));
            let entry = part.entry.as_ref().unwrap();
            assert_eq!((entry.id, entry.name.as_str()), ([2; 16], "lima-a"));
            let mark = part.content.only().unwrap();
            assert_eq!((mark.kind, mark.label.as_str()), (fstype, "LIMA-A"));
            let verdict = tool(&format!("sgdisk --verify {}", disk.device())).unwrap();
            assert!(verdict.contains("No problems found"), "{verdict}");
            let again = host.format(&disk.fresh(fstype));
            assert!(matches!(again, Err(DiskError::NotBlank { .. })), "{again:?}");
            assert_eq!(
                tool(&format!("blkid -p -s LABEL -o value {}", disk.part())).unwrap(),
                "LIMA-A"
            );
        }
    });
}

#[test]
fn sectors_of_4096_bytes_are_divided_as_well() {
    let name = "sectors_of_4096_bytes_are_divided_as_well";
    alone(name, || {
        let Some(disk) = Loop::attach(name, 64, "--sector-size 4096 ") else { return };
        let mut host = Host::new().unwrap();
        drop(host.format(&disk.fresh("ext4")).unwrap());
        let found = host.examine(&disk.name).unwrap();
        assert_eq!((found.sector, found.parts[0].start), (4096, MIB));
        assert_eq!(found.parts[0].entry.as_ref().unwrap().id, [2; 16]);
    });
}

#[test]
fn swap_space_is_made_used_and_grown() {
    let name = "swap_space_is_made_used_and_grown";
    alone(name, || {
        let Some(disk) = Loop::attach(name, 64, "") else { return };
        let mut host = Host::new().unwrap();
        drop(host.format(&disk.fresh("swap")).unwrap());
        let blkid = format!("blkid -p -o export {}", disk.part());
        let before = tool(&blkid).unwrap();
        assert!(before.contains("LABEL=LIMA-A") && before.contains("TYPE=swap"), "{before}");
        disk.file.set_len(128 * MIB).unwrap();
        tool(&format!("losetup -c {}", disk.device())).unwrap();
        let part = host.examine(&disk.name).unwrap().parts.remove(0);
        assert_eq!(host.enlarge_swap(&disk.name, &part).unwrap(), Change::Changed);
        let part = host.examine(&disk.name).unwrap().parts.remove(0);
        assert_eq!(part.bytes, 126 * MIB);
        assert_eq!(host.enlarge_swap(&disk.name, &part).unwrap(), Change::Unchanged);
        let id =
            |text: &str| text.lines().find(|line| line.starts_with("UUID=")).unwrap().to_owned();
        assert_eq!(id(&before), id(&tool(&blkid).unwrap()), "it is the same space");
        match host.swap_on(&disk.part()) {
            Ok(Change::Changed) => {
                let claimed = host.examine(&disk.name).unwrap().claimed;
                assert_eq!(claimed, [disk.part().replace("/dev/", "")]);
                let done = host.enlarge_swap(&disk.name, &part);
                assert!(matches!(done, Err(DiskError::InUse { .. })), "{done:?}");
                tool(&format!("swapoff {}", disk.part())).unwrap();
            }
            done => println!("SKIP {name}: swapping is not allowed here: {done:?}"),
        }
    });
}

/// Things that may be on a disk, as a line of a tool. None of them may lose a byte.
const TRAPS: &[&str] = &[
    "mkfs.ext4 -q DEVICE",
    "mkfs.ext2 -q -L lima-somebody-els DEVICE",
    "mkfs.btrfs -q -f DEVICE",
    "mkfs.vfat -I DEVICE",
    "mkswap -q DEVICE",
    "pvcreate -q -y --config devices/use_devicesfile=0 DEVICE",
    "sgdisk --clear DEVICE",
    "sgdisk --new=1:0:0 --change-name=1:lima-a DEVICE",
    "make-bcache -B DEVICE",
    "mkfs.ntfs -q -F DEVICE",
    "cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file /etc/hostname DEVICE",
    "dd if=/etc/hostname of=DEVICE bs=1 seek=3000000 status=none",
    "dd if=/etc/hostname of=DEVICE bs=1 seek=133500000 status=none",
];

#[test]
fn a_disk_with_anything_on_it_keeps_every_byte() {
    let name = "a_disk_with_anything_on_it_keeps_every_byte";
    alone(name, || {
        for trap in TRAPS {
            let Some(disk) = Loop::attach(name, 128, "") else { return };
            if tool(&trap.replace("DEVICE", &disk.device())).is_none() {
                println!("SKIP {name}: {trap}");
                continue;
            }
            let before = disk.bytes();
            assert!(!before.is_empty(), "{trap}");
            let mut host = Host::new().unwrap();
            let found = host.examine(&disk.name).unwrap();
            assert_ne!(found.content, Content::Blank, "{trap}");
            assert!(!host.is_begun(&disk.fresh("ext4")).unwrap(), "{trap}");
            let done = host.format(&disk.fresh("ext4"));
            let is_refused =
                matches!(done, Err(DiskError::NotBlank { .. } | DiskError::InUse { .. }));
            assert!(is_refused, "{trap}: {done:?}");
            assert!(disk.bytes() == before, "{trap}: something was written");
        }
    });
}

#[test]
fn a_disk_that_somebody_claims_is_not_formatted() {
    let name = "a_disk_that_somebody_claims_is_not_formatted";
    alone(name, || {
        let Some(disk) = Loop::attach(name, 64, "") else { return };
        let mut host = Host::new().unwrap();
        let lines = ["create", "remove"].map(|what| format!("dmsetup {what} nixvm-trap"));
        let table = format!("{} --table 0 2048 linear {} 0", lines[0], disk.device());
        let mut words = table.splitn(5, ' ').map(str::to_owned);
        let mut command = Command::new(words.next().unwrap());
        let args: Vec<String> = words.collect();
        let (args, table) = (&args[..3], &args[3]);
        let is_held = command.args(args).arg(table).output().is_ok_and(|it| it.status.success());
        if is_held {
            assert_eq!(host.examine(&disk.name).unwrap().claimed, [disk.name.as_str()]);
        }
        let held = (!is_held).then(|| {
            let mut options = File::options();
            std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_EXCL);
            options.read(true).open(disk.device()).unwrap()
        });
        let done = host.format(&disk.fresh("ext4"));
        assert!(matches!(done, Err(DiskError::InUse { .. })), "{done:?}");
        assert_eq!(disk.bytes(), []);
        drop(held);
        tool(&lines[1]);
    });
}

#[test]
fn partitions_that_only_the_kernel_knows_keep_the_disk() {
    let name = "partitions_that_only_the_kernel_knows_keep_the_disk";
    alone(name, || {
        let Some(disk) = Loop::attach(name, 64, "") else { return };
        tool(&format!("addpart {} 1 40960 8192", disk.device())).unwrap();
        let mut host = Host::new().unwrap();
        let done = host.format(&disk.fresh("ext4"));
        assert!(matches!(done, Err(DiskError::Odd { .. })), "{done:?}");
        assert_eq!(disk.bytes(), [], "something was written");
    });
}

#[test]
fn a_power_cut_at_any_moment_before_the_file_system_is_gone_on_with() {
    let name = "a_power_cut_at_any_moment_before_the_file_system_is_gone_on_with";
    alone(name, || {
        let Some(disk) = Loop::attach(name, 64, "") else { return };
        let mut host = Host::new().unwrap();
        let mut failing = disk.fresh("ext4");
        failing.maker = Some(("false".to_owned(), Vec::new()));
        let done = host.format(&failing);
        assert!(matches!(done, Err(DiskError::Maker { .. })), "{done:?}");
        let whole = disk.bytes();
        let sectors: std::collections::BTreeSet<u64> =
            whole.iter().map(|(at, _)| at / 512).collect();
        // What each cut leaves: one sector less, only one, none of the first copy.
        let mut cuts: Vec<Vec<u64>> = vec![sectors.iter().copied().collect()];
        for sector in &sectors {
            cuts.push(sectors.iter().copied().filter(|other| other != sector).collect());
            if *sector != 0 {
                cuts.push(vec![*sector]);
            }
        }
        cuts.push(sectors.iter().copied().filter(|sector| *sector > 100).collect());
        for cut in cuts {
            let Some(disk) = Loop::attach(name, 64, "") else { return };
            for (at, byte) in whole.iter().filter(|(at, _)| cut.contains(&(at / 512))) {
                disk.file.write_all_at(&[*byte], *at).unwrap();
            }
            let fresh = Fresh { disk: disk.name.clone(), ..disk.fresh("ext4") };
            assert!(host.is_begun(&fresh).unwrap(), "{cut:?}");
            let other = Fresh { disk_id: [5; 16], part_id: [6; 16], ..fresh.clone() };
            assert!(!host.is_begun(&other).unwrap(), "another name: {cut:?}");
            drop(host.format(&fresh).unwrap());
        }
    });
}

#[test]
fn a_partition_that_is_not_blank_keeps_the_table_from_being_gone_on_with() {
    let name = "a_partition_that_is_not_blank_keeps_the_table_from_being_gone_on_with";
    alone(name, || {
        let Some(disk) = Loop::attach(name, 64, "") else { return };
        let mut host = Host::new().unwrap();
        drop(host.format(&disk.fresh("ext4")).unwrap());
        // A file system without a superblock, as a cut in the middle of mkfs may leave it.
        let part = File::options().write(true).open(disk.part()).unwrap();
        part.write_all_at(&[0; 4096], 0).unwrap();
        part.sync_all().unwrap();
        drop(part);
        let before = disk.bytes();
        let done = host.format(&disk.fresh("ext4"));
        assert!(matches!(done, Err(DiskError::NotBlank { .. })), "{done:?}");
        assert!(disk.bytes() == before);
    });
}

#[test]
fn a_disk_that_grew_grows_with_its_data() {
    let name = "a_disk_that_grew_grows_with_its_data";
    alone(name, || {
        for (fstype, mib) in [("xfs", 512), ("btrfs", 256)] {
            let Some(disk) = Loop::attach(name, mib, "") else { return };
            let mut host = Host::new().unwrap();
            drop(host.format(&disk.fresh(fstype)).unwrap());
            disk.mount(&mut host, fstype);
            let file = Path::new(disk.point().as_str()).join("file");
            std::fs::write(&file, "kept").unwrap();
            assert!(!host.backing(&disk.point()).unwrap().unwrap().can_grow(), "{fstype}");
            disk.file.set_len(2 * mib * MIB).unwrap();
            tool(&format!("losetup -c {}", disk.device())).unwrap();
            let backing = host.backing(&disk.point()).unwrap().unwrap();
            assert!(backing.can_grow(), "{fstype}");
            assert_eq!(host.grow(&disk.point(), &backing).unwrap(), Change::Changed);
            assert_eq!(std::fs::read(&file).unwrap(), b"kept");
            let part = host.examine(&disk.name).unwrap().parts.remove(0);
            assert_eq!(part.bytes, (2 * mib - 2) * MIB, "{fstype}");
        }
    });
}

#[test]
fn a_program_that_is_missing_or_fails_is_named() {
    let name = "a_program_that_is_missing_or_fails_is_named";
    alone(name, || {
        let Some(disk) = Loop::attach(name, 64, "") else { return };
        let mut host = Host::new().unwrap();
        let mut fresh = disk.fresh("ext4");
        fresh.maker = Some(("mkfs.ext4".to_owned(), vec!["--no-such-option".to_owned()]));
        let error = host.format(&fresh).unwrap_err();
        assert_eq!(error.code(), "mkfs-failed");
        fresh.maker = Some(("no-such-mkfs".to_owned(), Vec::new()));
        assert_eq!(host.format(&fresh).unwrap_err().code(), "no-such-program");
        drop(host.format(&disk.fresh("ext4")).unwrap());
    });
}
