//! Users, keys, sudo.

use std::time::Duration;

use nixvm_system::{Attrs, Change, Command, Ended, FileKind, GuestPath, Links, Owner, System};

use super::{Fault, write};
use crate::accounts::{Account, Accounts, Wanted};
use crate::config::types::{AuthorizedKey, blob_of};
use crate::facts;
use crate::step::Action;

/// Shells that refuse a login.
const NO_LOGIN: &[&str] = &["nologin", "false", "true", "sync", "halt", "shutdown"];
/// Largest `authorized_keys` that is read, in bytes.
const LIMIT: u64 = 4 << 20;
/// The lock that shadow's and systemd's tools take around the account files, and how long they
/// wait for it (lckpwdf(3)).
const PASSWORD_LOCK: &str = "/etc/.pwd.lock";
const LOCK_LIMIT: Duration = Duration::from_secs(15);
const SUDOERS: &str = "/etc/sudoers.d/90-nixvm-agent";
const SUDOERS_CHECK: &str = "/run/nixvm-agent/sudoers.check";

pub(super) fn account(system: &mut dyn System, action: &Action) -> Result<Change, Fault> {
    let Action::Account { name, uid, gecos, home, shell, lock_password, first_meeting } = action
    else {
        return Ok(Change::Unchanged);
    };
    let name = name.as_str();
    let _lock = system.lock(&GuestPath::new(PASSWORD_LOCK)?, LOCK_LIMIT)?;
    let mut accounts = facts::accounts(system)?;
    let there = accounts.find(name);
    let is_new = there.is_none();
    let account = if let Some(account) = there {
        adapt(&mut accounts, account, shell)
    } else {
        let today = system.now().as_secs() / 86400;
        let (home, shell) = (home.as_str(), shell.as_str());
        accounts
            .add(&Wanted { name, uid: *uid, gecos, home, shell, today })
            .map_err(|error| Fault::new("bad-field", error.to_string()))?
    };
    if !is_new && *lock_password && *first_meeting && account.uid != 0 {
        accounts.lock(name);
    }
    let change = save(system, &accounts)?;
    Ok(change.and(make_home(system, &account, is_new)?))
}

/// A user that is there keeps all it has; only a shell that refuses logins is exchanged.
fn adapt(accounts: &mut Accounts, mut account: Account, shell: &GuestPath) -> Account {
    let name = account.shell.rsplit('/').next().unwrap_or_default();
    if NO_LOGIN.contains(&name) {
        account.shell = shell.to_string();
        accounts.set_shell(&account.name, shell.as_str());
    }
    account
}

/// Writes the files that differ, under the lock that shadow's tools take too. Groups come first:
/// a user whose group is missing would be worse than a group without its user.
fn save(system: &mut dyn System, accounts: &Accounts) -> Result<Change, Fault> {
    let mut change = Change::Unchanged;
    for (path, mode, text) in accounts.files() {
        let path = GuestPath::new(path)?;
        let Some(stat) = system.stat(&path)? else {
            change = change.and(system.write(&path, text, Attrs::root(mode), Links::Follow)?);
            continue;
        };
        if stat.kind == FileKind::Link {
            return Err(Fault::new("not-ours", format!("{path} is a link; it is left alone")));
        }
        let attrs = Attrs { mode: stat.mode, owner: stat.owner };
        change = change.and(system.write(&path, text, attrs, Links::Follow)?);
    }
    Ok(change)
}

fn make_home(system: &mut dyn System, account: &Account, is_new: bool) -> Result<Change, Fault> {
    let home = GuestPath::new(&account.home)?;
    let owner = Owner { uid: account.uid, gid: account.gid };
    match system.stat(&home)? {
        // An existing home is somebody's: it is not given away, and its mode is not changed.
        Some(_) if !is_new => return Ok(Change::Unchanged),
        // Mount points below it may have been made first; then it is empty but for them.
        Some(stat) if stat.owner != Owner::ROOT || home == GuestPath::root() => {
            return Ok(Change::Unchanged);
        }
        _ => {}
    }
    let change = system.make_dir(&home, Attrs { mode: 0o700, owner }, Links::Follow)?;
    copy_skeleton(system, &GuestPath::new("/etc/skel")?, &home, owner, 0)?;
    Ok(change)
}

