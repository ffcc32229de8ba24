//! Users, keys, sudo.

use std::time::Duration;

use nixvm_system::{
    Attrs, Change, Command, Ended, FileKind, GuestPath, Links, Mount, Owner, Stat, System,
};

use super::{Fault, write};
use crate::accounts::{Account, Accounts, Wanted};
use crate::config::types::{AuthorizedKey, UserName, blob_of};
use crate::facts;
use crate::step::Action;

/// Shells that refuse a login.
const NO_LOGIN: &[&str] = &["nologin", "false", "true", "sync", "halt", "shutdown"];
/// Largest `authorized_keys` that is read, in bytes.
const LIMIT: u64 = 4 << 20;
/// The lock that shadow's and systemd's tools take around the account files, and how long they
/// wait for it (lckpwdf(3)).
pub(super) const PASSWORD_LOCK: &str = "/etc/.pwd.lock";
pub(super) const LOCK_LIMIT: Duration = Duration::from_secs(15);
/// Beginning of the name of a mark: the skeleton of this user's home is not all there yet.
const UNFINISHED: &str = "/var/lib/nixvm-agent/unfinished-home-";
const SUDOERS: &str = "/etc/sudoers.d/90-nixvm-agent";
const SUDOERS_CHECK: &str = "/run/nixvm-agent/sudoers-check";

pub(super) fn account(system: &mut dyn System, action: &Action) -> Result<Change, Fault> {
    let Action::Account {
        name,
        uid,
        gecos,
        home,
        shell,
        shell_is_named,
        lock_password,
        first_meeting,
    } = action
    else {
        return Ok(Change::Unchanged);
    };
    let name = name.as_str();
    let _lock = system.lock(&GuestPath::new(PASSWORD_LOCK)?, LOCK_LIMIT)?;
    let mut accounts = facts::accounts(system)?.ok_or_else(no_accounts)?;
    let today = system.now().as_secs() / 86400;
    let account = if let Some(there) = accounts.find(name) {
        accounts.ensure_shadow(name, today);
        if *lock_password && *first_meeting && there.uid != 0 {
            accounts.lock(name);
        }
        if *shell_is_named { adapt(&mut accounts, there, shell) } else { there }
    } else {
        let (home, shell) = (home.as_str(), shell.as_str());
        accounts
            .add(&Wanted { name, uid: *uid, gecos, home, shell, today })
            .map_err(|error| Fault::new("bad-field", error.to_string()))?
    };
    let change = save(system, &accounts)?;
    Ok(change.and(make_home(system, &account)?))
}

pub(super) fn no_accounts() -> Fault {
    Fault::new("no-accounts", "there is no /etc/passwd")
}

/// A user that is there keeps all it has; only a shell that refuses logins gives way to the one that
/// the seed names.
fn adapt(accounts: &mut Accounts, mut account: Account, shell: &GuestPath) -> Account {
    let name = account.shell.rsplit('/').next().unwrap_or_default();
    if NO_LOGIN.contains(&name) {
        account.shell = shell.to_string();
        accounts.set_shell(&account.name, shell.as_str());
    }
    account
}

/// Writes the files that differ. All are looked at before the first is written.
pub(super) fn save(system: &mut dyn System, accounts: &Accounts) -> Result<Change, Fault> {
    let mut writes = Vec::new();
    for (path, mode, text) in accounts.files() {
        let path = GuestPath::new(path)?;
        if system.read(&path, LIMIT)?.is_some_and(|now| now == text) {
            continue;
        }
        let attrs = match system.stat(&path)? {
            Some(stat) if stat.kind == FileKind::Link => {
                return Err(Fault::new("not-ours", format!("{path} is a link; it is left alone")));
            }
            Some(stat) => Attrs { mode: stat.mode, owner: stat.owner },
            None => Attrs::root(mode),
        };
        writes.push((path, text, attrs));
    }
    let mut change = Change::Unchanged;
    for (path, text, attrs) in writes {
        change = change.and(system.write(&path, text, attrs, Links::Follow)?);
    }
    Ok(change)
}

/// Makes the home, or gives the user one that was only made for mount points below it. A folder
/// that is anybody's else, `/etc` for example, is left as it is.
///
/// A mark says that the skeleton is not all there yet: whatever ends the work half-way, the next run
/// goes on with it.
fn make_home(system: &mut dyn System, account: &Account) -> Result<Change, Fault> {
    let home = GuestPath::new(&account.home)?;
    let mark = GuestPath::new(&format!("{UNFINISHED}{}", account.name))?;
    if system.stat(&mark)?.is_none() && !is_home_wanted(system, account, &home)? {
        return Ok(Change::Unchanged);
    }
    // A home without its skeleton is better than none.
    let marked = system.write(&mark, home.as_str().as_bytes(), Attrs::root(0o600), Links::Follow);
    let change = fill_home(system, account, &home)?;
    marked?;
    system.remove(&mark)?;
    Ok(change)
}

fn is_home_wanted(system: &dyn System, account: &Account, home: &GuestPath) -> Result<bool, Fault> {
    let Some(stat) = system.stat(home)? else { return Ok(true) };
    let is_spare = stat.kind == FileKind::Dir && stat.owner == Owner::ROOT;
    Ok(account.uid != 0 && is_spare && holds_only_mounts(system, home)?)
}

