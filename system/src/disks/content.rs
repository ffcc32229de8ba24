//! What is on a device, by the marks that file systems, partition tables, volume managers, RAID and
//! encryption leave.
//!
//! A mark names what is there. That there is none does not make a device blank: only its bytes do.
//! Marks of two bytes are not in the table: they occur in other file systems by chance.

mod marks;
mod superblocks;

use std::io;

use super::{blank, bytes_at};
use crate::ReadAt;
use marks::{HEAD, MARKS};

/// What is on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing: there is no byte in any place that is looked at.
    Blank,
    /// Everything that left its mark, at least one.
    Marked(Vec<Signature>),
    /// Something unknown, with the place of its first byte that was found.
    Unknown(u64),
    /// It cannot be read.
    Unreadable(String),
}

/// A mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Kind; of a file system the name by which it is mounted.
    pub kind: &'static str,
    /// Label of a file system or of swap space; empty if there is none.
    pub label: String,
}

impl Content {
    /// The one mark, if there are not several.
    pub fn only(&self) -> Option<&Signature> {
        match self {
            Self::Marked(marks) if marks.len() == 1 => marks.first(),
            _ => None,
        }
    }

    /// For people: what is there.
    pub fn describe(&self) -> String {
        match self {
            Self::Blank => "nothing".to_owned(),
            Self::Marked(marks) => {
                marks.iter().map(Signature::describe).collect::<Vec<_>>().join(" and ")
            }
            Self::Unknown(at) => format!("something unknown at byte {at}"),
            Self::Unreadable(reason) => format!("what cannot be read: {reason}"),
        }
    }
}

impl Signature {
    /// Without a label.
    fn of(kind: &'static str) -> Self {
        Self { kind, label: String::new() }
    }

    fn describe(&self) -> String {
        match self.label.as_str() {
            "" => self.kind.to_owned(),
            label => format!("{} labelled {label}", self.kind),
        }
    }
}

/// Looks at a device.
pub fn content(device: &dyn ReadAt) -> Content {
    match look(device) {
        Ok(content) => content,
        Err(error) => Content::Unreadable(error.to_string()),
    }
}

fn look(device: &dyn ReadAt) -> io::Result<Content> {
    let size = device.size()?;
    let head = bytes_at(device, 0, HEAD)?;
    let mut marks: Vec<Signature> = MARKS
        .iter()
        .filter(|(_, at, mark)| marks::has(&head, *at, mark))
        .map(|(kind, _, _)| Signature::of(kind))
        .collect();
    superblocks::label(&head, &mut marks);
    marks.extend(superblocks::in_the_head(&head));
    marks.extend(superblocks::at_the_end(device, size)?);
    let mut seen = Vec::new();
    marks.retain(|mark| {
        !seen.contains(&mark.kind) && {
            seen.push(mark.kind);
            true
        }
    });
    if marks.is_empty() && superblocks::zfs(device)? {
        marks.push(Signature::of("zfs_member"));
    }
    if !marks.is_empty() {
        return Ok(Content::Marked(marks));
    }
    Ok(blank::blemish(device)?.map_or(Content::Blank, Content::Unknown))
}

#[cfg(test)]
mod tests;
