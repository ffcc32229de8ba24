//! The text of the unit that `install-systemd` writes: the service section of
//! our own unit, so that one place decides how it is confined, with another
//! start.

use super::InstallError;
use crate::cli::InstallSystemd;
use std::path::Path;

const OURS: &str = include_str!("../../systemd/nixvm-guestagent.service");

const HEAD: &str = "\
# Written by `install-systemd` of the program below, and again when its flags change.

[Unit]
Description=Guest agent (ports, tunnels and clock for the host)
Documentation=https://github.com/nixvm/nixvm
# It may be the only way into the guest: never give up on it.
StartLimitIntervalSec=0

";

/// The unit.
///
/// # Errors
/// A path or a flag that cannot stand in a unit.
pub fn text(program: &Path, flags: &InstallSystemd, debug: bool) -> Result<String, InstallError> {
    let program = program.to_str().ok_or_else(|| unwritable(&program.to_string_lossy()))?;
    let mut words = vec![program.to_owned()];
    words.extend(debug.then(|| "--debug".to_owned()));
    words.push("daemon".to_owned());
    words.extend(flags.daemon_flags());
    let words = words.iter().map(|word| quoted(word)).collect::<Result<Vec<_>, _>>()?;
    let start = format!("ExecStart={} --runtime-dir=%t/%N", words.join(" "));
    let (_, service) = OURS.split_once("[Service]\n").unwrap_or(("", OURS));
    let mut text = format!("{HEAD}[Service]\n");
    for line in service.lines().filter(|line| !line.starts_with("EnvironmentFile=")) {
        text.push_str(if line.starts_with("ExecStart=") { &start } else { line });
        text.push('\n');
    }
    Ok(text)
}

/// A word of `ExecStart=` as systemd reads it back (`systemd.service(5)`).
fn quoted(word: &str) -> Result<String, InstallError> {
    if word.contains(['\n', '\0']) {
        return Err(unwritable(word));
    }
    let word = word.replace('%', "%%").replace('$', "$$");
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./%$:@,+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return Ok(word);
    }
    Ok(format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")))
}

fn unwritable(word: &str) -> InstallError {
    InstallError::Unwritable(word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(program: &str, flags: &InstallSystemd, debug: bool) -> String {
        let text = text(Path::new(program), flags, debug).expect("unit");
        let mut starts = text.lines().filter_map(|line| line.strip_prefix("ExecStart="));
        let start = starts.next().expect("a start").to_owned();
        assert_eq!(starts.next(), None);
        start
    }

    #[test]
    fn flags_that_are_set_are_passed_on() {
        let unset = InstallSystemd { vsock_port: "0".into(), ..InstallSystemd::default() };
        let program = "/usr/local/bin/lima-guestagent";
        assert_eq!(start(program, &unset, false), format!("{program} daemon --runtime-dir=%t/%N"));
        let owner = InstallSystemd { socket_owner: "501".into(), ..unset };
        assert_eq!(
            start(program, &owner, true),
            format!("{program} --debug daemon --socket-owner=501 --runtime-dir=%t/%N")
        );
    }

    #[test]
    fn what_systemd_would_read_otherwise_is_quoted() {
        let flags = InstallSystemd { virtio_port: "a \"b\"".into(), ..InstallSystemd::default() };
        assert_eq!(
            start("/opt/100%/$x", &flags, false),
            r#"/opt/100%%/$$x daemon "--virtio-port=a \"b\"" --runtime-dir=%t/%N"#
        );
        let flags = InstallSystemd { virtio_port: "a\nUser=b".into(), ..InstallSystemd::default() };
        assert!(text(Path::new("/x"), &flags, false).is_err());
    }

    #[test]
    fn unit_is_confined_like_ours_and_needs_no_file_of_the_boot_agent() {
        let unit = text(Path::new("/x"), &InstallSystemd::default(), false).expect("unit");
        for line in ["Type=notify", "NoNewPrivileges=yes", "WantedBy=multi-user.target"] {
            assert!(unit.lines().any(|found| found == line), "{line}");
        }
        assert!(!unit.contains("EnvironmentFile") && !unit.contains("ConditionPathExists"));
    }
}
