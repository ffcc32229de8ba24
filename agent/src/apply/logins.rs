//! What logins find.

use nixvm_system::{Change, GuestPath, System};

use super::{Fault, write};
use crate::config::env_file::Variables;
use crate::plan::OWN_ENVIRONMENT;

/// What Lima's own script writes, so that whoever comes second finds it done.
const COLORTERM: (&str, &str) =
    ("/etc/ssh/sshd_config.d/10-acceptenv-colorterm.conf", "AcceptEnv COLORTERM\n");

/// For every login shell that reads the folder; what the user sets later in a file of its own counts.
const SBIN_PATH: (&str, &str) = (
    "/etc/profile.d/nixvm-path.sh",
    "# Written by nixvm-agent: ip, iptables and other tools are found, as in every guest of Lima.\n\
     case \":$PATH:\" in\n\
     *:/usr/sbin:*) ;;\n\
     *) PATH=$PATH:/usr/sbin:/sbin ;;\n\
     esac\n",
);

/// The same variables for the two readers that take another form.
const SHELL_FILE: &str = "/run/nixvm-agent/environment.sh";
const SYSTEMD_FILE: &str = "/run/environment.d/60-nixvm-agent.conf";

/// Replaces what stands between Lima's two marks, or adds it at the end. The rest of the file, which
/// is the administrator's, stays.
pub(super) fn environment(system: &mut dyn System, block: &[u8]) -> Result<Change, Fault> {
    let path = GuestPath::new("/etc/environment")?;
    let now = system.read(&path, 1 << 20)?.unwrap_or_default();
    let mut text = Vec::new();
    let mut is_inside = false;
    for line in now.split_inclusive(|byte| *byte == b'\n') {
        match line.trim_ascii() {
            b"#LIMA-START" => is_inside = true,
            b"#LIMA-END" => is_inside = false,
            _ if is_inside => {}
            _ => text.extend(line),
        }
    }
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text.extend(block);
    write(system, path.as_str(), &text, 0o644)
}

/// Writes the variables for PAM, for shells and for the services of users.
pub(super) fn session(system: &mut dyn System, variables: &Variables) -> Result<Change, Fault> {
    let text = |line: fn(&str) -> String| -> String {
        variables.iter().map(|(name, value)| format!("{name}={}\n", line(value))).collect()
    };
    let exported: String = variables
        .iter()
        .map(|(name, value)| format!("export {name}={}\n", for_shell(value)))
        .collect();
    let change = write(system, OWN_ENVIRONMENT, text(for_pam).as_bytes(), 0o644)?;
    let change = change.and(write(system, SHELL_FILE, exported.as_bytes(), 0o644)?);
    Ok(change.and(write(system, SYSTEMD_FILE, text(for_systemd).as_bytes(), 0o644)?))
}

/// `pam_env` takes one quote from each end, and nothing else.
fn for_pam(value: &str) -> String {
    format!("\"{value}\"")
}

fn for_shell(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

/// environment.d(5): as in a shell, but a dollar sign is written twice.
fn for_systemd(value: &str) -> String {
    let mut text = String::from("\"");
    for letter in value.chars() {
        match letter {
            '"' | '\\' | '`' => text.extend(['\\', letter]),
            '$' => text.push_str("$$"),
            letter => text.push(letter),
        }
    }
    text + "\""
}

/// A file that is there stays, whatever it says: it is the administrator's, or Lima's.
pub(super) fn accept_colorterm(system: &mut dyn System) -> Result<Change, Fault> {
    let (path, text) = COLORTERM;
    if system.stat(&GuestPath::new(path)?)?.is_some() {
        return Ok(Change::Unchanged);
    }
    write(system, path, text.as_bytes(), 0o644)
}

pub(super) fn sbin_path(system: &mut dyn System) -> Result<Change, Fault> {
    let (path, text) = SBIN_PATH;
    write(system, path, text.as_bytes(), 0o644)
}
