//! Which files PAM reads the environment of an SSH session from.
//!
//! `pam_env` reads `/etc/environment` unless its line says `readenv=0`, or another file that the line
//! names with `envfile=` (`pam_env(8)`). Its line may stand in a file that another one includes.

use nixvm_system::{GuestPath, System};

use super::LIMIT;

/// Where services are looked for; the first that has one counts (`pam(8)`).
const FOLDERS: &[&str] = &["/etc/pam.d", "/usr/lib/pam.d"];
/// How deep files include each other.
const DEPTH: u8 = 8;

/// The files; `None` if there is no PAM service of sshd.
pub(super) fn environment_files(system: &dyn System) -> Option<Vec<String>> {
    let mut files = Vec::new();
    service(system, "sshd", DEPTH, &mut files).then_some(files)
}

/// Whether there is such a service.
fn service(system: &dyn System, name: &str, depth: u8, files: &mut Vec<String>) -> bool {
    let read = |folder: &&str| {
        let path = GuestPath::new(&format!("{folder}/{name}")).ok()?;
        // What cannot be read is not known, and the same as not there.
        system.read(&path, LIMIT).ok()?
    };
    let Some(text) = FOLDERS.iter().find_map(read) else { return false };
    let text = String::from_utf8_lossy(&text).replace("\\\n", " ");
    for line in text.lines() {
        match meaning(line) {
            Some(Meaning::Include(name)) if depth > 0 => {
                service(system, name, depth - 1, files);
            }
            Some(Meaning::Reads(file)) => files.push(file.to_owned()),
            _ => {}
        }
    }
    true
}

/// What a line is about, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
enum Meaning<'a> {
    Include(&'a str),
    Reads(&'a str),
}

fn meaning(line: &str) -> Option<Meaning<'_>> {
    let line = line.split('#').next().unwrap_or_default().trim();
    if let Some(name) = line.strip_prefix("@include") {
        return Some(Meaning::Include(name.trim()));
    }
    let (kind, rest) = line.split_once(char::is_whitespace)?;
    // Sessions are set up by the modules of both kinds: sshd asks `auth` ones for credentials.
    if !matches!(kind.trim_start_matches('-'), "auth" | "session") {
        return None;
    }
    let (control, rest) = control(rest.trim_start())?;
    let mut words = rest.split_whitespace();
    let module = words.next()?;
    if matches!(control, "include" | "substack") {
        return Some(Meaning::Include(module));
    }
    let is_env = module.rsplit('/').next() == Some("pam_env.so");
    let options: Vec<&str> = words.collect();
    if !is_env || options.contains(&"readenv=0") {
        return None;
    }
    let named = options.iter().find_map(|option| option.strip_prefix("envfile="));
    Some(Meaning::Reads(named.unwrap_or("/etc/environment")))
}

/// A word, or `[value=action ...]`.
fn control(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']'),
        None => text.split_once(char::is_whitespace),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_distributions() {
        let table = [
            // Debian, Fedora, Arch
            (
                "session    required     pam_env.so # comment",
                Some(Meaning::Reads("/etc/environment")),
            ),
            ("auth        required      pam_env.so", Some(Meaning::Reads("/etc/environment"))),
            (
                "session required pam_env.so user_readenv=0 envfile=/etc/default/locale",
                Some(Meaning::Reads("/etc/default/locale")),
            ),
            ("@include common-session", Some(Meaning::Include("common-session"))),
            ("-session substack system-auth", Some(Meaning::Include("system-auth"))),
            ("session   include   system-login", Some(Meaning::Include("system-login"))),
            (
                "session [success=1 default=ignore] pam_env.so",
                Some(Meaning::Reads("/etc/environment")),
            ),
            // NixOS
            (
                "session required /nix/store/x-linux-pam/lib/security/pam_env.so conffile=/etc/pam/environment readenv=0 # env (order 10100)",
                None,
            ),
            ("account required pam_env.so", None),
            ("", None),
        ];
        for (line, expected) in table {
            assert_eq!(meaning(line), expected, "{line}");
        }
    }
}
