//! Times of files on shares: real mounts in a namespace, and one that hangs.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use nixvm_guestagent::file_events::FileEvents;
use nixvm_guestagent::proto::Inotify;
use prost_types::Timestamp;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::fs::{Mode, OFlags};
use rustix::mount::{
    MountFlags, UnmountFlags, mount, mount_bind, mount_move, mount_remount, unmount,
};
use rustix::process::Signal;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::{Daemon, eventually, isolated};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What [`touched`] waits for: longer than a worker needs, as far as one can say.
const SETTLE: Duration = Duration::from_millis(200);
const TIME: i64 = 1_600_000_000;

/// A folder with a share, `tmpfs` here, and the agent's part that is tested.
struct Machine {
    folder: TempDir,
    events: FileEvents,
    stop: CancellationToken,
}

impl Machine {
    fn new() -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let folder = tempfile::tempdir().expect("folder");
        let events = FileEvents::for_types(&["tmpfs", "fuse.sshfs"], &tasks, &stop);
        // The table is read now: what is mounted later has to be noticed.
        let machine = Self { folder, events, stop };
        machine.push("/nowhere", TIME);
        machine.mount("share", "tmpfs", MountFlags::empty());
        machine.file("share/file");
        machine.file("outside");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mount(&self, name: &str, kind: &str, flags: MountFlags) {
        std::fs::create_dir_all(self.path(name)).expect("mount point");
        mount("none", self.path(name), kind, flags, None).expect("mounted");
    }

    fn file(&self, name: &str) {
        std::fs::write(self.path(name), "").expect("file");
    }

    fn push(&self, name: &str, seconds: i64) {
        let mount_path = self.path(name).display().to_string();
        self.events.push(Inotify { mount_path, time: Some(Timestamp { seconds, nanos: 5 }) });
    }

    fn times(&self, name: &str) -> (i64, i64) {
        let file = std::fs::metadata(self.path(name)).expect("file");
        (file.atime(), file.mtime())
    }

    async fn becomes(&self, name: &str, seconds: i64) {
        let what = format!("time {seconds} of {name}");
        eventually(&what, || self.times(name) == (seconds, seconds)).await;
    }

    /// Sends a time for the first path, and says whether the second gets it.
    async fn touched(&self, pushed: &str, looked_at: &str) -> bool {
        self.push(pushed, TIME);
        tokio::time::sleep(SETTLE).await;
        self.times(looked_at).1 == TIME
    }
}

#[test]
fn a_file_on_a_share_gets_both_times_and_its_watchers_hear_of_it() {
    isolated("a_file_on_a_share_gets_both_times_and_its_watchers_hear_of_it", async || {
        let machine = Machine::new();
        let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).expect("inotify");
        inotify::add_watch(&watch, machine.path("share/file"), WatchFlags::ALL_EVENTS)
            .expect("watch");
        // The second time is the same: the file has it, watchers still hear.
        for _ in 0..2 {
            machine.push("share/file", TIME);
            machine.becomes("share/file", TIME).await;
            tokio::time::sleep(SETTLE).await;
            assert_eq!(heard(&watch), [ReadFlags::ATTRIB, ReadFlags::MODIFY]);
        }
        // The host may set a file's time back.
        machine.push("share/file", 5);
        machine.becomes("share/file", 5).await;
        machine.push("share/./", TIME);
        machine.becomes("share", TIME).await;
    });
}

fn heard(watch: &OwnedFd) -> Vec<ReadFlags> {
    let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
    let mut reader = inotify::Reader::new(watch, &mut buffer);
    std::iter::from_fn(|| reader.next().ok().map(|event| event.events())).collect()
}

#[test]
fn nothing_outside_of_a_share_is_touched() {
    isolated("nothing_outside_of_a_share_is_touched", async || {
        let machine = Machine::new();
        symlink("file", machine.path("share/inner")).expect("link");
        symlink("../outside", machine.path("share/outer")).expect("link");
        symlink(machine.path("outside"), machine.path("share/absolute")).expect("link");
        symlink("/proc/self/cwd", machine.path("share/magic")).expect("link");
        symlink(machine.path("share"), machine.path("link")).expect("link");
        // A folder of the guest within the share, and a link of the share to it.
        std::fs::create_dir(machine.path("share/own")).expect("folder");
        std::fs::create_dir(machine.path("private")).expect("folder");
        machine.file("private/file");
        mount_bind(machine.path("private"), machine.path("share/own")).expect("mounted");
        symlink("own/file", machine.path("share/within")).expect("link");
        for (pushed, looked_at) in [
            ("outside", "outside"),
            ("share/outer", "outside"),
            ("share/absolute", "outside"),
            ("share/../outside", "outside"),
            ("share/own/file", "private/file"),
            ("share/within", "private/file"),
            ("link/file", "share/file"),
        ] {
            assert!(!machine.touched(pushed, looked_at).await, "{pushed}");
        }
        assert!(machine.touched("share/inner", "share/file").await);
    });
}

