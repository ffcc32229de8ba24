//! One suite for both implementations of the border: what holds for the machine holds for the
//! scratch folder. `Host` needs root for owners and mounts; without it those cases are skipped by
//! name.

#![allow(clippy::unwrap_used, reason = "a test tells by a panic what went wrong")]

#[path = "support/namespace.rs"]
mod namespace;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use namespace::in_namespace;
use nixvm_system::{
    Attrs, Backing, Change, Clock, Command, CommandError, Commands, Ended, FileKind, GuestPath,
    Host, Links, MountError, MountSpec, Mounts, Output, Owner, Partition, Scratch, System,
    WriteError,
};
use rustix::thread::CapabilitySet;

fn path(text: &str) -> GuestPath {
    GuestPath::new(text).unwrap()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs `case` against both implementations, each in a new folder.
fn both(case: impl Fn(&mut dyn System, &Path)) {
    let folder = tempfile::tempdir().unwrap();
    case(&mut Host::below(folder.path().to_str().unwrap()).unwrap(), folder.path());
    let folder = tempfile::tempdir().unwrap();
    case(&mut Scratch::open(folder.path().to_str().unwrap()).unwrap(), folder.path());
}

/// The caller's own owner, which needs no root to set; in a scratch folder it is root's.
fn own(system: &dyn System) -> Owner {
    system.stat(&GuestPath::root()).unwrap().unwrap().owner
}

#[test]
fn absent_is_none_and_unreadable_is_an_error() {
    both(|system, folder| {
        assert_eq!(system.read(&path("/no/such"), 10).unwrap(), None);
        assert_eq!(system.stat(&path("/no")).unwrap(), None);
        assert_eq!(system.list(&path("/no")).unwrap(), None);
        assert_eq!(system.read_link(&path("/no")).unwrap(), None);
        assert!(system.open(&path("/no")).unwrap().is_none());
        std::fs::create_dir(folder.join("dir")).unwrap();
        assert!(system.read(&path("/dir"), 10).is_err(), "a folder is not a file");
        std::fs::write(folder.join("file"), "x").unwrap();
        assert!(system.read(&path("/file/below"), 10).is_err(), "a file is not a folder");
        assert_eq!(system.read_link(&path("/file")).unwrap(), None);
    });
}

#[test]
fn a_file_larger_than_the_limit_is_an_error() {
    both(|system, folder| {
        std::fs::write(folder.join("big"), "12345").unwrap();
        assert_eq!(system.read(&path("/big"), 5).unwrap().unwrap(), b"12345");
        assert!(system.read(&path("/big"), 4).is_err());
    });
}

#[test]
fn a_fifo_is_refused_without_waiting() {
    both(|system, folder| {
        let fifo = folder.join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        assert!(system.read(&path("/fifo"), 10).is_err());
    });
}

#[test]
fn links_cannot_lead_out_of_the_root() {
    both(|system, folder| {
        symlink("/etc", folder.join("out")).unwrap();
        symlink("../../../../etc/passwd", folder.join("up")).unwrap();
        assert_eq!(system.read(&path("/out/passwd"), 1 << 20).unwrap(), None);
        assert_eq!(system.read(&path("/up"), 1 << 20).unwrap(), None);
        std::fs::create_dir(folder.join("etc")).unwrap();
        std::fs::write(folder.join("etc/passwd"), "inside").unwrap();
        assert_eq!(system.read(&path("/out/passwd"), 99).unwrap().unwrap(), b"inside");
        assert_eq!(system.read(&path("/up"), 99).unwrap().unwrap(), b"inside");
    });
}

#[test]
fn a_write_makes_folders_and_a_second_one_changes_nothing() {
    both(|system, folder| {
        let attrs = Attrs { mode: 0o640, owner: own(system) };
        let file = path("/etc/x/y.conf");
        let mut write = || system.write(&file, b"one\n", attrs, Links::Follow).unwrap();
        assert_eq!(write(), Change::Changed);
        assert_eq!(write(), Change::Unchanged);
        let stat = system.stat(&file).unwrap().unwrap();
        assert_eq!((stat.kind, stat.mode, stat.size), (FileKind::File, 0o640, 4));
        let dir = std::fs::metadata(folder.join("etc/x")).unwrap();
        assert_eq!(dir.permissions().mode() & 0o7777, 0o755);
        let other = Attrs { mode: 0o600, ..attrs };
        assert_eq!(system.write(&file, b"one\n", other, Links::Follow).unwrap(), Change::Changed);
        assert_eq!(system.list(&path("/etc/x")).unwrap().unwrap(), ["y.conf"], "nothing left over");
    });
}

#[test]
fn a_write_replaces_a_link_and_never_follows_it() {
    both(|system, folder| {
        std::fs::write(folder.join("victim"), "safe").unwrap();
        symlink("victim", folder.join("name")).unwrap();
        let attrs = Attrs { mode: 0o644, owner: own(system) };
        system.write(&path("/name"), b"new", attrs, Links::Follow).unwrap();
        assert_eq!(std::fs::read(folder.join("victim")).unwrap(), b"safe");
        assert_eq!(system.stat(&path("/name")).unwrap().unwrap().kind, FileKind::File);
    });
}

#[test]
fn a_planted_link_below_a_home_is_refused() {
    both(|system, folder| {
        std::fs::create_dir_all(folder.join("home/ht")).unwrap();
        std::fs::create_dir(folder.join("etc")).unwrap();
        symlink("/etc", folder.join("home/ht/.ssh")).unwrap();
        let attrs = Attrs { mode: 0o600, owner: own(system) };
        let home = path("/home/ht");
        let links = Links::RefuseBelow(&home);
        let error = system.write(&path("/home/ht/.ssh/authorized_keys"), b"k", attrs, links);
        assert!(matches!(error, Err(WriteError::LinkInTheWay { .. })), "{error:?}");
        let error = system.make_dir(&path("/home/ht/.ssh"), attrs, links);
        assert!(matches!(error, Err(WriteError::LinkInTheWay { .. })), "{error:?}");
        assert!(std::fs::read_dir(folder.join("etc")).unwrap().next().is_none());
        // A link above the home is the administrator's: /home may itself be one.
        symlink("/home", folder.join("users")).unwrap();
        let home = path("/users/ht");
        let links = Links::RefuseBelow(&home);
        system.write(&path("/users/ht/x/file"), b"k", attrs, links).unwrap();
        assert_eq!(std::fs::read(folder.join("home/ht/x/file")).unwrap(), b"k");
    });
}

#[test]
fn owners_are_kept() {
    if !is_root() {
        println!("SKIP owners_are_kept: only root may give files away");
        return;
    }
    both(|system, _| {
        let owner = Owner { uid: 501, gid: 20 };
        let attrs = Attrs { mode: 0o700, owner };
        let dir = path("/home/ht");
        assert_eq!(system.make_dir(&dir, attrs, Links::Follow).unwrap(), Change::Changed);
        assert_eq!(system.make_dir(&dir, attrs, Links::Follow).unwrap(), Change::Unchanged);
        let stat = system.stat(&dir).unwrap().unwrap();
        assert_eq!((stat.kind, stat.mode, stat.owner), (FileKind::Dir, 0o700, owner));
        assert_eq!(system.stat(&path("/home")).unwrap().unwrap().owner, Owner::ROOT);
        let file = path("/home/ht/f");
        system.write(&file, b"", attrs, Links::Follow).unwrap();
        assert_eq!(system.stat(&file).unwrap().unwrap().owner, owner);
    });
}

#[test]
fn links_and_removal() {
    both(|system, _| {
        let link = path("/etc/localtime");
        assert_eq!(system.link(&link, "/usr/share/zoneinfo/UTC").unwrap(), Change::Changed);
        assert_eq!(system.link(&link, "/usr/share/zoneinfo/UTC").unwrap(), Change::Unchanged);
        assert_eq!(system.link(&link, "/usr/share/zoneinfo/CET").unwrap(), Change::Changed);
        assert_eq!(system.read_link(&link).unwrap().unwrap(), "/usr/share/zoneinfo/CET");
        assert_eq!(system.remove(&link).unwrap(), Change::Changed);
        assert_eq!(system.remove(&link).unwrap(), Change::Unchanged);
        assert_eq!(system.remove(&path("/etc")).unwrap(), Change::Changed);
    });
}

#[test]
fn what_a_power_cut_left_is_in_nobodys_way() {
    both(|system, folder| {
        std::fs::create_dir(folder.join("etc")).unwrap();
        for name in ["localtime", "motd"] {
            symlink("/half/done", folder.join(format!("etc/.{name}.nixvm-new"))).unwrap();
        }
        assert_eq!(system.link(&path("/etc/localtime"), "/zone").unwrap(), Change::Changed);
        let attrs = Attrs { mode: 0o644, owner: own(system) };
        system.write(&path("/etc/motd"), b"hi", attrs, Links::Follow).unwrap();
        assert_eq!(system.list(&path("/etc")).unwrap().unwrap(), ["localtime", "motd"]);
        // A link in place of a folder cannot be made, and leaves nothing behind.
        std::fs::create_dir(folder.join("etc/dir")).unwrap();
        assert!(system.link(&path("/etc/dir"), "/zone").is_err());
        assert_eq!(system.list(&path("/etc")).unwrap().unwrap(), ["dir", "localtime", "motd"]);
    });
}

#[test]
fn a_replaced_file_keeps_its_security_label() {
    const NAME: &str = "security.selinux";
    const LABEL: &[u8] = b"system_u:object_r:passwd_file_t:s0\0";
    both(|system, folder| {
        let file = folder.join("passwd");
        std::fs::write(&file, "old").unwrap();
        if rustix::fs::setxattr(&file, NAME, LABEL, rustix::fs::XattrFlags::empty()).is_err() {
            println!("SKIP a_replaced_file_keeps_its_security_label: labels cannot be set here");
            return;
        }
        let attrs = Attrs { mode: 0o644, owner: own(system) };
        for text in ["new", "newer"] {
            system.write(&path("/passwd"), text.as_bytes(), attrs, Links::Follow).unwrap();
            let mut label = [0; 99];
            let length = rustix::fs::getxattr(&file, NAME, &mut label[..]).unwrap();
            assert_eq!(&label[..length], LABEL);
        }
        system.write(&path("/group"), b"new", attrs, Links::Follow).unwrap();
    });
}

#[test]
fn kernel_files_take_a_value_once() {
    both(|system, folder| {
        std::fs::create_dir_all(folder.join("proc/sys/kernel")).unwrap();
        std::fs::write(folder.join("proc/sys/kernel/hostname"), "(none)\n").unwrap();
        let name = path("/proc/sys/kernel/hostname");
        assert_eq!(system.tell(&name, "lima-x").unwrap(), Change::Changed);
        assert_eq!(system.tell(&name, "lima-x").unwrap(), Change::Unchanged);
        assert_eq!(system.read(&name, 99).unwrap().unwrap().trim_ascii(), b"lima-x");
    });
}

#[test]
fn kernel_files_that_nobody_may_read_are_written_each_time() {
    both(|system, folder| {
        std::fs::write(folder.join("register"), "").unwrap();
        let mode = std::fs::Permissions::from_mode(0o200);
        std::fs::set_permissions(folder.join("register"), mode).unwrap();
        let file = path("/register");
        assert_eq!(system.tell(&file, ":a:").unwrap(), Change::Changed);
        assert_eq!(std::fs::read(folder.join("register")).unwrap().trim_ascii(), b":a:");
    });
}

#[test]
fn a_mode_is_set_and_a_link_is_not_followed() {
    both(|system, folder| {
        std::fs::write(folder.join("node"), "").unwrap();
        symlink("node", folder.join("link")).unwrap();
        assert_eq!(system.set_mode(&path("/node"), 0o604).unwrap(), Change::Changed);
        assert_eq!(system.set_mode(&path("/node"), 0o604).unwrap(), Change::Unchanged);
        assert_eq!(system.stat(&path("/node")).unwrap().unwrap().mode, 0o604);
        let refused = system.set_mode(&path("/link"), 0o777).unwrap_err();
        assert!(matches!(refused, WriteError::LinkInTheWay { .. }), "{refused:?}");
        assert!(system.set_mode(&path("/no"), 0o600).is_err());
        assert_eq!(system.stat(&path("/node")).unwrap().unwrap().mode, 0o604);
    });
}

#[test]
fn chance_fills_every_byte() {
    both(|system, _| {
        let mut bytes = [0; 1000];
        system.random(&mut bytes).unwrap();
        assert!(bytes.windows(20).all(|piece| piece.iter().any(|byte| *byte != 0)));
        system.random(&mut []).unwrap();
    });
}

#[test]
fn the_time_is_set_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut scratch = Scratch::open(folder.path().to_str().unwrap()).unwrap();
    let later = scratch.now() + Duration::from_secs(7);
    scratch.set_now(later).unwrap();
    drop(scratch);
    let scratch = Scratch::open(folder.path().to_str().unwrap()).unwrap();
    assert_eq!(scratch.now(), later, "the next run finds it so");
    // The machine's own clock is not for a test to move: without the right to, it is refused. A
    // guest whose clock is really moved is in the tests of guests.
    let refused = std::thread::spawn(|| {
        let set = CapabilitySet::SYS_TIME;
        let mut sets = rustix::thread::capabilities(None).unwrap();
        sets.effective.remove(set);
        rustix::thread::set_capabilities(None, sets).unwrap();
        let mut host = Host::new().unwrap();
        let before = host.now();
        (host.set_now(Duration::from_secs(9)).is_err(), host.now() >= before)
    });
    assert_eq!(refused.join().unwrap(), (true, true));
}

