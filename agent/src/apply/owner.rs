//! Owners by name or number, and what they may do.

use nixvm_system::{Owner, Stat, System};

use super::Fault;
use crate::config::provision::FileOwner;
use crate::facts;

/// A user with its groups.
#[derive(Debug)]
pub(super) struct Who {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    /// The group that the seed names.
    named: Option<u32>,
}

impl Who {
    /// Looks the names up. A number needs no account.
    pub fn find(system: &dyn System, wanted: &FileOwner) -> Result<Self, Fault> {
        let accounts = facts::accounts(system)?.unwrap_or_default();
        let FileOwner { user, group } = wanted;
        let number = user.parse().ok();
        let by_number = || accounts.all().find(|account| Some(account.uid) == number);
        let account = accounts.find(user).or_else(by_number);
        let (uid, gid, groups) = match (account, number) {
            (Some(account), _) => (account.uid, account.gid, accounts.groups_of(&account)),
            (None, Some(uid)) => (uid, 0, Vec::new()),
            (None, None) => {
                return Err(Fault::new("no-such-user", format!("there is no user {user}")));
            }
        };
        let group_of = |name: &String| {
            let id = accounts.group_id(name).or_else(|| name.parse().ok());
            id.ok_or_else(|| Fault::new("no-such-group", format!("there is no group {name}")))
        };
        let named = group.as_ref().map(group_of).transpose()?;
        Ok(Self { uid, gid, groups, named })
    }

    /// The user and its own group.
    pub fn owner(&self) -> Owner {
        Owner { uid: self.uid, gid: self.gid }
    }

    /// The owner of a file: the group is the one that is named, else the one that the file has.
    pub fn owner_of(&self, there: Option<Stat>, new: Owner) -> Owner {
        let gid = self.named.unwrap_or_else(|| there.map_or(new, |stat| stat.owner).gid);
        Owner { uid: self.uid, gid }
    }

    /// Whether the user has these rights (1 enter, 2 write, 4 read) by the permission bits.
    pub fn may(&self, stat: Stat, rights: u32) -> bool {
        let shift = if stat.owner.uid == self.uid {
            6
        } else if self.groups.contains(&stat.owner.gid) {
            3
        } else {
            0
        };
        self.uid == 0 || stat.mode >> shift & rights == rights
    }
}
