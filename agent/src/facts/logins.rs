//! What a login on this machine reads.

use nixvm_system::{GuestPath, System};

use super::{LIMIT, pam};

/// Where the configuration of sshd may be: of the machine, of its vendor.
const SSHD: &[&str] = &["/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config"];

/// What is there when FUSE is.
const FUSE: &[&str] =
    &["/etc/fuse.conf", "/etc/fuse3.conf", "/usr/bin/fusermount3", "/run/wrappers/bin/fusermount3"];

/// The settings that matter to logins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logins {
    /// Files that PAM reads the environment of SSH sessions from; `None` if that is not known.
    pub environment_files: Option<Vec<String>>,
    /// Whether `sshd_config` reads `/etc/ssh/sshd_config.d`. `None`: there is no sshd.
    pub sshd_reads_folder: Option<bool>,
    /// Whether `sshd_config` itself accepts `COLORTERM`.
    pub sshd_accepts_colorterm: bool,
    /// Whether login shells read `/etc/profile.d`.
    pub has_profile_folder: bool,
    /// Whether this is a `NixOS`.
    pub is_nixos: bool,
    /// Whether users may share their FUSE mounts.
    pub shares_fuse: bool,
    /// Whether FUSE's programs, or their configuration, are installed.
    pub has_fuse: bool,
}

pub(super) fn read(system: &dyn System) -> Logins {
    let is_there =
        |name: &str| GuestPath::new(name).is_ok_and(|it| matches!(system.stat(&it), Ok(Some(_))));
    let sshd = SSHD.iter().find_map(|name| text(system, name));
    Logins {
        environment_files: pam::environment_files(system),
        sshd_reads_folder: sshd.as_deref().map(includes),
        sshd_accepts_colorterm: sshd.as_deref().is_some_and(accepts_colorterm),
        has_profile_folder: is_there("/etc/profile.d"),
        is_nixos: is_there("/etc/NIXOS"),
        shares_fuse: shares_fuse(system),
        has_fuse: FUSE.iter().any(|name| is_there(name)),
    }
}

/// Whether a FUSE mount may be shown to other users than its own (fuse(8), `user_allow_other`). FUSE
/// itself takes blanks before the word; the host of Lima before 2.2 looks for it without.
pub fn shares_fuse(system: &dyn System) -> bool {
    let is_on = |line: &str| line.trim_end() == "user_allow_other";
    ["/etc/fuse.conf", "/etc/fuse3.conf"]
        .iter()
        .filter_map(|name| text(system, name))
        .any(|text| text.lines().any(is_on))
}

fn text(system: &dyn System, name: &str) -> Option<String> {
    // What cannot be read says nothing.
    let bytes = system.read(&GuestPath::new(name).ok()?, LIMIT).ok()??;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// `Include /etc/ssh/sshd_config.d/*.conf`; a relative path begins at `/etc/ssh`.
fn includes(text: &str) -> bool {
    settings(text, "include").iter().any(|word| {
        let path = word.strip_prefix("/etc/ssh/").unwrap_or(word);
        matches!(path, "sshd_config.d/*.conf" | "sshd_config.d/*")
    })
}

fn accepts_colorterm(text: &str) -> bool {
    settings(text, "acceptenv").iter().any(|word| matches!(*word, "COLORTERM" | "*"))
}

/// The values of a keyword that hold for all: what stands in a `Match` block does not.
fn settings<'a>(text: &'a str, keyword: &str) -> Vec<&'a str> {
    let mut values = Vec::new();
    for line in text.lines() {
        let words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
        let mut words = words.map(|word| word.trim_matches('"'));
        match words.next() {
            Some(word) if word.eq_ignore_ascii_case("match") => break,
            Some(word) if word.eq_ignore_ascii_case(keyword) => values.extend(words),
            _ => {}
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_of_sshd() {
        for (text, expected) in [
            ("# x\nInclude /etc/ssh/sshd_config.d/*.conf\nPort 22\n", true),
            ("include sshd_config.d/*.conf", true),
            ("Include=\"/etc/ssh/sshd_config.d/*.conf\"", true),
            ("#Include /etc/ssh/sshd_config.d/*.conf\n", false),
            ("Match User x\n Include /etc/ssh/sshd_config.d/*.conf\n", false),
            ("Include /etc/ssh/other.d/*.conf\n", false),
        ] {
            assert_eq!(includes(text), expected, "{text}");
        }
        assert!(accepts_colorterm("acceptenv LANG LC_* COLORTERM\n"));
        assert!(!accepts_colorterm("AcceptEnv LANG LC_*\nMatch all\nAcceptEnv COLORTERM\n"));
    }
}
