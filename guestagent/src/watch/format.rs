//! The `format` file of a tracepoint: its number and where its fields are.
//!
//! Offsets differ between kernels, so they are read and never assumed. A line
//! of interest looks like `field:int newstate; offset:20; size:4; signed:0;`,
//! with tabs between its parts.

use std::io;
use std::path::{Path, PathBuf};

/// Where tracefs may be mounted.
const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// The description of one tracepoint.
#[derive(Debug, PartialEq, Eq)]
pub struct Format {
    /// What `perf_event_open` calls it, and each record's first two bytes.
    pub id: u16,
    text: String,
}

impl Format {
    /// Reads the format of `group/name`.
    ///
    /// # Errors
    /// No tracefs, no such tracepoint, no right to read it, or no number in it.
    pub fn read(event: &str) -> io::Result<Self> {
        let path = find(event)?;
        let text = std::fs::read_to_string(&path)?;
        Self::parse(text).ok_or_else(|| io::Error::other(format!("no ID in {}", path.display())))
    }

    /// Reads the text of such a file.
    pub fn parse(text: String) -> Option<Self> {
        let id = text.lines().find_map(|line| line.strip_prefix("ID:"))?.trim().parse().ok()?;
        Some(Self { id, text })
    }

    /// Where in a record the field is, if it has this size in bytes.
    pub fn offset(&self, name: &str, size: usize) -> Option<usize> {
        self.text.lines().find_map(|line| {
            let mut parts = line.trim().split(';').map(str::trim);
            let declared = parts.next()?.strip_prefix("field:")?.rsplit(' ').next()?;
            let offset = parts.next()?.strip_prefix("offset:")?.parse().ok()?;
            let length: usize = parts.next()?.strip_prefix("size:")?.parse().ok()?;
            (declared == name && length == size).then_some(offset)
        })
    }
}

fn find(event: &str) -> io::Result<PathBuf> {
    let paths = TRACEFS.map(|root| Path::new(root).join("events").join(event).join("format"));
    let found = paths.into_iter().find(|path| path.exists());
    found.ok_or_else(|| {
        let text = format!("no tracepoint {event} below {}", TRACEFS.join(" or "));
        io::Error::new(io::ErrorKind::NotFound, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_come_from_the_text() {
        let text = "name: x\nID: 2287\nformat:\n\
            \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n\
            \tfield:const void * skaddr;\toffset:8;\tsize:8;\tsigned:0;\n\
            \tfield:__u16 sport;\toffset:24;\tsize:2;\tsigned:0;\n";
        let format = Format::parse(text.into()).expect("format");
        assert_eq!(format.id, 2287);
        assert_eq!(format.offset("sport", 2), Some(24));
        assert_eq!(format.offset("sport", 4), None);
        assert_eq!(format.offset("dport", 2), None);
        assert_eq!(Format::parse("name: x\n".into()), None);
    }
}