#[test]
fn devices_and_images_are_read_at_any_place() {
    both(|system, folder| {
        std::fs::write(folder.join("disk"), "0123456789").unwrap();
        let disk = system.open(&path("/disk")).unwrap().unwrap();
        let mut buf = [0; 4];
        assert_eq!(disk.size().unwrap(), 10);
        assert_eq!(disk.read_at(8, &mut buf).unwrap(), 2);
        assert_eq!(&buf[..2], b"89");
        assert_eq!(disk.read_at(99, &mut buf).unwrap(), 0);
    });
}

#[test]
fn a_command_ends_with_its_exit_code() {
    both(|system, _| {
        let finished = system.run(&Command::tool("true", &[])).unwrap();
        assert_eq!(finished.ended, Ended::Exit(0));
        assert!(system.has("sh"));
    });
}

fn share(target: &str) -> MountSpec {
    MountSpec {
        source: "share".to_owned(),
        target: path(target),
        fstype: "tmpfs".to_owned(),
        options: "ro,nofail,mode=0711,comment=x".to_owned(),
    }
}

#[test]
fn a_mount_is_in_the_table_and_needs_its_folder() {
    in_namespace("a_mount_is_in_the_table_and_needs_its_folder", || {
        both(|system, folder| {
            let spec = share("/mnt/a b");
            assert!(system.mount(&spec, Links::Follow).is_err(), "no mount point");
            std::fs::create_dir_all(folder.join("mnt/a b")).unwrap();
            system.mount(&spec, Links::Follow).unwrap();
            let table = system.mounts().unwrap();
            let mount = table.iter().find(|mount| mount.source == "share").unwrap();
            assert_eq!((&mount.target, mount.fstype.as_str()), (&spec.target, "tmpfs"));
            assert!(system.mount(&share("/mnt/a b/c"), Links::Follow).is_err());
        });
    });
}

