//! A case laid out in a temporary folder, and the state of that folder as text.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nixvm_system::{GuestPath, Scratch};
use tempfile::TempDir;

/// Where all cases are.
pub fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// A case, ready to run.
pub struct Case {
    name: String,
    place: TempDir,
    named: bool,
}

impl Case {
    /// Lays out the case. `None`, with a named skip, if a tool for its media is missing.
    pub fn new(name: &str) -> Option<Self> {
        let place = memory();
        let case = Self { name: name.to_owned(), place, named: false };
        for part in ["seed", "root"] {
            let target = case.place.path().join(part);
            copy(&cases().join("base").join(part), &target);
            let own = case.folder().join(part);
            if own.exists() {
                copy(&own, &target);
            }
            remove_marked(&target);
        }
        let media = case.folder().join("media.json");
        if !media.exists() {
            return Some(Self { named: true, ..case });
        }
        for tool in ["xorriso", "mkfs.vfat", "mcopy"] {
            if Command::new(tool).arg("--version").output().is_err() {
                println!("SKIP {name}: {tool} is not installed");
                return None;
            }
        }
        let text = fs::read_to_string(media).unwrap();
        let media: BTreeMap<String, String> = serde_json::from_str(&text).unwrap();
        for (device, kind) in &media {
            case.medium(device, kind);
        }
        Some(case)
    }

    /// The machine of the base case with the seed in a folder, which is named.
    pub fn of_seed(name: &str, seed: &Path) -> Self {
        let case = Self { name: name.to_owned(), place: memory(), named: true };
        copy(&cases().join("base/root"), &case.path(""));
        copy(seed, &case.place.path().join("seed"));
        remove_marked(&case.path(""));
        case
    }

    /// Adds a disk of 64 MiB with nothing on it.
    pub fn blank_disk(&self, device: &str) {
        self.medium(device, "disk");
    }

    /// Another machine of the same kind, as new as this one.
    pub fn again(&self) -> Self {
        let place = memory();
        duplicate(self.place.path(), place.path());
        Self { name: self.name.clone(), place, named: self.named }
    }

    /// The folder of the case in the source tree.
    pub fn folder(&self) -> PathBuf {
        cases().join(&self.name)
    }

    /// The seed that is named on the command line, if it is not looked for.
    pub fn named(&self) -> Option<String> {
        let seed = self.place.path().join("seed");
        self.named.then(|| seed.to_str().unwrap().to_owned())
    }

    /// The machine.
    pub fn open(&self) -> Scratch {
        Scratch::open(self.path("").to_str().unwrap()).unwrap()
    }

    /// A file of the machine.
    pub fn path(&self, below: &str) -> PathBuf {
        self.place.path().join("root").join(below)
    }

    /// Changes a file of the seed.
    pub fn edit_seed(&self, file: &str, change: impl Fn(String) -> String) {
        let file = self.place.path().join("seed").join(file);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, change(text)).unwrap();
    }

    /// Starts the machine again: `/run` is empty, nothing is mounted.
    pub fn reboot(&self) {
        self.open().reboot().unwrap();
        // A boot that was cut off at once has made no such folder.
        let run = self.path("run");
        assert!(!run.exists() || fs::remove_dir_all(run).is_ok());
    }

    /// Without what differs from run to run.
    pub fn neutral(&self, text: &str) -> String {
        text.replace(self.place.path().to_str().unwrap(), "TMP")
    }

    fn medium(&self, device: &str, kind: &str) {
        let image = self.path(&format!("dev/{device}"));
        let seed = self.place.path().join("seed");
        fs::create_dir_all(image.parent().unwrap()).unwrap();
        let sysfs = self.path(&format!("sys/class/block/{device}"));
        fs::create_dir_all(&sysfs).unwrap();
        fs::write(sysfs.join("size"), "4096\n").unwrap();
        if let Some(maker) = kind.strip_prefix("disk") {
            return self.disk(device, &image, maker.trim());
        }
        let (kind, id) = kind.split_once(' ').unwrap_or((kind, ""));
        if !id.is_empty() {
            let text = format!("instance-id: {id}\nlocal-hostname: {id}\n");
            fs::write(seed.join("meta-data"), text).unwrap();
        }
        match kind {
            "iso" => make_iso(&image, &seed, "0"),
            "iso-of-1000" => make_iso(&image, &seed, "1000"),
            "cut-off" => {
                make_iso(&image, &seed, "0");
                // The end of the image is gone, and with it the files that lie there.
                let file = fs::OpenOptions::new().write(true).open(&image).unwrap();
                file.set_len(last_file_begins(&image)).unwrap();
            }
            "fat" => make_fat(&image, &seed),
            // A device node that is a folder cannot be read by anybody, not even by root.
            "unreadable" => fs::create_dir(&image).unwrap(),
            other => panic!("no kind of medium: {other}"),
        }
    }

    /// A disk of 64 MiB, blank or with what a program makes of it.
    fn disk(&self, device: &str, image: &Path, maker: &str) {
        fs::File::create(image).unwrap().set_len(64 << 20).unwrap();
        let mut words = maker.split(' ').filter(|word| !word.is_empty());
        if let Some(program) = words.next() {
            let done = Command::new(program).args(words).arg(image).output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
        let sysfs = self.path(&format!("sys/block/{device}"));
        fs::create_dir_all(sysfs.join("device")).unwrap();
        fs::write(sysfs.join("size"), "131072\n").unwrap();
    }

    /// Every file with what it is.
    pub fn tree(&self) -> BTreeMap<String, String> {
        let root = self.path("");
        let owners = self.open().owners();
        let mut tree = BTreeMap::new();
        walk(&root, &mut |path, entry| {
            let below = format!("/{}", path.strip_prefix(&root).unwrap().display());
            let owner = GuestPath::new(&below).ok().and_then(|path| owners.get(&path).copied());
            let owner = owner.map_or("0:0".to_owned(), |o| format!("{}:{}", o.uid, o.gid));
            if below != Scratch::STATE && !below.starts_with("/dev/") {
                tree.insert(below, describe(path, entry, &owner));
            }
        });
        tree
    }

    /// What is new or different, as text. Ledgers and reports are known by their own tests.
    pub fn changes_since(&self, before: &BTreeMap<String, String>) -> String {
        let mut text = String::new();
        for (path, now) in &self.tree() {
            if before.get(path) != Some(now) && !path.contains("nixvm-agent/ledger.json") {
                let now = if path.ends_with("report.json") { "(report)\n" } else { now };
                text.push_str(&format!("{path} {now}"));
            }
        }
        for path in before
            .keys()
            .filter(|path| !self.path(&path[1..]).is_symlink() && !self.path(&path[1..]).exists())
        {
            text.push_str(&format!("{path} is gone\n"));
        }
        text
    }
}

