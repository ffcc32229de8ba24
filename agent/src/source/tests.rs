#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
//! Seeds from folders and images, and what the tests of the file systems share.

use std::path::Path;
use std::process::Command;

use nixvm_system::Scratch;

use super::*;

/// An image in memory.
#[derive(Clone)]
pub(super) struct Image(pub(super) Vec<u8>);

impl ReadAt for Image {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
        let start = usize::try_from(offset).unwrap().min(self.0.len());
        let count = buf.len().min(self.0.len() - start);
        buf[..count].copy_from_slice(&self.0[start..start + count]);
        Ok(count)
    }

    fn size(&self) -> std::io::Result<u64> {
        Ok(self.0.len() as u64)
    }
}

/// Runs a tool that a test needs; `false`, and a line that says so, if it is missing.
pub(super) fn tool(test: &str, program: &str, args: &[&str]) -> bool {
    match Command::new(program).args(args).output() {
        Ok(done) => {
            assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
            true
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("SKIP {test}: {program} is not installed");
            false
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

/// Writes files below a folder of the test's own.
pub(super) fn write(folder: &Path, files: &[(&str, &[u8])]) {
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// A seed such as Lima's.
pub(super) const FILES: [(&str, &[u8]); 7] = [
    ("meta-data", b"instance-id: 0123\nlocal-hostname: a\n"),
    ("user-data", b"#cloud-config\n"),
    ("lima.env", b"LIMA_CIDATA_NAME=a\n"),
    ("param.env", b""),
    ("provision.system/00000000", b"#!/bin/sh\n"),
    ("provision.data/00000002", b"data"),
    ("boot.Linux/00-not-for-us.sh", b"never read"),
];

/// What is left of [`FILES`] in a seed.
pub(super) const NAMES: [&str; 6] = [
    "lima.env",
    "meta-data",
    "param.env",
    "provision.data/00000002",
    "provision.system/00000000",
    "user-data",
];

fn scratch(root: &Path) -> Scratch {
    Scratch::open(root.to_str().unwrap()).unwrap()
}

#[test]
fn a_folder_gives_what_matters_only() {
    let root = tempfile::tempdir().unwrap();
    write(&root.path().join("seed"), &FILES);
    write(&root.path().join("seed"), &[("lima-guestagent", b"big")]);
    let path = GuestPath::new("/seed").unwrap();
    let (seed, notes) = open(&scratch(root.path()), &path).unwrap();
    assert_eq!(seed.files.keys().collect::<Vec<_>>(), NAMES);
    assert_eq!((seed.instance_id(), &*seed.origin, notes), ("0123", "/seed", vec![]));
    assert_eq!(seed.medium, None);
    assert!(!format!("{seed:?}").contains("cloud-config"));
}

#[test]
fn what_is_no_seed_has_a_reason() {
    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        &[("text", &b"text".repeat(20_000)), ("empty/x", b""), ("half/user-data", b"#!/bin/sh\n")],
    );
    let system = scratch(root.path());
    let open = |path| open(&system, &GuestPath::new(path).unwrap());
    let code = |path| open(path).map(|_| ()).map_err(|error| error.code());
    assert_eq!(code("/none"), Err("seed-absent"));
    assert_eq!(code("/text"), Err("seed-unknown"));
    assert_eq!(code("/empty"), Err("seed-empty"));
    let (seed, notes) = open("/half").unwrap();
    assert_eq!(notes.iter().map(|note| note.code).collect::<Vec<_>>(), ["seed-incomplete"]);
    assert_eq!(seed.instance_id(), "nocloud");
}

#[test]
fn an_unreadable_file_loses_itself_only() {
    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        &[("s/meta-data", b"instance-id: i\n"), ("s/user-data", b""), ("s/lima.env", b"")],
    );
    let file =
        std::fs::OpenOptions::new().write(true).open(root.path().join("s/user-data")).unwrap();
    file.set_len(FILE_LIMIT + 1).unwrap();
    let (seed, _) = open(&scratch(root.path()), &GuestPath::new("/s").unwrap()).unwrap();
    assert_eq!(seed.files.keys().collect::<Vec<_>>(), ["lima.env", "meta-data"]);
    assert_eq!(seed.unreadable[0].file, "user-data");
    assert!(seed.unreadable[0].reason.contains("larger than the allowed"), "{:?}", seed.unreadable);
}

#[test]
fn a_machine_is_searched_down_to_its_devices() {
    let root = tempfile::tempdir().unwrap();
    let tree = root.path().join("tree");
    write(&tree, &FILES);
    for device in ["dev/sr0", "dev/vdb"] {
        write(&root.path().join("root"), &[(device, b"")]);
        let image = root.path().join("root").join(device);
        let args = ["-as", "mkisofs", "-quiet", "-R", "-V", "cidata", "-o"];
        let args = [&args[..], &[image.to_str().unwrap(), tree.to_str().unwrap()]].concat();
        if !tool("a_machine_is_searched_down_to_its_devices", "xorriso", &args) {
            return;
        }
    }
    write(
        &root.path().join("root"),
        &[
            ("sys/class/block/sr0/size", b"1000\n"),
            ("sys/class/block/vdb/size", b"1000\n"),
            ("sys/class/block/loop0/size", b"0\n"),
            ("sys/class/block/gone/size", b"8\n"),
            ("proc/cmdline", b"ro ds=nocloud;i=fromcmdline;dsmode=net\n"),
        ],
    );
    let (seed, notes) = find(&scratch(&root.path().join("root")));
    let seed = seed.unwrap();
    assert_eq!((&*seed.origin, seed.instance_id()), ("cmdline,/dev/vdb", "fromcmdline"));
    let device = GuestPath::new("/dev/vdb").unwrap();
    let medium = seed.medium.unwrap();
    // xorriso writes when it made the image, which was just now.
    let seconds =
        |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let file = std::fs::metadata(root.path().join("root/dev/vdb")).unwrap().modified().unwrap();
    let made = medium.made.unwrap();
    assert!(made <= seconds(file) && made + 600 > seconds(file), "{made}");
    assert_eq!((medium.device, medium.fstype, &*medium.label), (device, "iso9660", "cidata"));
    assert_eq!(seed.files.keys().collect::<Vec<_>>(), NAMES);
    let notes: Vec<_> = notes.iter().map(|note| (note.code, &*note.origin)).collect();
    assert_eq!(notes, [("medium-ignored", "/dev/sr0")]);
}

#[test]
fn the_configuration_can_name_another_label_or_none() {
    let label = |text: &[u8]| match yaml::parse(text).unwrap().root.value {
        yaml::Value::Map(map) => nocloud::Settings::read(&map).label,
        _ => panic!(),
    };
    assert_eq!(label(b"{}").as_deref(), Some("cidata"));
    assert_eq!(label(b"datasource: {NoCloud: {fs_label: 0x1}}").as_deref(), Some("0x1"));
    assert_eq!(label(b"datasource: {NoCloud: {fs_label: ~}}"), None);
}

#[test]
fn a_seedfrom_replaces_the_blobs_and_a_url_is_only_written_down() {
    let root = tempfile::tempdir().unwrap();
    write(
        root.path(),
        &[
            ("var/lib/cloud/seed/nocloud/meta-data", b"instance-id: a\nseedfrom: file:///more/\n"),
            ("var/lib/cloud/seed/nocloud/user-data", b"old"),
            ("var/lib/cloud/seed/nocloud/network-config", b"version: 2\n"),
            ("more/meta-data", b"instance-id: b\nkey: 1\n"),
            ("more/user-data", b"new"),
        ],
    );
    let seed = find(&scratch(root.path())).0.unwrap();
    assert_eq!(seed.origin, "/var/lib/cloud/seed/nocloud,file:///more/");
    assert_eq!((seed.instance_id(), &*seed.files["user-data"]), ("a", &b"new"[..]));
    assert!(seed.files.contains_key("network-config") && seed.meta_data.get("key").is_some());

    write(root.path(), &[("proc/cmdline", b"ds=nocloud;s=https://h/")]);
    let seed = find(&scratch(root.path())).0.unwrap();
    assert_eq!((seed.remote.as_deref(), seed.dsmode), (Some("https://h/"), DsMode::Net));
}

#[test]
fn fault_of_the_serial_number_and_containers() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &[("sys/class/dmi/id/product_serial", b"x ds=nocloud;i=dmi y\n")]);
    assert_eq!(find(&scratch(root.path())).0.unwrap().origin, "dmi");
    write(root.path(), &[("sys/class/dmi/id/product_serial", b"\xff\xff\xff\n")]);
    assert!(find(&scratch(root.path())).0.is_none());
    write(
        root.path(),
        &[("run/systemd/container", b"lxc"), ("proc/1/cmdline", b"init\0ds=nocloud\0")],
    );
    assert_eq!(find(&scratch(root.path())).0.unwrap().origin, "cmdline");
}

