//! Walking paths, and what has to be watched at each step.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// As many symbolic links as the kernel follows.
const MOST_LINKS: usize = 40;

/// What tells a file apart from another one of the same name, or from itself
/// after it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
    changed: (i64, i64),
}

/// What walking some paths has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// The paths that lead to something.
    pub present: BTreeMap<PathBuf, Identity>,
    /// Folders and those of their entries that matter.
    pub entries: BTreeMap<PathBuf, BTreeSet<OsString>>,
    /// Folders that are passed.
    pub passed: BTreeSet<PathBuf>,
    /// Files at the ends.
    pub files: BTreeSet<PathBuf>,
}

impl Steps {
    /// Walks absolute paths; others are taken as from the root.
    pub fn walk(paths: &[PathBuf]) -> Self {
        let mut steps = Self::default();
        for path in paths {
            if let Some((end, found)) = steps.follow(path) {
                if found.is_file() {
                    steps.files.insert(end);
                } else if found.is_dir() {
                    steps.passed.insert(end);
                }
                steps.present.insert(path.clone(), Identity::of(&found));
            }
        }
        steps
    }

    /// Where a path leads, without links, and what is there.
    fn follow(&mut self, path: &Path) -> Option<(PathBuf, Metadata)> {
        let mut here = PathBuf::from("/");
        let mut rest = parts(path);
        let mut links = 0;
        let mut found = std::fs::symlink_metadata(&here).ok()?;
        while let Some(part) = rest.pop_front() {
            if part == ".." {
                here.pop();
                continue;
            }
            let next = here.join(&part);
            // Unreadable is as good as absent: who cannot see it cannot use it.
            let there = std::fs::symlink_metadata(&next).ok();
            let link = there.as_ref().is_some_and(Metadata::is_symlink);
            let folder = there.as_ref().is_some_and(Metadata::is_dir);
            if folder && !rest.is_empty() {
                self.passed.insert(here.clone());
            } else {
                self.entries.entry(here.clone()).or_default().insert(part);
            }
            found = there.filter(|_| folder || link || rest.is_empty())?;
            if link {
                links += 1;
                let target = std::fs::read_link(&next).ok().filter(|_| links <= MOST_LINKS)?;
                if target.is_absolute() {
                    here = PathBuf::from("/");
                }
                parts(&target).into_iter().rev().for_each(|part| rest.push_front(part));
            } else {
                here = next;
            }
        }
        Some((here, found))
    }
}

impl Identity {
    fn of(found: &Metadata) -> Self {
        // The change time of a folder is that of its entries: not our matter.
        let changed = if found.is_file() { (found.ctime(), found.ctime_nsec()) } else { (0, 0) };
        Self { device: found.dev(), inode: found.ino(), changed }
    }
}

fn parts(path: &Path) -> VecDeque<OsString> {
    let part = |component| match component {
        Component::Normal(part) => Some(part.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(part).collect()
}