#[test]
fn a_mount_reached_by_a_link_is_in_the_table_by_its_real_path() {
    in_namespace("a_mount_reached_by_a_link_is_in_the_table_by_its_real_path", || {
        both(|system, folder| {
            std::fs::create_dir_all(folder.join("var/mnt/x")).unwrap();
            symlink("/var/mnt", folder.join("mnt")).unwrap();
            let spec = share("/mnt/x");
            system.mount(&spec, Links::Follow).unwrap();
            let real = system.resolve(&spec.target).unwrap().unwrap();
            assert_eq!(real, path("/var/mnt/x"));
            assert!(system.mounts().unwrap().iter().any(|mount| mount.target == real));
        });
    });
}

#[test]
fn a_mount_follows_no_link_below_a_home() {
    in_namespace("a_mount_follows_no_link_below_a_home", || {
        both(|system, folder| {
            std::fs::create_dir_all(folder.join("home/ht")).unwrap();
            std::fs::create_dir_all(folder.join("etc/deep")).unwrap();
            symlink("/etc", folder.join("home/ht/my")).unwrap();
            symlink("/home", folder.join("users")).unwrap();
            for (home, target) in [
                ("/home/ht", "/home/ht/my"),
                ("/home/ht", "/home/ht/my/deep"),
                ("/users/ht", "/users/ht/my"),
            ] {
                let error = system.mount(&share(target), Links::RefuseBelow(&path(home)));
                assert!(matches!(error, Err(MountError::LinkInTheWay { .. })), "{error:?}");
            }
            assert_eq!(system.mounts().unwrap(), []);
            std::fs::create_dir(folder.join("home/ht/good")).unwrap();
            let good = share("/users/ht/good");
            system.mount(&good, Links::RefuseBelow(&path("/users/ht"))).unwrap();
            let targets: Vec<_> =
                system.mounts().unwrap().into_iter().map(|mount| mount.target).collect();
            assert_eq!(targets, [path("/home/ht/good")]);
        });
    });
}

