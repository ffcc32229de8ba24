//! Reverse-sshfs: what the user's sshfs needs to mount, and to show others what it mounted.

use nixvm_system::{Change, Command, Ended, GuestPath, Owner, System};

use super::accounts::find;
use super::mounts::Place;
use super::{Fault, write};

/// Where FUSE 2 and 3 have their configuration; both programs read the first on most systems.
const CONFIGURATION: &[&str] = &["/etc/fuse.conf", "/etc/fuse3.conf"];
/// Recent Ubuntu confines the program that mounts to a few folders.
const PROFILE: &str = "/etc/apparmor.d/fusermount3";
const LOCAL_RULES: &str = "/etc/apparmor.d/local/fusermount3";
const BEGIN: &str = "# nixvm-agent begin: the mount points of the seed";
const END: &str = "# nixvm-agent end";
const LIMIT: u64 = 1 << 20;

/// FUSE lets a user mount only on a folder that is the user's own, wherever it lies.
pub(super) fn points(
    system: &mut dyn System,
    user: &str,
    points: &[GuestPath],
) -> Result<Change, Fault> {
    let account = find(system, user)?;
    let owner = Owner { uid: account.uid, gid: account.gid };
    let mut change = Change::Unchanged;
    for point in points {
        let place = Place::of(system, user, point)?.given_to(owner);
        change = change.and(place.make(system, point)?);
    }
    Ok(change)
}

pub(super) fn sharing(system: &mut dyn System, points: &[GuestPath]) -> Result<Change, Fault> {
    Ok(allow_other(system)?.and(confinement(system, points)?))
}

/// Adds the line to the file that is there; where there is none, to a new one.
fn allow_other(system: &mut dyn System) -> Result<Change, Fault> {
    if crate::facts::shares_fuse(system) {
        return Ok(Change::Unchanged);
    }
    let mut chosen = None;
    for name in CONFIGURATION {
        if let (None, Some(text)) = (&chosen, system.read(&GuestPath::new(name)?, LIMIT)?) {
            chosen = Some((*name, text));
        }
    }
    let (name, mut text) = chosen.unwrap_or(("/etc/fuse.conf", Vec::new()));
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text.extend(b"user_allow_other\n");
    write(system, name, &text, 0o644)
}

/// Lets the confined program mount on the seed's mount points, and on nothing else that it could not
/// before.
fn confinement(system: &mut dyn System, points: &[GuestPath]) -> Result<Change, Fault> {
    if system.stat(&GuestPath::new(PROFILE)?)?.is_none() {
        return Ok(Change::Unchanged);
    }
    let now = system.read(&GuestPath::new(LOCAL_RULES)?, LIMIT)?.unwrap_or_default();
    let now = String::from_utf8_lossy(&now).into_owned();
    let mut text = without_block(&now);
    text.push_str(&block(points));
    if write(system, LOCAL_RULES, text.as_bytes(), 0o644)? == Change::Unchanged {
        return Ok(Change::Unchanged);
    }
    if !system.has("apparmor_parser") {
        return Ok(Change::Changed);
    }
    let finished = system.run(&Command::tool("apparmor_parser", &["-r", PROFILE]))?;
    if finished.ended == Ended::Exit(0) {
        return Ok(Change::Changed);
    }
    let reason = format!("AppArmor refuses {PROFILE}: {}", finished.tail.trim());
    Err(Fault::new("profile-refused", reason).hint(format!("look at {LOCAL_RULES}")))
}

fn without_block(text: &str) -> String {
    let mut is_inside = false;
    let mut rest = String::new();
    for line in text.lines() {
        is_inside |= line == BEGIN;
        if !is_inside {
            rest.push_str(line);
            rest.push('\n');
        }
        is_inside &= line != END;
    }
    rest
}

fn block(points: &[GuestPath]) -> String {
    let rules = points.iter().map(|point| {
        let place = pattern(point);
        format!("mount fstype=fuse.sshfs -> {place},\numount {place},\n")
    });
    format!("{BEGIN}\n{}{END}\n", rules.collect::<String>())
}

/// A folder as `AppArmor` names it: quoted, with a slash at its end, its wildcards taken literally.
fn pattern(point: &GuestPath) -> String {
    let mut text = String::from("\"");
    for letter in point.as_str().chars() {
        if "\\\"*?[]{}^@,".contains(letter) {
            text.push('\\');
        }
        text.push(letter);
    }
    text + "/\""
}