#[test]
fn mounts_that_come_go_and_change_are_noticed() {
    isolated("mounts_that_come_go_and_change_are_noticed", async || {
        let machine = Machine::new();
        assert!(machine.touched("share/file", "share/file").await);
        // Gone: what is seen there now is the guest's own.
        unmount(machine.path("share"), UnmountFlags::empty()).expect("unmounted");
        machine.file("share/file");
        assert!(!machine.touched("share/file", "share/file").await);
        // Back, then read-only, then under a mount that is no share, then elsewhere.
        machine.mount("share", "tmpfs", MountFlags::empty());
        machine.file("share/file");
        mount_remount(machine.path("share"), MountFlags::RDONLY, "").expect("read-only");
        assert!(!machine.touched("share/file", "share/file").await);
        mount_remount(machine.path("share"), MountFlags::empty(), "").expect("writable");
        mount_bind(machine.folder.path(), machine.path("share")).expect("covered");
        machine.file("share/file");
        assert!(!machine.touched("share/file", "share/file").await);
        unmount(machine.path("share"), UnmountFlags::empty()).expect("uncovered");
        std::fs::create_dir(machine.path("other")).expect("folder");
        mount_move(machine.path("share"), machine.path("other")).expect("moved");
        assert!(machine.touched("other/file", "other/file").await);
        assert!(!machine.touched("share/file", "share/file").await);
    });
}

#[test]
fn a_share_whose_parent_was_renamed_is_found_again() {
    isolated("a_share_whose_parent_was_renamed_is_found_again", async || {
        let machine = Machine::new();
        for (before, after) in [("a", "b"), ("c", "d")] {
            let (old, new) = (format!("{before}/share/file"), format!("{after}/share/file"));
            machine.mount(&format!("{before}/share"), "tmpfs", MountFlags::empty());
            machine.file(&old);
            assert!(machine.touched(&old, &old).await);
            // The kernel does not tell of this. In its place is a link, or a folder.
            std::fs::rename(machine.path(before), machine.path(after)).expect("renamed");
            if before == "a" {
                symlink(after, machine.path(before)).expect("link");
            } else {
                std::fs::create_dir_all(machine.path("c/share")).expect("folder");
                machine.file(&old);
            }
            let time = machine.times(&old);
            machine.push(&old, 5);
            tokio::time::sleep(SETTLE).await;
            assert_eq!(machine.times(&old), time);
            machine.push(&new, 5);
            machine.becomes(&new, 5).await;
        }
    });
}

/// A share of sshfs whose host is gone: whoever looks into it waits for ever. It
/// ends with the descriptor.
fn hanging_share(point: &Path) -> Result<OwnedFd, String> {
    std::fs::create_dir_all(point).expect("mount point");
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let server = rustix::fs::open("/dev/fuse", flags, Mode::empty())
        .map_err(|error| format!("no /dev/fuse: {error}"))?;
    let options =
        format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", server.as_raw_fd());
    let options = std::ffi::CString::new(options).expect("no zero");
    mount("gone:/", point, "fuse.sshfs", MountFlags::empty(), options.as_c_str())
        .map_err(|error| format!("no fuse: {error}"))?;
    Ok(server)
}

#[test]
fn a_share_that_hangs_stops_no_other_and_not_the_sender() {
    isolated("a_share_that_hangs_stops_no_other_and_not_the_sender", async || {
        let machine = Machine::new();
        let mut servers = Vec::new();
        for index in 0..10 {
            match hanging_share(&machine.path(&format!("gone{index}"))) {
                Ok(server) => servers.push(server),
                Err(reason) => return println!("SKIP a_share_that_hangs: {reason}"),
            }
        }
        let begin = Instant::now();
        for index in 0..20_000 {
            machine.push(&format!("gone0/{index:0200}"), TIME);
        }
        for index in 1..7 {
            machine.push(&format!("gone{index}/file"), TIME);
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
        // A thread names itself a moment after its start.
        eventually("seven workers", || threads() == 7).await;
        assert!(machine.touched("share/file", "share/file").await);
        // Three more: one finds room, the others are refused.
        for index in 7..10 {
            machine.push(&format!("gone{index}/file"), TIME);
        }
        eventually("eight workers", || threads() == 8).await;
        tokio::time::sleep(SETTLE).await;
        assert_eq!(threads(), 8);
        machine.stop.cancel();
        drop(servers);
        eventually("the end of all workers", || threads() == 0).await;
    });
}

/// Workers of this test: those in the mount namespace of this thread.
fn threads() -> usize {
    let namespace = |task: &Path| std::fs::read_link(task.join("ns/mnt")).ok();
    let own = namespace(Path::new("/proc/thread-self"));
    let tasks = std::fs::read_dir("/proc/self/task").expect("tasks");
    let tasks = tasks.filter_map(|task| Some(task.ok()?.path()));
    let named = |task: &PathBuf| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "file-times\n")
    };
    tasks.filter(|task| named(task) && namespace(task) == own).count()
}

#[test]
fn the_daemon_stops_while_a_share_hangs() {
    isolated("the_daemon_stops_while_a_share_hangs", async || {
        let folder = tempfile::tempdir().expect("folder");
        let share = folder.path().join("share");
        let _server = match hanging_share(&share) {
            Ok(server) => server,
            Err(reason) => return println!("SKIP the_daemon_stops_while_a_share_hangs: {reason}"),
        };
        let daemon = Daemon::start().await;
        let mut client = daemon.client().await;
        let mount_path = share.join("file").display().to_string();
        let message = Inotify { mount_path, time: Some(Timestamp { seconds: TIME, nanos: 0 }) };
        client.post_inotify(tokio_stream::iter([message])).await.expect("taken");
        daemon.signal(Signal::TERM);
        let (status, _folder) = daemon.ended().await;
        assert!(status.success(), "{status}");
    });
}
