//! Which disk is which. Nothing here trusts a letter alone.
//!
//! First comes what a disk says of itself ([`name`]), then a disk on which formatting was begun, then
//! its place among the others ([`place`]), and that only for blank disks: two of them that are taken
//! for each other cost nothing. In doubt nothing is chosen.

mod name;
mod place;

use nixvm_system::{Content, Disk, Part};

use crate::config::disks::{Wanted, WantedDisk};
use crate::facts::disks::Disks;

/// What there is to go by.
pub(super) struct Search<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) disks: &'a Disks,
    /// Device of the medium with the seed.
    pub(super) cidata: Option<&'a str>,
    /// Device below `/`.
    pub(super) root: Option<&'a str>,
}

/// What was found for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// This carries the name.
    Volume(Volume<'a>),
    /// This disk is blank, or was begun under the name, and must be the one.
    Blank(&'a Disk),
    /// None can be told.
    Nothing { code: &'static str, reason: String },
}

/// A partition, or a whole disk without any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Volume<'a> {
    pub(super) disk: &'a Disk,
    pub(super) device: &'a str,
    pub(super) content: &'a Content,
    part: Option<&'a Part>,
}

impl<'a> Search<'a> {
    /// For each name that is wanted, in order.
    pub(super) fn all(&self) -> Vec<Found<'a>> {
        let disks = self.candidates();
        let wanted = &self.wanted.disks;
        let mut found = name::by_name(wanted, &self.volumes(&disks));
        for (found, wanted) in found.iter_mut().zip(wanted).filter(|(found, _)| found.is_none()) {
            *found = self.begun(wanted, &disks);
        }
        let places = place::by_place(self, &disks, &found);
        found.into_iter().zip(places).map(|(found, place)| found.unwrap_or(place)).collect()
    }

    /// Disks that may be additional ones: neither the root nor the seed, and there to stay.
    fn candidates(&self) -> Vec<&'a Disk> {
        let is_seed = |disk: &Disk| {
            self.cidata.is_some_and(|device| has_device(disk, device)) || is_labelled_seed(disk)
        };
        let is_root = |disk: &Disk| self.root.is_some_and(|device| has_device(disk, device));
        let is_candidate =
            |disk: &&Disk| !disk.removable && !disk.read_only && !is_seed(disk) && !is_root(disk);
        self.disks.all.iter().filter(is_candidate).collect()
    }

    fn volumes(&self, disks: &[&'a Disk]) -> Vec<Volume<'a>> {
        let is_begun = |disk: &Disk| self.disks.begun.iter().any(|(name, _)| *name == disk.name);
        disks.iter().filter(|disk| !is_begun(disk)).flat_map(|disk| volumes(disk)).collect()
    }

    /// A disk on which formatting was begun under this name.
    fn begun(&self, wanted: &WantedDisk, disks: &[&'a Disk]) -> Option<Found<'a>> {
        let is_its = |disk: &&&Disk| {
            self.disks.begun.iter().any(|(name, of)| *name == disk.name && *of == wanted.name)
        };
        let begun: Vec<&'a Disk> = disks.iter().filter(is_its).copied().collect();
        match begun.as_slice() {
            [] => None,
            [disk] => Some(Found::Blank(disk)),
            several => Some(ambiguous(&format!("{} were begun for it", names(several)))),
        }
    }
}

impl Found<'_> {
    fn disk(&self) -> Option<&Disk> {
        match self {
            Self::Volume(volume) => Some(volume.disk),
            Self::Blank(disk) => Some(disk),
            Self::Nothing { .. } => None,
        }
    }
}

fn is_labelled_seed(disk: &Disk) -> bool {
    disk.content.only().is_some_and(|mark| {
        matches!(mark.kind, "iso9660" | "vfat") && mark.label.eq_ignore_ascii_case("cidata")
    })
}

fn has_device(disk: &Disk, device: &str) -> bool {
    disk.device == device || disk.parts.iter().any(|part| part.device == device)
}

/// A file system on the whole disk counts only where there are no partitions.
fn volumes(disk: &Disk) -> Vec<Volume<'_>> {
    if disk.parts.is_empty() {
        let (device, content) = (disk.device.as_str(), &disk.content);
        return vec![Volume { disk, device, content, part: None }];
    }
    let volume = |part| {
        let Part { device, content, .. }: &Part = part;
        Volume { disk, device, content, part: Some(part) }
    };
    disk.parts.iter().map(volume).collect()
}

fn ambiguous<'a>(reason: &str) -> Found<'a> {
    Found::Nothing { code: "disk-ambiguous", reason: reason.to_owned() }
}

fn names(disks: &[&Disk]) -> String {
    and(disks.iter().map(|disk| disk.name.as_str()))
}

/// `a, b and c`.
fn and(items: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.as_ref().to_owned()).collect();
    match items.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