#[test]
fn resolving_gives_the_path_without_links() {
    both(|system, folder| {
        std::fs::create_dir_all(folder.join("var/mnt")).unwrap();
        std::fs::write(folder.join("var/mnt/file"), "x").unwrap();
        symlink("/var/mnt", folder.join("mnt")).unwrap();
        symlink("/nowhere", folder.join("dangling")).unwrap();
        let table = [
            ("/", Some("/")),
            ("/mnt", Some("/var/mnt")),
            ("/mnt/file", Some("/var/mnt/file")),
            ("/dangling", None),
            ("/mnt/no", None),
        ];
        for (given, want) in table {
            assert_eq!(system.resolve(&path(given)).unwrap(), want.map(path), "{given}");
        }
        assert!(system.resolve(&path("/mnt/file/below")).is_err(), "a file is not a folder");
    });
}

#[test]
fn reading_below_a_home_follows_no_link() {
    both(|system, folder| {
        std::fs::create_dir_all(folder.join("home/ht/.ssh")).unwrap();
        std::fs::write(folder.join("home/ht/.ssh/keys"), "mine").unwrap();
        std::fs::write(folder.join("secret"), "root's").unwrap();
        symlink("/secret", folder.join("home/ht/link")).unwrap();
        symlink(".ssh", folder.join("home/ht/folder")).unwrap();
        symlink("/home", folder.join("users")).unwrap();
        let read = |file: &str, home: &str| system.read_below(&path(file), &path(home), 9);
        for home in ["/home/ht", "/users/ht"] {
            let keys = read(&format!("{home}/.ssh/keys"), home).unwrap();
            assert_eq!(keys.as_deref(), Some(b"mine".as_slice()));
            assert_eq!(read(&format!("{home}/no/such"), home).unwrap(), None);
            assert!(read(&format!("{home}/link"), home).is_err());
            assert!(read(&format!("{home}/folder/keys"), home).is_err());
            assert!(read(&format!("{home}/.ssh"), home).is_err(), "a folder is not a file");
        }
        assert!(system.read_below(&path("/home/ht/.ssh/keys"), &path("/home/ht"), 3).is_err());
    });
}

