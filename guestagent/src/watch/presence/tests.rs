//! Real files: each change is told, and nothing else is.

use super::*;
use std::fs;
use std::os::unix::fs::symlink;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_millis(100);

struct Rig {
    folder: TempDir,
    present: watch::Receiver<Present>,
    stop: CancellationToken,
}

impl Rig {
    fn new(paths: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        prepare(folder.path());
        let paths = paths.iter().map(|path| folder.path().join(path)).collect();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let present = start(paths, &tasks, &stop).expect("inotify");
        Self { folder, present, stop }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn names(&mut self) -> Vec<String> {
        let root = self.folder.path();
        let present = self.present.borrow_and_update();
        let relative =
            |path: &PathBuf| path.strip_prefix(root).expect("ours").display().to_string();
        present.keys().map(relative).collect()
    }

    async fn told(&mut self) -> Vec<String> {
        let told = tokio::time::timeout(PATIENCE, self.present.changed()).await;
        told.expect("told in time").expect("still watched");
        self.names()
    }

    async fn silent(&mut self) {
        let told = tokio::time::timeout(QUIET, self.present.changed()).await;
        assert!(told.is_err(), "told without need");
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test]
async fn files_that_come_and_go_are_told() {
    let mut rig = Rig::new(&["a", "b"], |root| fs::write(root.join("a"), "").expect("a"));
    assert_eq!(rig.names(), ["a"]);
    fs::write(rig.at("b"), "").expect("b");
    assert_eq!(rig.told().await, ["a", "b"]);
    fs::remove_file(rig.at("a")).expect("removed");
    assert_eq!(rig.told().await, ["b"]);
    fs::rename(rig.at("b"), rig.at("c")).expect("renamed");
    assert_eq!(rig.told().await, [""; 0]);
    fs::rename(rig.at("c"), rig.at("a")).expect("renamed");
    assert_eq!(rig.told().await, ["a"]);
}

#[tokio::test]
async fn a_file_that_is_replaced_or_written_is_told() {
    let mut rig = Rig::new(&["a"], |root| fs::write(root.join("a"), "").expect("a"));
    fs::write(rig.at("a.new"), "new").expect("new");
    rig.silent().await;
    fs::rename(rig.at("a.new"), rig.at("a")).expect("renamed");
    assert_eq!(rig.told().await, ["a"]);
    fs::write(rig.at("a"), "text").expect("written");
    assert_eq!(rig.told().await, ["a"]);
}

#[tokio::test]
async fn parents_may_come_late_and_be_replaced() {
    let mut rig = Rig::new(&["x/y/z"], |_| {});
    fs::create_dir(rig.at("x")).expect("x");
    rig.silent().await;
    fs::create_dir(rig.at("x/y")).expect("y");
    fs::write(rig.at("x/y/z"), "").expect("z");
    assert_eq!(rig.told().await, ["x/y/z"]);
    // A folder above the one that has the file.
    fs::rename(rig.at("x"), rig.at("old")).expect("renamed");
    assert_eq!(rig.told().await, [""; 0]);
    fs::create_dir_all(rig.at("new/y")).expect("new");
    fs::write(rig.at("new/y/z"), "").expect("z");
    rig.silent().await;
    fs::rename(rig.at("new"), rig.at("x")).expect("renamed");
    assert_eq!(rig.told().await, ["x/y/z"]);
    fs::remove_dir_all(rig.at("x")).expect("removed");
    assert_eq!(rig.told().await, [""; 0]);
}

#[tokio::test]
async fn links_are_followed_and_their_change_is_told() {
    let mut rig = Rig::new(&["now/bin/tool"], |root| {
        for system in ["one/bin", "two/bin"] {
            fs::create_dir_all(root.join(system)).expect("system");
        }
        fs::write(root.join("two/bin/tool"), "").expect("tool");
        symlink("one", root.join("now")).expect("link");
    });
    assert_eq!(rig.names(), [""; 0]);
    symlink(rig.at("two"), rig.at("next")).expect("link");
    fs::rename(rig.at("next"), rig.at("now")).expect("switched");
    assert_eq!(rig.told().await, ["now/bin/tool"]);
    fs::remove_file(rig.at("two/bin/tool")).expect("removed");
    assert_eq!(rig.told().await, [""; 0]);
    symlink("../../three", rig.at("two/bin/tool")).expect("dangling");
    rig.silent().await;
    fs::write(rig.at("three"), "").expect("three");
    assert_eq!(rig.told().await, ["now/bin/tool"]);
}

#[tokio::test]
async fn a_loop_of_links_and_a_file_as_folder_are_absent() {
    let mut rig = Rig::new(&["loop/a", "file/a"], |root| {
        symlink("loop", root.join("loop")).expect("link");
        fs::write(root.join("file"), "").expect("file");
    });
    assert_eq!(rig.names(), [""; 0]);
    fs::remove_file(rig.at("file")).expect("removed");
    fs::create_dir(rig.at("file")).expect("folder");
    fs::write(rig.at("file/a"), "").expect("a");
    assert_eq!(rig.told().await, ["file/a"]);
}

#[tokio::test]
async fn other_entries_and_passed_folders_wake_nobody() {
    let root = tempfile::tempdir().expect("folder");
    fs::create_dir(root.path().join("busy")).expect("busy");
    let path = root.path().join("busy/x/y");
    fs::create_dir(root.path().join("busy/x")).expect("x");
    let (watches, _) = Watches::new(std::slice::from_ref(&path)).expect("inotify");
    for name in 0..100 {
        fs::write(root.path().join("busy").join(name.to_string()), "").expect("file");
    }
    // Not even read: the folder is only passed.
    let event = tokio::time::timeout(QUIET, watches.inotify.readable()).await;
    assert!(event.is_err(), "woken by a passed folder");
    fs::write(root.path().join("busy/x/other"), "").expect("file");
    assert!(tokio::time::timeout(QUIET, watches.changed()).await.is_err(), "woken by another name");
    fs::write(&path, "").expect("file");
    assert!(tokio::time::timeout(PATIENCE, watches.changed()).await.expect("in time"));
}
