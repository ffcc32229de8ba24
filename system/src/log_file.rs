//! [`LogFile`]: a file to which several programs add lines, and which does not grow without end.
//!
//! Who follows it with `tail -f` sees every line: within a boot the file is neither exchanged nor
//! shortened. What is too much is left out at its end instead; the journal has it all.

use std::fs::File;
use std::io::{self, Write};

use rustix::fs::{self, Mode, OFlags};

use crate::tree::Tree;
use crate::{GuestPath, Links};

/// Which log is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// A new one; the one that is there gets `.1` behind its name, and an older one of that name goes.
    Anew,
    /// The one that is there.
    GoOn,
}

/// Who adds to a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// A program, which may write without end.
    Program,
    /// Ourselves.
    Agent,
    /// The end, for which there is always room.
    End,
}

impl Voice {
    /// How long the log may become by it, in bytes.
    fn limit(self) -> u64 {
        match self {
            Self::Program => 1 << 20,
            Self::Agent => 2 << 20,
            Self::End => u64::MAX,
        }
    }
}

const CUT: &[u8] = b"\n[the log is full: the rest is in the journal]\n";

/// An open log.
#[derive(Debug)]
pub struct LogFile(File);

impl LogFile {
    /// Opens the log, which only root may read: what scripts say may be secret. A link in its place
    /// is refused.
    pub fn open(root: &str, path: &GuestPath, begin: Begin) -> io::Result<Self> {
        let mut tree = Tree::open(root, None)?;
        let folder = tree.make_folder(&path.parent(), Links::Follow)?;
        if begin == Begin::Anew {
            match fs::renameat(&folder, path.name(), &folder, format!("{}.1", path.name())) {
                Ok(()) | Err(rustix::io::Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let flags = OFlags::WRONLY
            | OFlags::APPEND
            | OFlags::CREATE
            | OFlags::NOFOLLOW
            | OFlags::NONBLOCK
            | OFlags::CLOEXEC;
        let file = fs::openat(&folder, path.name(), flags, Mode::from_raw_mode(0o640))?;
        let file = File::from(file);
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a regular file"));
        }
        Ok(Self(file))
    }

    /// Adds to the end, as much as there is room for.
    pub fn add(&self, bytes: &[u8], voice: Voice) -> io::Result<()> {
        let room = voice.limit().saturating_sub(self.0.metadata()?.len());
        if room == 0 {
            return Ok(());
        }
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        match bytes.split_at_checked(room) {
            Some((fits, rest)) if !rest.is_empty() => (&self.0).write_all(&[fits, CUT].concat()),
            _ => (&self.0).write_all(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &std::path::Path, begin: Begin) -> io::Result<LogFile> {
        let path = GuestPath::new("/var/log/x.log").unwrap();
        LogFile::open(folder.to_str().unwrap(), &path, begin)
    }

    #[test]
    fn each_boot_begins_anew_and_one_older_log_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join("var/log").join(name));
        for boot in ["one", "two", "three"] {
            open(folder.path(), Begin::Anew).unwrap().add(boot.as_bytes(), Voice::Agent).unwrap();
        }
        open(folder.path(), Begin::GoOn).unwrap().add(b" more", Voice::Agent).unwrap();
        assert_eq!(read("x.log").unwrap(), "three more");
        assert_eq!(read("x.log.1").unwrap(), "two");
        assert!(read("x.log.2").is_err());
    }

    #[test]
    fn a_program_that_says_too_much_is_cut_off_once_and_the_end_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path(), Begin::Anew).unwrap();
        for _ in 0..40 {
            log.add(&vec![b'x'; 100_000], Voice::Program).unwrap();
        }
        log.add(b"agent\n", Voice::Agent).unwrap();
        log.add(b"end\n", Voice::End).unwrap();
        let text = std::fs::read_to_string(folder.path().join("var/log/x.log")).unwrap();
        assert!(text.len() < (1 << 20) + 100, "{}", text.len());
        assert!(text.ends_with("x\n[the log is full: the rest is in the journal]\nagent\nend\n"));
    }

    #[test]
    fn a_link_or_a_fifo_in_its_place_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("var/log")).unwrap();
        let file = folder.path().join("var/log/x.log");
        std::os::unix::fs::symlink("/etc/passwd", &file).unwrap();
        assert!(open(folder.path(), Begin::GoOn).is_err());
        std::fs::remove_file(&file).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
        assert!(open(folder.path(), Begin::GoOn).is_err());
    }
}