/// Copies files and folders of `/etc/skel`; links are left out.
fn copy_skeleton(
    system: &mut dyn System,
    from: &GuestPath,
    home: &GuestPath,
    owner: Owner,
    depth: u8,
) -> Result<(), Fault> {
    for name in system.list(from)?.unwrap_or_default() {
        let (source, target) = (from.join(&name)?, home.join(&name)?);
        let Some(stat) = system.stat(&source)? else { continue };
        let attrs = Attrs { mode: stat.mode & 0o777, owner };
        match stat.kind {
            FileKind::File if system.stat(&target)?.is_none() => {
                let bytes = system.read(&source, LIMIT)?.unwrap_or_default();
                system.write(&target, &bytes, attrs, Links::RefuseBelow(home))?;
            }
            FileKind::Dir if depth < 8 => {
                system.make_dir(&target, attrs, Links::RefuseBelow(home))?;
                copy_skeleton(system, &source, &target, owner, depth + 1)?;
            }
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn keys(
    system: &mut dyn System,
    user: &str,
    keys: &[AuthorizedKey],
) -> Result<Change, Fault> {
    let account = find(system, user)?;
    let home = GuestPath::new(&account.home)?;
    let owner = Owner { uid: account.uid, gid: account.gid };
    let links = Links::RefuseBelow(&home);
    let folder = home.join(".ssh")?;
    let file = folder.join("authorized_keys")?;
    if system.stat(&folder)?.is_none() {
        system.make_dir(&folder, Attrs { mode: 0o700, owner }, links)?;
    }
    let stat = system.stat(&file)?;
    let attrs = match stat {
        Some(stat) if stat.kind == FileKind::Link => {
            return Err(Fault::new("link-in-the-way", format!("{file} is a symbolic link"))
                .hint("make it a regular file, or add the key to the file it points to"));
        }
        Some(stat) => Attrs { mode: stat.mode, owner: stat.owner },
        None => Attrs { mode: 0o600, owner },
    };
    let now = system.read(&file, LIMIT)?.unwrap_or_default();
    let merged = merge(&now, keys);
    Ok(system.write(&file, &merged, attrs, links)?)
}

/// Adds the keys that are not there yet. Every line that is there stays, whoever wrote it.
fn merge(now: &[u8], keys: &[AuthorizedKey]) -> Vec<u8> {
    let mut merged = now.to_vec();
    if !merged.is_empty() && !merged.ends_with(b"\n") {
        merged.push(b'\n');
    }
    let text = String::from_utf8_lossy(now).into_owned();
    let there: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(blob_of)
        .collect();
    for key in keys.iter().filter(|key| !there.contains(&key.blob())) {
        merged.extend(format!("{}\n", key.line()).bytes());
    }
    merged
}

pub(super) fn find(system: &dyn System, user: &str) -> Result<Account, Fault> {
    facts::accounts(system)?
        .find(user)
        .ok_or_else(|| Fault::new("no-such-user", format!("there is no user {user}")))
}

/// A broken file would take sudo from everybody, so it is checked before it is put in place.
pub(super) fn sudo(system: &mut dyn System, text: &str) -> Result<Change, Fault> {
    write(system, SUDOERS_CHECK, text.as_bytes(), 0o440)?;
    let check = Command::tool("visudo", &["-c", "-q", "-f", SUDOERS_CHECK]);
    let checked = system.has("visudo").then(|| system.run(&check));
    system.remove(&GuestPath::new(SUDOERS_CHECK)?)?;
    if let Some(finished) = checked.transpose()?
        && finished.ended != Ended::Exit(0)
    {
        let reason = format!("visudo refuses the rules: {}", finished.tail.trim());
        return Err(Fault::new("bad-sudo-rule", reason)
            .hint("no rule is written; correct users[].sudo in the user-data"));
    }
    write(system, SUDOERS, text.as_bytes(), 0o440)
}
