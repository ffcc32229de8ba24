//! The places of blank disks. The host attaches additional disks in order, so where all disks of the
//! row are accounted for, each has its place. Else as many blank disks as names are taken in order,
//! and at last the host's own guess, if it fits the place too.

use nixvm_system::{Content, Disk};

use super::{Found, Search, and};
use crate::config::disks::WantedDisk;

/// What places are judged by.
struct Row<'a> {
    /// Disks in order, without those that are in use for something else.
    all: Vec<&'a Disk>,
    /// Blank ones that are nobody's.
    blank: Vec<&'a Disk>,
    /// Places of the names that nothing was found for.
    open: Vec<usize>,
    /// Whether each disk that is known stands where the host put it.
    in_order: bool,
}

/// For each name: the disk at its place. Of use only where nothing else was found.
pub(super) fn by_place<'a>(
    search: &Search<'a>,
    disks: &[&'a Disk],
    found: &[Option<Found<'a>>],
) -> Vec<Found<'a>> {
    let wanted = &search.wanted.disks;
    let row = Row::of(wanted, disks, found);
    let place = |wanted| match choose(search, &row, wanted) {
        Some(disk) => Found::Blank(disk),
        None => nothing(wanted, &row),
    };
    wanted.iter().map(place).collect()
}

impl<'a> Row<'a> {
    fn of(wanted: &[WantedDisk], disks: &[&'a Disk], found: &[Option<Found<'a>>]) -> Self {
        let known: Vec<(usize, &str)> = (wanted.iter().zip(found))
            .filter_map(|(wanted, found)| Some((wanted.index, &*found.as_ref()?.disk()?.name)))
            .collect();
        let is_known = |disk: &Disk| known.iter().any(|(_, name)| *name == disk.name);
        let is_in_row = |disk: &&&Disk| is_known(disk) || disk.claimed.is_empty();
        let all: Vec<&'a Disk> = disks.iter().filter(is_in_row).copied().collect();
        let is_blank = |disk: &&&Disk| {
            disk.content == Content::Blank && disk.parts.is_empty() && !is_known(disk)
        };
        let is_at =
            |(index, name): &(usize, &str)| all.get(*index).is_some_and(|disk| disk.name == *name);
        Self {
            blank: all.iter().filter(is_blank).copied().collect(),
            in_order: known.iter().all(is_at),
            open: (wanted.iter().zip(found))
                .filter(|(_, found)| found.is_none())
                .map(|(wanted, _)| wanted.index)
                .collect(),
            all,
        }
    }
}

fn choose<'a>(search: &Search<'a>, row: &Row<'a>, wanted: &WantedDisk) -> Option<&'a Disk> {
    let count = search.wanted.count;
    let is_blank = |disk: &&Disk| row.blank.iter().any(|blank| blank.name == disk.name);
    let at_place = row.all.get(wanted.index).copied().filter(|_| row.in_order).filter(is_blank);
    if row.all.len() == count && row.in_order {
        return at_place;
    }
    // A name that could not be read has a disk too.
    if search.wanted.disks.len() == count && row.blank.len() == row.open.len() {
        let rank = row.open.iter().position(|index| *index == wanted.index)?;
        return row.blank.get(rank).copied();
    }
    let is_guessed = |disk: &&Disk| is_guessed(search.cidata, disk, &wanted.device);
    at_place.filter(|_| row.all.len() > count).filter(is_guessed)
}

/// Whether the host's guess fits: it counts letters from `b` on and forgets the seed, which some
/// hosts attach before the additional disks.
fn is_guessed(cidata: Option<&str>, disk: &Disk, guess: &str) -> bool {
    let seed = cidata.and_then(|device| device.strip_prefix("/dev/vd"));
    let own = disk.name.strip_prefix("vd");
    let is_behind = seed.zip(own).is_some_and(|(seed, own)| seed < own);
    if is_behind { next(guess).as_deref() == Some(&disk.name) } else { disk.name == guess }
}

/// The name with the next letter: `vdc` of `vdb`.
fn next(name: &str) -> Option<String> {
    let last = name.chars().last().filter(char::is_ascii_lowercase)?;
    let stem = name.strip_suffix(last)?;
    Some(format!("{stem}{}", ('a'..='z').find(|letter| *letter > last)?))
}

fn nothing<'a>(wanted: &WantedDisk, row: &Row<'a>) -> Found<'a> {
    let carries = |disk: &&Disk| {
        let what = match disk.parts.as_slice() {
            [] => disk.content.describe(),
            parts => and(parts.iter().map(|part| part.content.describe())),
        };
        format!("{} with {what}", disk.name)
    };
    let label = wanted.full_label();
    let there = match row.all.as_slice() {
        [] => "there is no other disk".to_owned(),
        all => format!("there is {}", and(all.iter().map(carries))),
    };
    let reason = match (row.blank.len(), row.open.len()) {
        (0, _) => format!("none is called {label} and none is blank: {there}"),
        (blank, open) => format!(
            "none is called {label}, and {blank} blank for {open} cannot be told apart: {there}"
        ),
    };
    Found::Nothing { code: "disk-not-found", reason }
}
