//! Whether members of `wheel` may do everything by sudo, as on `NixOS`, whose `sudoers` is not ours to
//! change.

use nixvm_system::{GuestPath, System};

use super::LIMIT;

/// How they may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wheel {
    /// Each gives the own password.
    AsksPassword,
    /// Nothing is asked.
    AsksNothing,
}

/// What the last rule for the group says; `None` if there is none for everything.
pub(super) fn read(system: &dyn System) -> Option<Wheel> {
    // What cannot be read gives no rights.
    let text = system.read(&GuestPath::new("/etc/sudoers").ok()?, LIMIT).ok()??;
    String::from_utf8_lossy(&text).lines().rev().find_map(rule)
}

/// `%wheel ALL=(ALL:ALL) NOPASSWD:SETENV: ALL`, as `NixOS` writes it (sudoers(5)).
fn rule(line: &str) -> Option<Wheel> {
    let (hosts, commands) = line.trim().strip_prefix("%wheel")?.split_once("=(ALL")?;
    let tags = commands.split_once(')')?.1.trim().strip_suffix("ALL")?;
    let is_tag = |tag: &str| ["", "NOPASSWD", "PASSWD", "SETENV"].contains(&tag.trim());
    if hosts.trim() != "ALL" || !tags.split(':').all(is_tag) {
        return None;
    }
    Some(if tags.contains("NOPASSWD") { Wheel::AsksNothing } else { Wheel::AsksPassword })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rules_for_everything_count() {
        for (line, expected) in [
            ("%wheel  ALL=(ALL:ALL)    NOPASSWD:SETENV: ALL", Some(Wheel::AsksNothing)),
            ("%wheel\tALL=(ALL)\tNOPASSWD: ALL", Some(Wheel::AsksNothing)),
            ("%wheel ALL=(ALL:ALL) SETENV: ALL", Some(Wheel::AsksPassword)),
            ("%wheel ALL=(ALL) ALL", Some(Wheel::AsksPassword)),
            ("%wheel ALL=(ALL) NOPASSWD: /bin/sh, ALL", None),
            ("%wheel ALL=(postgres) ALL", None),
            ("%wheel host=(ALL) ALL", None),
            ("%wheels ALL=(ALL) ALL", None),
            ("# %wheel ALL=(ALL) ALL", None),
        ] {
            assert_eq!(rule(line), expected, "{line}");
        }
    }
}