fn fill_home(
    system: &mut dyn System,
    account: &Account,
    home: &GuestPath,
) -> Result<Change, Fault> {
    let owner = Owner { uid: account.uid, gid: account.gid };
    let change = system.make_dir(home, Attrs { mode: 0o700, owner }, Links::Follow)?;
    copy_skeleton(system, &GuestPath::new("/etc/skel")?, home, owner, 0)?;
    Ok(change)
}

/// Whether nothing in the folder is anybody's work: mount points and the folders above them, also of
/// mounts that are not there now, and keys that were let in before.
fn holds_only_mounts(system: &dyn System, home: &GuestPath) -> Result<bool, Fault> {
    let mounts = system.mounts()?;
    for name in system.list(home)?.unwrap_or_default() {
        let entry = home.join(&name)?;
        let is_dir = |stat: Stat| stat.kind == FileKind::Dir;
        let is_keys = name == ".ssh" && system.stat(&entry)?.is_some_and(is_dir);
        if !is_keys && !is_hollow(system, &entry, &mounts, 0)? {
            return Ok(false);
        }
    }
    Ok(home.as_str() != "/")
}

fn is_hollow(
    system: &dyn System,
    entry: &GuestPath,
    mounts: &[Mount],
    depth: u8,
) -> Result<bool, Fault> {
    let is_on_the_way = |target: &GuestPath| target == entry || target.below(entry).is_some();
    if mounts.iter().any(|mount| is_on_the_way(&mount.target)) {
        return Ok(true);
    }
    let is_roots = |stat: Stat| stat.kind == FileKind::Dir && stat.owner == Owner::ROOT;
    if depth > 8 || !system.stat(entry)?.is_some_and(is_roots) {
        return Ok(false);
    }
    for name in system.list(entry)?.unwrap_or_default() {
        if !is_hollow(system, &entry.join(&name)?, mounts, depth + 1)? {
            return Ok(false);
        }
    }
    Ok(true)
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
    for path in [&folder, &file] {
        if system.stat(path)?.is_some_and(|stat| stat.kind == FileKind::Link) {
            return Err(Fault::new("link-in-the-way", format!("{path} is a symbolic link"))
                .hint("put a folder or file in its place, or add the key where it points"));
        }
    }
    if system.stat(&folder)?.is_none() {
        system.make_dir(&folder, Attrs { mode: 0o700, owner }, links)?;
    }
    // Whatever file is there now, the user may have put another in its place: never a set-user-id
    // bit, never an owner but the user or root.
    let there = system.stat(&file)?.filter(|stat| [owner, Owner::ROOT].contains(&stat.owner));
    let attrs = there.map_or(Attrs { mode: 0o600, owner }, |stat| Attrs {
        mode: stat.mode & 0o777,
        owner: stat.owner,
    });
    // The user may exchange the file for a link at any time; then nothing is read.
    let now = system.read_below(&file, &home, LIMIT)?.unwrap_or_default();
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
        .ok_or_else(no_accounts)?
        .find(user)
        .ok_or_else(|| Fault::new("no-such-user", format!("there is no user {user}")))
}

/// A broken file would take sudo from everybody, so the rules of each user are checked by themselves
/// before they are put in place; a bad one loses only its user's.
pub(super) fn sudo(
    system: &mut dyn System,
    rules: &[(UserName, Vec<String>)],
) -> Result<Change, Fault> {
    let mut text = String::from("# Written by nixvm-agent from the seed.\n");
    let mut refused = Vec::new();
    for (user, rules) in rules {
        let lines: String =
            rules.iter().map(|rule| format!("{} {rule}\n", user.as_str())).collect();
        let word = if is_plain(user, rules) { None } else { check(system, user, &lines)? };
        match word {
            None => text.push_str(&lines),
            Some(word) => refused.push(format!("{}: {word}", user.as_str())),
        }
    }
    let change = write(system, SUDOERS, text.as_bytes(), 0o440)?;
    if refused.is_empty() {
        return Ok(change);
    }
    let reason = format!("visudo refuses the rules of {}", refused.join("; "));
    Err(Fault::new("bad-sudo-rule", reason).hint("correct users[].sudo in the user-data"))
}

/// Rules that everybody writes. A process that looks at them costs more than the rest of the step.
const PLAIN: &[&str] = &[
    "ALL=(ALL) NOPASSWD:ALL",
    "ALL=(ALL) NOPASSWD: ALL",
    "ALL=(ALL:ALL) NOPASSWD:ALL",
    "ALL=(ALL:ALL) NOPASSWD: ALL",
    "ALL=(ALL) ALL",
    "ALL=(ALL:ALL) ALL",
];

/// Whether the lines are right for certain: no name in them that could be a keyword of sudoers(5),
/// which all have a capital, and no rule but a plain one.
fn is_plain(user: &UserName, rules: &[String]) -> bool {
    let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_-".contains(&c);
    let name = user.as_str();
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(is_plain)
        && rules.iter().all(|rule| PLAIN.contains(&rule.as_str()))
}

/// What is wrong with the lines, if visudo is there to say it.
fn check(system: &mut dyn System, user: &UserName, lines: &str) -> Result<Option<String>, Fault> {
    if !system.has("visudo") {
        return Ok(None);
    }
    let file = format!("{SUDOERS_CHECK}-{}", user.as_str());
    write(system, &file, lines.as_bytes(), 0o440)?;
    let finished = system.run(&Command::tool("visudo", &["-c", "-q", "-f", &file]));
    system.remove(&GuestPath::new(&file)?)?;
    let finished = finished?;
    Ok((finished.ended != Ended::Exit(0)).then(|| finished.tail.trim().to_owned()))
}