#[test]
fn time_goes_on_and_a_boot_has_a_name() {
    both(|system, _| {
        let before = system.now();
        system.pause(Duration::from_millis(1));
        assert!(system.now() >= before);
        assert_eq!(system.boot_id(), system.boot_id());
    });
}

// Only the machine runs programs; these have no counterpart in a scratch folder.

fn host() -> (tempfile::TempDir, Host) {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::below(folder.path().to_str().unwrap()).unwrap();
    (folder, host)
}

fn script(folder: &Path, text: &str) -> String {
    let file = folder.join("script");
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn host_gives_a_program_only_the_environment_it_was_told() {
    let (folder, mut host) = host();
    let program = script(folder.path(), "#!/bin/sh\nenv | sort; pwd; echo err >&2; exit 3\n");
    let mut command = Command::tool(&program, &[]);
    command.env = vec![("A".to_owned(), "b c".to_owned())];
    let finished = host.run(&command).unwrap();
    assert_eq!(finished.ended, Ended::Exit(3));
    assert!(finished.tail.starts_with("A=b c\nPATH="), "{}", finished.tail);
    assert!(finished.tail.ends_with("err\n"), "{}", finished.tail);
    assert!(finished.tail.contains(folder.path().to_str().unwrap()), "{}", finished.tail);
    assert!(!finished.tail.contains("CARGO"), "{}", finished.tail);
}

#[test]
fn host_runs_a_script_without_first_line_by_sh() {
    let (folder, mut host) = host();
    let program = script(folder.path(), "echo \"got $1\"\n");
    let finished = host.run(&Command::tool(&program, &["x"])).unwrap();
    assert_eq!((finished.ended, finished.tail.as_str()), (Ended::Exit(0), "got x\n"));
}

#[test]
fn host_runs_a_program_without_its_own_terminal() {
    let (folder, mut host) = host();
    let program = script(folder.path(), "#!/bin/sh\necho $$; cut -d' ' -f5-7 /proc/$$/stat\n");
    let tail = host.run(&Command::tool(&program, &[])).unwrap().tail;
    let numbers: Vec<&str> = tail.split_whitespace().collect();
    let pid = numbers[0];
    // Process group, session, controlling terminal.
    assert_eq!(numbers[1..], [pid, pid, "0"], "{tail}");
}

#[test]
fn host_names_a_missing_interpreter() {
    let (folder, mut host) = host();
    let program = script(folder.path(), "#!/no/such/bash -e\n");
    let error = host.run(&Command::tool(&program, &[])).unwrap_err();
    assert!(
        matches!(&error, CommandError::NoInterpreter { interpreter, .. } if interpreter == "/no/such/bash"),
        "{error:?}"
    );
    let error = host.run(&Command::tool("no-such-program", &[])).unwrap_err();
    assert!(matches!(error, CommandError::NotFound { .. }), "{error:?}");
}

#[test]
fn host_kills_a_hanging_program_with_its_children() {
    let (folder, mut host) = host();
    let mark = folder.path().join("mark");
    let text = format!("#!/bin/sh\n(sleep 3; touch {}) &\nsleep 60\n", mark.display());
    let mut command = Command::tool(&script(folder.path(), &text), &[]);
    command.limit = Duration::from_millis(300);
    assert_eq!(host.run(&command).unwrap().ended, Ended::TimedOut);
    std::thread::sleep(Duration::from_millis(3500));
    assert!(!mark.exists(), "the child lived on");
}

#[test]
fn host_does_not_wait_for_daemons_that_a_program_leaves() {
    let (folder, mut host) = host();
    let started = std::time::Instant::now();
    let program = script(folder.path(), "#!/bin/sh\nsleep 8 &\necho done\n");
    let finished = host.run(&Command::tool(&program, &[])).unwrap();
    assert_eq!((finished.ended, finished.tail.as_str()), (Ended::Exit(0), "done\n"));
    assert!(started.elapsed() < Duration::from_secs(6));
}

fn journalled(program: &str) -> Command {
    Command { output: Output::Journal("nixvm-test".to_owned()), ..Command::tool(program, &[]) }
}

#[test]
fn host_keeps_the_end_of_what_it_passes_to_the_journal() {
    let (folder, mut host) = host();
    let text = "#!/bin/sh\nseq 1 40000\necho oops >/dev/stderr\nexit 3\n";
    let finished = host.run(&journalled(&script(folder.path(), text))).unwrap();
    assert_eq!(finished.ended, Ended::Exit(3));
    assert!(finished.tail.ends_with("\n40000\noops\n"), "{}", finished.tail);
    assert!(finished.tail.len() <= 64 * 1024);
}

#[test]
fn host_lets_a_user_open_its_own_standard_error() {
    if !is_root() {
        println!("SKIP host_lets_a_user_open_its_own_standard_error: becoming a user needs root");
        return;
    }
    let (folder, mut host) = host();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = journalled(&script(folder.path(), "#!/bin/sh\necho oops >/dev/stderr\n"));
    command.user = Some(nixvm_system::Credentials { uid: 4711, gid: 4711, groups: vec![4711] });
    let finished = host.run(&command).unwrap();
    assert_eq!((finished.ended, finished.tail.as_str()), (Ended::Exit(0), "oops\n"));
}

#[test]
fn host_keeps_a_reader_for_daemons_that_write_to_the_journal() {
    let (folder, mut host) = host();
    let mark = folder.path().join("mark");
    // SIGPIPE would end the daemon before it makes the mark.
    let text = format!(
        "#!/bin/sh\n(trap 'exit 9' PIPE; sleep 1; echo late; touch {}) &\necho done\n",
        mark.display()
    );
    let started = std::time::Instant::now();
    let finished = host.run(&journalled(&script(folder.path(), &text))).unwrap();
    assert_eq!((finished.ended, finished.tail.as_str()), (Ended::Exit(0), "done\n"));
    assert!(started.elapsed() < Duration::from_millis(900), "it waited for the daemon");
    let lives = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        mark.exists()
    });
    assert!(lives, "the daemon was killed by its pipe");
}

