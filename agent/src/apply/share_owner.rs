//! Whose the files of a share are: docs/decisions/0014-owners-on-shares.md.

use nixvm_system::{Change, GuestPath, Owner, System};

use super::Fault;
use super::accounts::find;
use super::mounts::mounted;

/// Only where the share's root is the host user's is it clear whose files they are; all others stay
/// as they are. What cannot be mapped is said and no fault: the share is there and can be read.
pub(super) fn exchange(
    system: &mut dyn System,
    target: &GuestPath,
    user: &str,
    host: u32,
) -> Result<Change, Fault> {
    let account = find(system, user)?;
    if mounted(system, target)?.is_none() {
        return Err(Fault::new("not-mounted", "nothing is mounted there").allowed());
    }
    let place = system.resolve(target)?.unwrap_or_else(|| target.clone());
    let Some(root) = system.stat(&place)?.map(|stat| stat.owner) else {
        return Ok(Change::Unchanged);
    };
    if root.uid != host || root.uid == account.uid {
        return Ok(Change::Unchanged);
    }
    let own = Owner { uid: account.uid, gid: account.gid };
    // The group of root is root's, whoever else is in it.
    let group = if root.gid == 0 { own.gid } else { root.gid };
    let theirs = Owner { uid: host, gid: group };
    match system.exchange_owners(&place, theirs, own) {
        Ok(()) => Ok(Change::Changed),
        Err(error) => {
            Err(Fault::new(error.code(), differs(user, own.uid, host)).hint(HINT).allowed())
        }
    }
}

fn differs(user: &str, own: u32, host: u32) -> String {
    format!(
        "its files belong to {host}, {user} is {own}, and the share cannot show them as another's"
    )
}

const HINT: &str = "see docs/reference/mounts.md, or give the user the host user's id";