#[test]
fn a_labelled_medium_without_its_user_data_is_still_a_seed() {
    let root = tempfile::tempdir().unwrap();
    let tree = root.path().join("tree");
    write(&tree, &FILES);
    let image = root.path().join("root/dev/sr0");
    write(&root.path().join("root"), &[("dev/sr0", b""), ("sys/class/block/sr0/size", b"9\n")]);
    let args = ["-as", "mkisofs", "-quiet", "-R", "-V", "cidata", "-o", image.to_str().unwrap()];
    let args = [&args[..], &[tree.to_str().unwrap()]].concat();
    if !tool("a_labelled_medium_without_its_user_data_is_still_a_seed", "xorriso", &args) {
        return;
    }
    // The record of user-data gets a first block far behind the end.
    let mut bytes = std::fs::read(&image).unwrap();
    let name = bytes.windows(10).position(|name| name == b"USER_DAT.;").unwrap();
    bytes[name - 31..name - 27].copy_from_slice(&[0, 0, 0, 0x7f]);
    std::fs::write(&image, bytes).unwrap();
    let (seed, notes) = find(&scratch(&root.path().join("root")));
    let seed = seed.unwrap();
    assert_eq!((seed.instance_id(), notes), ("0123", vec![]));
    let reason = "reading user-data: the medium ends before it".to_owned();
    assert_eq!(seed.unreadable, [Unreadable { file: "user-data".to_owned(), reason }]);
    assert!(!seed.files.contains_key("user-data") && seed.files.contains_key("lima.env"));
}