#[test]
fn host_ends_a_program_that_writes_without_end() {
    let (folder, mut host) = host();
    let mut command = journalled(&script(folder.path(), "#!/bin/sh\nwhile printf y; do :; done\n"));
    command.limit = Duration::from_millis(50);
    assert_eq!(host.run(&command).unwrap().ended, Ended::TimedOut);
}

#[test]
fn host_drops_to_the_user_with_its_groups() {
    if !is_root() {
        println!("SKIP host_drops_to_the_user_with_its_groups: becoming another user needs root");
        return;
    }
    let (_folder, mut host) = host();
    let mut command = Command::tool("id", &[]);
    command.cwd = GuestPath::root();
    command.user =
        Some(nixvm_system::Credentials { uid: 4711, gid: 4712, groups: vec![4712, 4713] });
    let tail = host.run(&command).unwrap().tail;
    assert!(tail.contains("uid=4711 gid=4712 groups=4712,4713"), "{tail}");
}

#[test]
fn waiting_ends_with_a_change_or_with_the_limit() {
    both(|system, folder| {
        std::fs::create_dir(folder.join("run")).unwrap();
        assert!(!system.wait_for_change(&path("/run"), Duration::from_millis(20)).unwrap());
        let file = folder.join("run/report");
        let writer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            std::fs::write(file, "x").unwrap();
        });
        assert!(system.wait_for_change(&path("/run"), Duration::from_secs(20)).unwrap());
        writer.join().unwrap();
        let missing = path("/run/not/yet");
        assert!(!system.wait_for_change(&missing, Duration::from_millis(20)).unwrap());
    });
}

