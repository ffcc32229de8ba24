//! Which device a `match` means, and the name it is to have.

use crate::config::network::model::{Interface, Kind, Network};
use crate::facts::network::Device;
use crate::plan::Draft;
use crate::step::Rename;

/// Devices that have another name than `set-name` says. One that fits two is left as it is: which
/// of them was meant nobody knows.
pub(super) fn renames(network: &Network, draft: &Draft<'_>) -> Vec<Rename> {
    let devices = &draft.facts.network.devices;
    let rename = |interface: &Interface| {
        let to = interface.set_name.as_ref()?.as_str();
        let mut fitting = devices.iter().filter(|device| is_meant(interface, device));
        let device = fitting.next().filter(|_| fitting.next().is_none())?;
        let rename = Rename { from: device.name.clone(), to: to.to_owned() };
        (rename.from != rename.to).then_some(rename)
    };
    network.interfaces.iter().filter_map(rename).collect()
}

/// Whether all that the match says holds for the device.
fn is_meant(interface: &Interface, device: &Device) -> bool {
    let matched = &interface.matched;
    let is_by_id = matched.mac.is_none() && matched.name.is_none() && matched.drivers.is_empty();
    interface.kind == Kind::Ethernet
        && matched.mac.as_ref().is_none_or(|mac| mac.as_str() == device.mac)
        && matched.name.as_ref().is_none_or(|glob| fits(glob.as_str(), &device.name))
        && (matched.drivers.is_empty()
            || matched.drivers.iter().any(|glob| fits(glob.as_str(), &device.driver)))
        && (!is_by_id || interface.id.as_str() == device.name)
}

/// One place of a glob of fnmatch(3): `*`, `?`, `[abc]`, `[a-z]`, `[!a]`, or a letter.
enum Place<'a> {
    Many,
    Any,
    Set(&'a str),
    Letter(char),
}

/// Whether a glob covers the whole text. Of several stars only the last one is tried again, so time
/// is at most the product of both lengths.
fn fits(glob: &str, text: &str) -> bool {
    let (Some(places), letters) = (places(glob), text.chars().collect::<Vec<_>>()) else {
        return false;
    };
    let (mut at, mut letter, mut star) = (0, 0, None);
    while letter < letters.len() || at < places.len() {
        match (places.get(at), letters.get(letter)) {
            (Some(Place::Many), _) => {
                star = Some((at, letter));
                at += 1;
            }
            (Some(place), Some(it)) if place.is(*it) => (at, letter) = (at + 1, letter + 1),
            _ => {
                let Some((again, taken)) = star.filter(|(_, taken)| *taken < letters.len()) else {
                    return false;
                };
                star = Some((again, taken + 1));
                (at, letter) = (again + 1, taken + 1);
            }
        }
    }
    true
}

/// `None`: a bracket is not closed.
fn places(mut glob: &str) -> Option<Vec<Place<'_>>> {
    let mut places = Vec::new();
    while let Some(first) = glob.chars().next() {
        glob = glob.get(first.len_utf8()..)?;
        places.push(match first {
            '*' => Place::Many,
            '?' => Place::Any,
            '[' => {
                let (set, rest) = glob.split_once(']')?;
                glob = rest;
                Place::Set(set)
            }
            letter => Place::Letter(letter),
        });
    }
    Some(places)
}

impl Place<'_> {
    fn is(&self, letter: char) -> bool {
        match self {
            Self::Many | Self::Any => true,
            Self::Letter(own) => *own == letter,
            Self::Set(set) => is_in(set, letter),
        }
    }
}

fn is_in(set: &str, letter: char) -> bool {
    let (set, is_negated) = match set.strip_prefix('!') {
        Some(set) => (set, true),
        None => (set, false),
    };
    let letters: Vec<char> = set.chars().collect();
    let is_range = letters
        .windows(3)
        .any(|it| matches!(it, [from, '-', to] if (*from..=*to).contains(&letter)));
    (letters.contains(&letter) || is_range) != is_negated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        let table = [
            ("enp*", "enp0s2", true),
            ("*", "", true),
            ("e?h*0", "eth10", true),
            ("en[op][0-9]s*", "enp0s2", true),
            ("en[!p]*", "enp0s2", false),
            ("eth", "eth0", false),
            ("eth0", "eth", false),
            ("[", "a", false),
            ("a*b*c", "aXbYbZc", true),
            ("*****************a", &"b".repeat(15), false),
        ];
        for (glob, text, want) in table {
            assert_eq!(fits(glob, text), want, "{glob} {text}");
        }
    }
}
