//! Provision scripts.
//!
//! A script is copied to a folder of the agent's, because the medium is readable by root alone and
//! its files are not executable; the copy is removed afterwards, since it may hold secrets. What a
//! script says goes to the journal under a name of its own.

use std::time::Duration;

use nixvm_system::{
    Attrs, Change, Command, Credentials, Ended, Finished, GuestPath, Links, Output, Owner, System,
    WriteError,
};

use super::Fault;
use super::accounts::find;
use super::secrets::Secrets;
use crate::accounts::Account;
use crate::config::env_file;
use crate::config::lima::Mode;
use crate::facts;
use crate::step::Script;

/// On disk and not in `/run`, which may be mounted `noexec`.
const FOLDER: &str = "/var/lib/nixvm-agent/scripts";

pub(super) fn run(system: &mut dyn System, script: &Script) -> Result<Change, Fault> {
    check_line_ends(script)?;
    let account = match script.mode {
        Mode::User => Some(find(system, &script.user)?),
        Mode::System | Mode::Dependency | Mode::Boot => None,
    };
    let owner = account
        .as_ref()
        .map_or(Owner::ROOT, |account| Owner { uid: account.uid, gid: account.gid });
    let folder = GuestPath::new(FOLDER)?;
    system.make_dir(&folder, Attrs::root(0o711), Links::Follow)?;
    let file = folder.join(&format!("{}-{}", script.mode.name(), script.name))?;
    system.write(&file, script.text.reveal(), Attrs { mode: 0o500, owner }, Links::Follow)?;
    let command = match &account {
        None => as_root(&file, script),
        Some(account) => {
            start_user_manager(system, account)?;
            as_user(system, &file, script, account)?
        }
    };
    let finished = system.run(&command);
    system.remove(&file)?;
    verdict(script, &finished?)
}

/// The kernel would look for an interpreter whose name ends with the carriage return.
fn check_line_ends(script: &Script) -> Result<(), Fault> {
    let first = script.text.reveal().split(|byte| *byte == b'\n').next().unwrap_or_default();
    if !first.ends_with(b"\r") {
        return Ok(());
    }
    let reason = "its lines end with CR LF, which neither the kernel nor a shell takes";
    Err(Fault::new("crlf-script", reason).hint("save the script with line ends of Unix (LF)"))
}

pub(super) fn tidy(system: &mut dyn System) -> Result<(), WriteError> {
    let Ok(folder) = GuestPath::new(FOLDER) else { return Ok(()) };
    // A folder that cannot be read has nothing that could be removed.
    for name in system.list(&folder).unwrap_or_default().unwrap_or_default() {
        if let Ok(file) = folder.join(&name) {
            system.remove(&file)?;
        }
    }
    Ok(())
}

fn verdict(script: &Script, finished: &Finished) -> Result<Change, Fault> {
    let line = Secrets::of(script.env.reveal()).last_line(&finished.tail);
    let line = line.map(|line| format!("; its last line: {line}")).unwrap_or_default();
    match finished.ended {
        Ended::Exit(0) => Ok(Change::Changed),
        Ended::Exit(code) => {
            Err(Fault::new("script-failed", format!("ended with exit code {code}{line}"))
                .hint(format!("its output: journalctl -t {}", identifier(script))))
        }
        Ended::Signal(signal) => {
            Err(Fault::new("script-killed", format!("was ended by signal {signal}{line}")))
        }
        Ended::TimedOut => {
            let reason = format!("did not end within {} s and was killed{line}", script.limit);
            let hint = match script.mode {
                Mode::Boot => "do what takes long in a script of mode system",
                _ => "a longer limit: nixvm-agent run --script-limit SECONDS in the late unit",
            };
            Err(Fault::new("script-timeout", reason).hint(hint))
        }
    }
}

fn identifier(script: &Script) -> String {
    format!("nixvm-provision.{}-{}", script.mode.name(), script.name)
}

/// A script of mode `boot` is one for `/bin/sh`, whatever its first line says.
fn as_root(file: &GuestPath, script: &Script) -> Command {
    let (program, args) = match script.mode {
        Mode::Boot => ("/bin/sh".to_owned(), vec![file.to_string()]),
        _ => (file.to_string(), Vec::new()),
    };
    Command {
        program,
        arg0: None,
        args,
        env: script.env.reveal().clone(),
        cwd: GuestPath::root(),
        user: None,
        limit: Duration::from_secs(script.limit),
        output: Output::Journal(identifier(script)),
    }
}

/// Through the user's login shell, as `sudo -i` does it: `/etc/environment` and its profile are read,
/// its home is the working directory, and of the environment only the parameters are kept.
fn as_user(
    system: &dyn System,
    file: &GuestPath,
    script: &Script,
    account: &Account,
) -> Result<Command, Fault> {
    let shell = account.shell.rsplit('/').next().unwrap_or("sh");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut env = vec![
        pair("HOME", &account.home),
        pair("USER", &account.name),
        pair("LOGNAME", &account.name),
        pair("SHELL", &account.shell),
        pair("TERM", "linux"),
        pair("XDG_RUNTIME_DIR", &format!("/run/user/{}", account.uid)),
    ];
    env.extend(script.env.reveal().iter().cloned());
    let image = system.read(&GuestPath::new("/etc/environment")?, 1 << 20)?.unwrap_or_default();
    // A bad line of the image's is not the script's concern.
    let image = env_file::pam("/etc/environment", &image, &mut Vec::new());
    let is_new = |(name, _): &(String, String)| !env.iter().any(|(other, _)| other == name);
    let image: Vec<_> = image.into_iter().filter(is_new).collect();
    env.extend(image);
    let groups = facts::accounts(system)?.map(|accounts| accounts.groups_of(account));
    Ok(Command {
        program: account.shell.clone(),
        arg0: Some(format!("-{shell}")),
        // The path holds only letters, digits, slashes and hyphens: nothing for a shell to read.
        args: vec!["-c".to_owned(), file.to_string()],
        env,
        cwd: GuestPath::new(&account.home)?,
        user: Some(Credentials {
            uid: account.uid,
            gid: account.gid,
            groups: groups.unwrap_or_else(|| vec![account.gid]),
        }),
        limit: Duration::from_secs(script.limit),
        output: Output::Journal(identifier(script)),
    })
}

/// Waits, for at most a minute, until the user's own systemd is up; a script may use it. Where it
/// does not come up the script runs all the same and says itself what it misses.
fn start_user_manager(system: &mut dyn System, account: &Account) -> Result<(), Fault> {
    if system.has("systemctl") {
        let unit = format!("user@{}.service", account.uid);
        system.run(&Command::tool("systemctl", &["start", &unit]))?;
    }
    Ok(())
}