#[test]
fn a_lock_keeps_other_programs_out_until_it_is_dropped() {
    both(|system, folder| {
        let file = path("/etc/.pwd.lock");
        let lock = system.lock(&file, Duration::ZERO).unwrap();
        // Locks of this kind belong to a process, so another process has to try.
        let other = |wait: &str| {
            std::process::Command::new("python3")
                .args(["-c", "import fcntl,sys; f=open(sys.argv[1],'w'); fcntl.lockf(f, fcntl.LOCK_EX|fcntl.LOCK_NB)"])
                .arg(folder.join("etc/.pwd.lock"))
                .arg(wait)
                .stderr(std::process::Stdio::null())
                .status()
                .unwrap()
                .success()
        };
        assert!(!other("while it is held"));
        drop(lock);
        assert!(other("afterwards"));
    });
}

// Growing, on real file systems on a loop device. A scratch folder only writes it down.

const MIB: u64 = 1 << 20;

/// A disk in a sparse file, behind a loop device; detached and unmounted when it is dropped.
struct Disk {
    file: std::fs::File,
    device: String,
    mount_point: std::path::PathBuf,
}

impl Disk {
    /// With one GPT partition from 1 MiB to 1 MiB before the end. `None`: no loop devices here.
    fn attach(folder: &Path, mib: u64) -> Option<Self> {
        let image = folder.join("disk");
        let mut file =
            std::fs::File::options().create_new(true).read(true).write(true).open(&image).unwrap();
        file.set_len(mib * MIB).unwrap();
        gpt(&mut file, mib);
        let device = tool("losetup", &["-P", "-f", "--show", image.to_str().unwrap()])?;
        let disk = Self { file, device, mount_point: folder.join("mnt") };
        std::fs::create_dir(&disk.mount_point).unwrap();
        if !disk.has_partition() {
            // A kernel without the code for partition tables must be told what is in them.
            let (start, sectors) = (MIB / 512, (mib - 2) * MIB / 512);
            let numbers = ["1", &start.to_string(), &sectors.to_string()];
            tool("addpart", &[&[disk.device.as_str()], numbers.as_slice()].concat());
        }
        disk.has_partition().then_some(disk)
    }

    /// Its node is made by the kernel, in its own time.
    fn has_partition(&self) -> bool {
        (0..25).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            Path::new(&self.partition()).exists()
        })
    }

    fn partition(&self) -> String {
        format!("{}p1", self.device)
    }

    fn enlarge(&self, mib: u64) {
        self.file.set_len(mib * MIB).unwrap();
        tool("losetup", &["-c", &self.device]).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        tool("umount", &[self.mount_point.to_str().unwrap()]);
        tool("losetup", &["-d", &self.device]);
    }
}

fn gpt(file: &mut std::fs::File, mib: u64) {
    let mut gpt = gptman::GPT::new_from(file, 512, [7; 16]).unwrap();
    gpt[1].partition_type_guid = [1; 16];
    gpt[1].unique_partition_guid = [2; 16];
    gpt[1].starting_lba = MIB / 512;
    gpt[1].ending_lba = (mib - 1) * MIB / 512 - 1;
    gpt.write_into(file).unwrap();
    gptman::GPT::write_protective_mbr_into(file, 512).unwrap();
}

/// What a tool prints. `None`: it is not there, or ends with a fault.
fn tool(program: &str, args: &[&str]) -> Option<String> {
    let done = std::process::Command::new(program).args(args).output().ok()?;
    let text = String::from_utf8(done.stdout).unwrap().trim().to_owned();
    done.status.success().then_some(text)
}

/// Whole size of the file system that is mounted there.
fn size_of_mount(folder: &Path) -> u64 {
    let stat = rustix::fs::statvfs(folder).unwrap();
    stat.f_blocks * stat.f_frsize
}

/// The disk below a mounted file system, and the machine with it on `/mnt`; a named skip if it
/// cannot be made here.
fn mounted(name: &str, folder: &Path, fstype: &str, mib: u64) -> Option<(Disk, Host)> {
    let Some(disk) = Disk::attach(folder, mib) else {
        println!("SKIP {name}: no loop devices with partitions here");
        return None;
    };
    let Some(_) = tool(&format!("mkfs.{fstype}"), &[&disk.partition()]) else {
        println!("SKIP {name}: mkfs.{fstype} is not installed");
        return None;
    };
    let mut host = Host::below(folder.to_str().unwrap()).unwrap();
    let spec = MountSpec {
        source: disk.partition(),
        target: path("/mnt"),
        fstype: fstype.to_owned(),
        options: String::new(),
    };
    match host.mount(&spec, Links::Follow) {
        Err(MountError::Mount { source, .. }) if source.raw_os_error() == Some(libc::ENODEV) => {
            println!("SKIP {name}: the kernel has no {fstype}");
            return None;
        }
        done => done.unwrap(),
    }
    Some((disk, host))
}

