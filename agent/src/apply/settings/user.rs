//! Groups, another name for the home, a folder for sockets.

use nixvm_system::{Attrs, Change, FileKind, GuestPath, Links, Owner, System};

use super::{Fault, LOCK_LIMIT, PASSWORD_LOCK, find, no_accounts, save};
use crate::facts;
use crate::step::Membership;

pub fn groups(system: &mut dyn System, user: &str, groups: &[Membership]) -> Result<Change, Fault> {
    let _lock = system.lock(&GuestPath::new(PASSWORD_LOCK)?, LOCK_LIMIT)?;
    let mut accounts = facts::accounts(system)?.ok_or_else(no_accounts)?;
    for Membership { group, is_made } in groups {
        if *is_made && !accounts.has_group(group) {
            accounts.add_system_group(group);
        }
        accounts.join(user, group);
    }
    save(system, &accounts)
}

/// Whatever has the name already keeps it: it may be another home.
pub fn alias(
    system: &mut dyn System,
    home: &GuestPath,
    alias: &GuestPath,
) -> Result<Change, Fault> {
    let is_home = system.stat(home)?.is_some_and(|stat| stat.kind == FileKind::Dir);
    if !is_home || system.stat(alias)?.is_some() {
        return Ok(Change::Unchanged);
    }
    Ok(system.link(alias, home.name())?)
}

/// The host makes links in it as the user, which is why it is the user's.
pub fn host_services(system: &mut dyn System, user: &str) -> Result<Change, Fault> {
    let account = find(system, user)?;
    let owner = Owner { uid: account.uid, gid: account.gid };
    let folder = GuestPath::new("/run/host-services")?;
    Ok(system.make_dir(&folder, Attrs { mode: 0o700, owner }, Links::Follow)?)
}
