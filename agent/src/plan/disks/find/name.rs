//! What disks say of themselves. The whole name counts first: the id that is made of it, the name of a
//! partition, a whole label. Then a label that was cut, if it fits one name that is still looked for
//! and one volume that nobody has by its whole name.

use super::{Found, Volume, ambiguous, and};
use crate::config::disks::WantedDisk;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Likeness {
    Whole,
    Cut,
}

/// For each name what carries it, if anything does.
pub(super) fn by_name<'a>(wanted: &[WantedDisk], volumes: &[Volume<'a>]) -> Vec<Option<Found<'a>>> {
    let whole = wanted.iter().map(|one| of(Likeness::Whole, one, wanted, volumes)).collect();
    let found: Vec<Option<Found<'a>>> = whole;
    let open: Vec<WantedDisk> = (wanted.iter().zip(&found))
        .filter(|(_, found)| found.is_none())
        .map(|(wanted, _)| wanted.clone())
        .collect();
    let is_nobodys = |volume: &&Volume<'a>| {
        wanted.iter().all(|wanted| likeness(volume, wanted) != Some(Likeness::Whole))
    };
    let free: Vec<Volume<'a>> = volumes.iter().filter(is_nobodys).copied().collect();
    let cut = |one: &WantedDisk| of(Likeness::Cut, one, &open, &free);
    found.into_iter().zip(wanted).map(|(found, one)| found.or_else(|| cut(one))).collect()
}

/// What one name is like, among names and volumes.
fn of<'a>(
    wanted: Likeness,
    one: &WantedDisk,
    all: &[WantedDisk],
    volumes: &[Volume<'a>],
) -> Option<Found<'a>> {
    let is_like = |volume: &Volume<'a>, name| likeness(volume, name) == Some(wanted);
    let fitting: Vec<&Volume<'a>> = volumes.iter().filter(|volume| is_like(volume, one)).collect();
    match fitting.as_slice() {
        [] => None,
        [volume] => {
            let names: Vec<&str> = (all.iter().filter(|name| is_like(volume, name)))
                .map(|name| name.name.as_str())
                .collect();
            Some(match names.as_slice() {
                [_] => Found::Volume(**volume),
                names => ambiguous(&format!("{} may be any of {}", volume.device, and(names))),
            })
        }
        several => {
            let devices = and(several.iter().map(|volume| volume.device));
            Some(ambiguous(&format!("{devices} are all called so")))
        }
    }
}

fn likeness(volume: &Volume<'_>, wanted: &WantedDisk) -> Option<Likeness> {
    let full = wanted.full_label();
    let entry = volume.part.and_then(|part| part.entry.as_ref());
    if entry.is_some_and(|entry| entry.id == wanted.part_id() || entry.name == full) {
        return Some(Likeness::Whole);
    }
    let mark = volume.content.only().filter(|mark| !mark.label.is_empty())?;
    if mark.label == full {
        return Some(Likeness::Whole);
    }
    // mkswap cuts one letter earlier than the header would have to.
    let is_cut = mark.label == wanted.label(mark.kind)
        || mark.kind == "swap" && full.get(..16) == Some(&mark.label);
    is_cut.then_some(Likeness::Cut)
}
