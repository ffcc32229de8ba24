//! Mounts for real, in a namespace: what the options do, what a path may hold, and what becomes of a
//! share that does not answer.

#![allow(clippy::unwrap_used, reason = "a test tells by a panic what went wrong")]

#[path = "support/namespace.rs"]
mod namespace;

use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use namespace::in_namespace;
use nixvm_system::{GuestPath, Host, Links, MountError, MountSpec, Mounts, Owner};

/// A machine in a new folder.
fn machine() -> (tempfile::TempDir, Host) {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::below(folder.path().to_str().unwrap()).unwrap();
    (folder, host)
}

fn spec(source: &str, target: &str, fstype: &str, options: &str) -> MountSpec {
    MountSpec {
        source: source.to_owned(),
        target: GuestPath::new(target).unwrap(),
        fstype: fstype.to_owned(),
        options: options.to_owned(),
    }
}

/// Makes the mount point and mounts.
fn mount(host: &mut Host, folder: &Path, spec: &MountSpec) -> Result<(), MountError> {
    std::fs::create_dir_all(folder.join(spec.target.relative())).unwrap();
    host.mount(spec, Links::Follow)
}

fn refusal(done: Result<(), MountError>) -> String {
    std::error::Error::source(&done.unwrap_err()).unwrap().to_string()
}

/// The line of the mount table, without what differs from run to run.
fn options_of(target: &Path) -> String {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let target = target.to_str().unwrap();
    let line = table.lines().find(|line| line.split(' ').nth(4) == Some(target)).unwrap();
    let (mount, filesystem) = line.split_once(" - ").unwrap();
    let words = |text: &str, at: usize| text.split(' ').nth(at).unwrap().to_owned();
    format!("{} {}", words(mount, 5), words(filesystem, 2))
}

#[test]
fn a_read_only_mount_refuses_writes_and_passes_its_options_on() {
    in_namespace("a_read_only_mount_refuses_writes_and_passes_its_options_on", || {
        let (folder, mut host) = machine();
        let tmpfs = spec("x", "/a", "tmpfs", "ro,nosuid,nodev,noexec,size=64k,nofail,x-systemd.z");
        mount(&mut host, folder.path(), &tmpfs).unwrap();
        let written = std::fs::write(folder.path().join("a/file"), "x").unwrap_err();
        assert_eq!(written.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
        let told = options_of(&folder.path().join("a"));
        assert!(told.starts_with("ro,nosuid,nodev,noexec"), "{told}");
        assert!(told.contains("size=64k"), "{told}");
    });
}

#[test]
fn the_file_system_says_what_is_wrong() {
    in_namespace("the_file_system_says_what_is_wrong", || {
        let (folder, mut host) = machine();
        let wrong = spec("x", "/a", "tmpfs", "nonsense=1");
        let said = refusal(mount(&mut host, folder.path(), &wrong));
        assert!(said.contains("Unknown parameter 'nonsense'"), "{said}");
        let said = refusal(mount(&mut host, folder.path(), &spec("x", "/a", "nonsense", "")));
        assert!(said.contains("No such device"), "{said}");
        assert_eq!(host.mounts().unwrap(), []);
    });
}

#[test]
fn any_path_is_mounted_on_and_found_again() {
    in_namespace("any_path_is_mounted_on_and_found_again", || {
        let (folder, mut host) = machine();
        let names = ["/a b", "/c,d", "/e#f", "/g]h", "/i\"j'k", "/l\\040m", "/n\to\np", "/ü: {x}"];
        for name in names {
            mount(&mut host, folder.path(), &spec("a #b\\", name, "tmpfs", "")).unwrap();
        }
        let table = host.mounts().unwrap();
        let targets: Vec<_> = table.iter().map(|mount| mount.target.as_str()).collect();
        assert_eq!(targets, names);
        assert!(table.iter().all(|mount| mount.source == "a #b\\"), "{table:?}");
    });
}

#[test]
fn a_folder_is_shown_at_a_second_place() {
    in_namespace("a_folder_is_shown_at_a_second_place", || {
        let (folder, mut host) = machine();
        let at = |name: &str| folder.path().join(name);
        mount(&mut host, folder.path(), &spec("x", "/from", "tmpfs", "")).unwrap();
        mount(&mut host, folder.path(), &spec("y", "/from/below", "tmpfs", "")).unwrap();
        std::fs::write(at("from/below/file"), "x").unwrap();
        let source = at("from").to_str().unwrap().to_owned();
        mount(&mut host, folder.path(), &spec(&source, "/one", "none", "bind")).unwrap();
        mount(&mut host, folder.path(), &spec(&source, "/all", "none", "rbind,ro")).unwrap();
        assert!(!at("one/below/file").exists(), "only the folder itself");
        assert_eq!(std::fs::read_to_string(at("all/below/file")).unwrap(), "x");
        assert!(std::fs::write(at("all/below/file"), "y").is_err(), "read only to the ground");
        std::fs::write(at("from/below/file"), "y").unwrap();
    });
}

#[test]
fn an_overlay_has_several_folders() {
    in_namespace("an_overlay_has_several_folders", || {
        let (folder, mut host) = machine();
        mount(&mut host, folder.path(), &spec("x", "/layers", "tmpfs", "")).unwrap();
        let layer = |name: &str| {
            let path = folder.path().join("layers").join(name);
            std::fs::create_dir(&path).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (lower, upper, work) = (layer("lower"), layer("upper"), layer("work"));
        std::fs::write(Path::new(&lower).join("file"), "below").unwrap();
        let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
        mount(&mut host, folder.path(), &spec("overlay", "/all", "overlay", &options)).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("all/file")).unwrap(), "below");
    });
}

