//! Provision scripts.
//!
//! A script is copied to a folder of the agent's, because the medium is readable by root alone and
//! its files are not executable; the copy is removed afterwards, since it may hold secrets.

use std::time::Duration;

use nixvm_system::{
    Attrs, Change, Command, Credentials, Ended, GuestPath, Links, Output, Owner, System, WriteError,
};

use super::Fault;
use super::accounts::find;
use crate::accounts::Account;
use crate::config::lima::Mode;
use crate::facts;
use crate::step::Script;

/// On disk and not in `/run`, which may be mounted `noexec`.
const FOLDER: &str = "/var/lib/nixvm-agent/scripts";

pub(super) fn run(system: &mut dyn System, script: &Script) -> Result<Change, Fault> {
    let account = match script.mode {
        Mode::System => None,
        Mode::User => Some(find(system, &script.user)?),
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
    verdict(script, finished?.ended)
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

fn verdict(script: &Script, ended: Ended) -> Result<Change, Fault> {
    match ended {
        Ended::Exit(0) => Ok(Change::Changed),
        Ended::Exit(code) => {
            Err(Fault::new("script-failed", format!("ended with exit code {code}"))
                .hint("its output is in the journal: journalctl -u nixvm-agent-late"))
        }
        Ended::Signal(signal) => {
            Err(Fault::new("script-killed", format!("was ended by signal {signal}")))
        }
        Ended::TimedOut => {
            let reason = format!("did not end within {} s and was killed", script.limit);
            Err(Fault::new("script-timeout", reason)
                .hint("a longer limit: nixvm-agent run --script-limit SECONDS in the late unit"))
        }
    }
}

fn as_root(file: &GuestPath, script: &Script) -> Command {
    Command {
        program: file.to_string(),
        arg0: None,
        args: Vec::new(),
        env: script.env.reveal().clone(),
        cwd: GuestPath::root(),
        user: None,
        limit: Duration::from_secs(script.limit),
        output: Output::Inherit,
    }
}

/// Through the user's login shell, as `sudo -i` does it: its profile is read, its home is the
/// working directory, and of the environment only the parameters are kept.
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
        output: Output::Inherit,
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
