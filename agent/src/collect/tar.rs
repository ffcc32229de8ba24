//! A tar archive in memory: ustar (POSIX.1-1988), regular files alone, their names up to 100 bytes.
//!
//! A file is a header of 512 bytes and its contents, filled up with zeroes to whole blocks of 512;
//! two blocks of zeroes end the archive. Numbers are octal digits; the sum of the header's bytes is
//! counted with blanks in its own place.

const BLOCK: usize = 512;

/// An archive in the making.
pub struct Archive {
    bytes: Vec<u8>,
    /// Date of all files, in seconds after 1970.
    date: u64,
}

impl Archive {
    pub fn new(date: u64) -> Self {
        Self { bytes: Vec::new(), date }
    }

    /// Adds a file that only its owner may read.
    pub fn add(&mut self, name: &str, contents: &[u8]) {
        let octal = |value: u64, digits: usize| format!("{value:0digits$o}\0").into_bytes();
        let mut header: Vec<u8> = [
            padded(name.as_bytes(), 100),
            octal(0o600, 7),
            octal(0, 7),
            octal(0, 7),
            octal(contents.len() as u64, 11),
            octal(self.date, 11),
        ]
        .concat();
        let rest = [b"0".to_vec(), padded(b"", 100), b"ustar\x0000".to_vec()].concat();
        let blank = b"        ";
        let sum: u64 = header.iter().chain(blank).chain(&rest).map(|byte| u64::from(*byte)).sum();
        header.extend(format!("{sum:06o}\0 ").as_bytes());
        header.extend(rest);
        self.bytes.extend(padded(&header, BLOCK));
        self.bytes.extend(contents);
        self.fill();
    }

    /// The whole archive.
    pub fn end(mut self) -> Vec<u8> {
        self.bytes.extend([0; 2 * BLOCK]);
        self.bytes
    }

    fn fill(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK), 0);
    }
}

fn padded(bytes: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(length, 0);
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "a test runs the real tar")]

    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn tar_unpacks_what_was_put_in() {
        let mut archive = Archive::new(1_700_000_000);
        archive.add("x/empty", b"");
        archive.add("x/whole", &[b'w'; BLOCK]);
        archive.add("x/more", &[b'm'; BLOCK + 1]);
        let bytes = archive.end();
        let folder = tempfile::tempdir().unwrap();
        let Ok(mut tar) = Command::new("tar")
            .args(["-xpf", "-", "-C"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .spawn()
        else {
            return println!("SKIP tar_unpacks_what_was_put_in: tar is not installed");
        };
        tar.stdin.take().unwrap().write_all(&bytes).unwrap();
        assert!(tar.wait().unwrap().success());
        let length = |name: &str| folder.path().join(name).metadata().unwrap().len();
        assert_eq!((length("x/empty"), length("x/whole"), length("x/more")), (0, 512, 513));
        let mode = folder.path().join("x/more").metadata().unwrap().permissions();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o7777, 0o600);
    }
}