/// A folder in memory, where there is one: files are synced to their disk all the time.
fn memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn describe(path: &Path, entry: &fs::Metadata, owner: &str) -> String {
    let mode = entry.permissions().mode() & 0o7777;
    if entry.is_symlink() {
        return format!("-> {}\n", fs::read_link(path).unwrap().display());
    }
    if entry.is_dir() {
        return format!("{mode:04o} {owner} folder\n");
    }
    let text = fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&text);
    let lines: String = text.lines().map(|line| format!("    {line}\n")).collect();
    format!("{mode:04o} {owner}\n{lines}")
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path, &fs::Metadata)) {
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let entry = path.symlink_metadata().unwrap();
        visit(&path, &entry);
        if entry.is_dir() {
            walk(&path, visit);
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let status = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(status.success());
    // What git does not keep: all files of a case have the same modes everywhere.
    walk(to, &mut |path, entry| {
        if !entry.is_symlink() {
            let mode = if entry.is_dir() { 0o755 } else { 0o644 };
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    });
}

fn duplicate(from: &Path, to: &Path) {
    walk(from, &mut |path, entry| {
        let target = to.join(path.strip_prefix(from).unwrap());
        if entry.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(path).unwrap(), target).unwrap();
        } else if entry.is_dir() {
            fs::create_dir(&target).unwrap();
            fs::set_permissions(target, entry.permissions()).unwrap();
        } else {
            fs::copy(path, target).unwrap();
        }
    });
}

/// A file `NAME.none` says that the case has no NAME; `.keep` keeps a folder in git.
fn remove_marked(folder: &Path) {
    let mut marks = Vec::new();
    walk(folder, &mut |path, _| {
        if path.extension().is_some_and(|end| end == "none") || path.ends_with(".keep") {
            marks.push(path.to_owned());
        }
    });
    for mark in marks {
        fs::remove_file(&mark).unwrap();
        if mark.extension().is_some() {
            let _ = fs::remove_file(mark.with_extension(""));
        }
    }
}

/// `owner`: the host user's id, whoever runs the test.
fn make_iso(image: &Path, seed: &Path, owner: &str) {
    let done = Command::new("xorriso")
        .args(["-as", "mkisofs", "-quiet", "-V", "cidata", "-R", "-uid", owner, "-o"])
        .args([image, seed])
        // The date of the image is part of what is golden.
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Where the content of the last file begins: `user-data` is sorted last by xorriso.
fn last_file_begins(image: &Path) -> u64 {
    let bytes = fs::read(image).unwrap();
    let text = b"#cloud-config";
    let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
    u64::try_from(at).unwrap()
}

fn make_fat(image: &Path, seed: &Path) {
    let run = |command: &mut Command| {
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    run(Command::new("mkfs.vfat").args(["-C", "-n", "CIDATA"]).arg(image).arg("2048"));
    for entry in fs::read_dir(seed).unwrap() {
        run(Command::new("mcopy")
            .args(["-s", "-i"])
            .arg(image)
            .arg(entry.unwrap().path())
            .arg("::"));
    }
}