fn may_resize_ext4() -> bool {
    use rustix::thread::{CapabilitySet, capabilities};
    capabilities(None).unwrap().effective.contains(CapabilitySet::SYS_RESOURCE)
}

fn grows(name: &str, fstype: &str, mib: u64) {
    in_namespace(name, || {
        let folder = tempfile::tempdir().unwrap();
        let Some((disk, mut host)) = mounted(name, folder.path(), fstype, mib) else { return };
        let mnt = path("/mnt");
        std::fs::write(disk.mount_point.join("file"), "kept").unwrap();
        let before = host.backing(&mnt).unwrap().unwrap();
        assert!(!before.can_grow(), "{before:?}");
        let size = size_of_mount(&disk.mount_point);

        disk.enlarge(2 * mib);
        let backing = host.backing(&mnt).unwrap().unwrap();
        let partition = backing.partition.clone().unwrap();
        assert_eq!((&backing.device, &partition.disk), (&disk.partition(), &disk.device));
        assert_eq!((partition.number, partition.start), (1, MIB));
        assert_eq!(partition.room, mib * MIB, "{backing:?}");
        let done = host.grow(&mnt, &backing);
        if fstype == "ext4" && !may_resize_ext4() {
            assert!(matches!(done, Err(MountError::Grow { .. })), "{done:?}");
            let left = host.backing(&mnt).unwrap().unwrap();
            assert_eq!(left.partition.unwrap().room, 0);
            assert_eq!(left.filesystem_room, mib * MIB, "the next run does the rest");
            println!("SKIP {name}: growing ext4 itself needs CAP_SYS_RESOURCE");
            return;
        }
        assert_eq!(done.unwrap(), Change::Changed);

        let grown = size_of_mount(&disk.mount_point);
        assert!(grown > size + (mib - mib / 8) * MIB, "from {size} to {grown}");
        let after = host.backing(&mnt).unwrap().unwrap();
        assert!(!after.can_grow(), "a second time: nothing: {after:?}");
        assert_eq!(std::fs::read(disk.mount_point.join("file")).unwrap(), b"kept");
    });
}

#[test]
fn host_grows_ext4_with_its_partition() {
    grows("host_grows_ext4_with_its_partition", "ext4", 64);
}

#[test]
fn host_grows_xfs_with_its_partition() {
    grows("host_grows_xfs_with_its_partition", "xfs", 512);
}

#[test]
fn host_grows_btrfs_with_its_partition() {
    grows("host_grows_btrfs_with_its_partition", "btrfs", 256);
}

#[test]
fn host_leaves_a_disk_alone_whose_file_system_it_cannot_grow() {
    let name = "host_leaves_a_disk_alone_whose_file_system_it_cannot_grow";
    in_namespace(name, || {
        let folder = tempfile::tempdir().unwrap();
        let Some((disk, host)) = mounted(name, folder.path(), "ext2", 64) else { return };
        disk.enlarge(128);
        let reason = host.backing(&path("/mnt")).unwrap().unwrap().obstacle.unwrap();
        assert_eq!(reason, "/mnt is ext2, which is left alone");
        drop(disk);
        let folder = tempfile::tempdir().unwrap();
        let Some((disk, host)) = mounted(name, folder.path(), "ext4", 64) else { return };
        disk.enlarge(128);
        let mnt = disk.mount_point.to_str().unwrap();
        tool("mount", &["-o", "remount,ro", mnt]).unwrap();
        let backing = host.backing(&path("/mnt")).unwrap().unwrap();
        assert_eq!(backing.obstacle.as_deref(), Some("/mnt is mounted read-only"));
        assert!(!backing.can_grow());
    });
}

#[test]
fn host_writes_no_partition_table_for_a_file_system_it_cannot_grow() {
    let (folder, mut host) = host();
    let image = folder.path().join("disk");
    let mut file =
        std::fs::File::options().create_new(true).read(true).write(true).open(&image).unwrap();
    file.set_len(8 * MIB).unwrap();
    gpt(&mut file, 8);
    file.set_len(16 * MIB).unwrap();
    let before = std::fs::read(&image).unwrap();
    let backing = Backing {
        device: "/dev/null".to_owned(),
        fstype: "f2fs".to_owned(),
        partition: Some(Partition {
            disk: image.to_str().unwrap().to_owned(),
            number: 1,
            start: MIB,
            bytes: 6 * MIB,
            room: 8 * MIB,
        }),
        filesystem_room: 0,
        obstacle: None,
    };
    assert!(matches!(host.grow(&path("/"), &backing), Err(MountError::Grow { .. })));
    assert!(std::fs::read(&image).unwrap() == before, "something was written");
}