/// The helper would start a server.
fn hide_helper() {
    let helper = "/sbin/mount.fuse";
    if Path::new(helper).exists() {
        let args = ["--bind", "/dev/null", helper];
        assert!(std::process::Command::new("mount").args(args).status().unwrap().success());
    }
}

/// A FUSE connection whose server reads no request is what a share is whose host is stuck.
#[test]
fn a_share_that_does_not_answer_is_not_mounted() {
    in_namespace("a_share_that_does_not_answer_is_not_mounted", || {
        let (folder, host) = machine();
        let mut host = host.with_mount_limit(Duration::from_millis(300));
        let device = std::fs::OpenOptions::new().read(true).write(true).open("/dev/fuse");
        let Ok(device) = device else {
            println!("SKIP a_share_that_does_not_answer_is_not_mounted: no /dev/fuse");
            return;
        };
        hide_helper();
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
        let start = Instant::now();
        let done = mount(&mut host, folder.path(), &spec("stuck", "/share", "fuse", &options));
        let error = done.unwrap_err();
        assert_eq!(error.code(), "mount-hangs", "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        assert_eq!(host.mounts().unwrap(), []);
        let names: Vec<_> = std::fs::read_dir(folder.path().join("share")).unwrap().collect();
        assert!(names.is_empty(), "the folder can be looked at");
    });
}

#[test]
fn what_the_kernel_does_not_do_alone_is_left_to_mount() {
    let name = "what_the_kernel_does_not_do_alone_is_left_to_mount";
    in_namespace(name, || {
        let (folder, mut host) = machine();
        let image = folder.path().join("image");
        std::fs::File::create(&image).unwrap().set_len(8 << 20).unwrap();
        let made = std::process::Command::new("mkfs.ext4").arg("-q").arg(&image).status();
        if !made.is_ok_and(|status| status.success()) {
            println!("SKIP {name}: no mkfs.ext4");
            return;
        }
        let image = image.to_str().unwrap().to_owned();
        let device = spec(&image, "/a b", "auto", "loop,ro");
        mount(&mut host, folder.path(), &device).unwrap();
        let table = host.mounts().unwrap();
        let found: Vec<_> =
            table.iter().map(|it| (it.target.as_str(), it.fstype.as_str())).collect();
        assert_eq!(found, [("/a b", "ext4")]);
    });
}

fn owner(path: &Path) -> (u32, u32) {
    use std::os::unix::fs::MetadataExt;
    let stat = std::fs::metadata(path).unwrap();
    (stat.uid(), stat.gid())
}

/// A tmpfs stands for a share whose file system can be mapped: the host's user is 1000, the guest's
/// is 4711.
#[test]
fn owners_are_exchanged_for_readers_and_writers() {
    in_namespace("owners_are_exchanged_for_readers_and_writers", || {
        let (folder, mut host) = machine();
        let at = |name: &str| folder.path().join(name);
        mount(&mut host, folder.path(), &spec("x", "/share", "tmpfs", "mode=0755")).unwrap();
        let source = at("share").to_str().unwrap().to_owned();
        mount(&mut host, folder.path(), &spec(&source, "/host", "none", "bind")).unwrap();
        for (name, uid) in [("", 1000), ("hosts", 1000), ("guests", 4711), ("roots", 0)] {
            let file = at("host").join(name);
            if !name.is_empty() {
                std::fs::write(&file, name).unwrap();
            }
            std::os::unix::fs::chown(&file, Some(uid), Some(uid)).unwrap();
        }
        let (one, other) = (Owner { uid: 1000, gid: 1000 }, Owner { uid: 4711, gid: 4711 });
        host.exchange_owners(&GuestPath::new("/share").unwrap(), one, other).unwrap();
        for (name, uid) in [("", 4711), ("hosts", 4711), ("guests", 1000), ("roots", 0)] {
            assert_eq!(owner(&at("share").join(name)), (uid, uid), "{name}");
        }
        std::fs::write(at("share/by-root"), "x").unwrap();
        let as_user = ["--reuid", "4711", "--regid", "4711", "--clear-groups", "touch"];
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let made =
            std::process::Command::new("setpriv").args(as_user).arg(at("share/new")).status();
        assert!(made.unwrap().success(), "the guest's user writes");
        assert_eq!(owner(&at("host/new")), (1000, 1000), "on the host it is the host user's");
        assert_eq!(owner(&at("host/by-root")), (0, 0));
        let targets: Vec<_> = host.mounts().unwrap().into_iter().map(|it| it.target).collect();
        assert_eq!(targets.iter().filter(|it| it.as_str() == "/share").count(), 1);
    });
}

#[test]
fn a_file_system_that_cannot_be_mapped_stays_as_it_is() {
    in_namespace("a_file_system_that_cannot_be_mapped_stays_as_it_is", || {
        let (folder, mut host) = machine();
        mount(&mut host, folder.path(), &spec("proc", "/share", "proc", "")).unwrap();
        let (one, other) = (Owner { uid: 1000, gid: 1000 }, Owner { uid: 4711, gid: 4711 });
        let done = host.exchange_owners(&GuestPath::new("/share").unwrap(), one, other);
        assert_eq!(done.unwrap_err().code(), "owner-differs");
        assert!(folder.path().join("share/self").exists());
    });
}
