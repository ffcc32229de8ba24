//! Whose rights a tunnel has.
//!
//! The agent is root, and whoever reaches it could reach all that root can
//! (GHSA-2j9v-p4xj-cjw2). So a socket of a tunnel is made with the effective
//! user, group and groups of the agent's owner, and where connecting takes
//! rights, connected with them. Linux keeps these for each thread and drops the
//! effective capabilities when root becomes another user; the saved user stays
//! root, by which the thread comes back. Nothing waits in between, so nothing
//! else runs on this thread meanwhile.

use rustix::io::Errno;
use rustix::process::{Gid, Uid, getegid, geteuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use std::cell::RefCell;
use std::io;
use std::path::Path;

/// What `nobody` is where the account files do not say: the kernel's own
/// number for users that it cannot name.
const OVERFLOW: u32 = 65_534;

thread_local! {
    /// The groups that this thread has taken.
    static TAKEN: RefCell<Option<Vec<u32>>> = const { RefCell::new(None) };
}

/// The rights of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
}

impl Owner {
    /// A user by number, with the groups that the account files below `etc`
    /// give it. A user that is not in them has no groups.
    ///
    /// # Errors
    /// The account files cannot be read. That they are missing is no error.
    pub fn find(uid: u32, etc: &Path) -> io::Result<Self> {
        let (passwd, group) = files(etc)?;
        Ok(Self::in_files(uid, &passwd, &group))
    }

    /// The number of a user by name, if the account files have it.
    ///
    /// # Errors
    /// As of [`Owner::find`].
    pub fn uid_of(name: &str, etc: &Path) -> io::Result<Option<u32>> {
        let (passwd, _) = files(etc)?;
        let user = lines(&passwd).find(|fields| fields.first() == Some(&name));
        Ok(user.and_then(|fields| fields.get(2)?.parse().ok()))
    }

    /// The user that owns nothing.
    ///
    /// # Errors
    /// As of [`Owner::find`].
    pub fn nobody(etc: &Path) -> io::Result<Self> {
        let (passwd, _) = files(etc)?;
        let nobody = lines(&passwd).find(|fields| fields.first() == Some(&"nobody"));
        let number = |at: usize| nobody.as_ref()?.get(at)?.parse().ok().filter(|id| *id != 0);
        let (uid, gid) = (number(2).unwrap_or(OVERFLOW), number(3).unwrap_or(OVERFLOW));
        Ok(Self { uid, gid, groups: Vec::new() })
    }

    /// Root's rights do not come from groups, so those of the last owner stay
    /// with the thread until another one's are needed.
    fn take_groups(&self) -> io::Result<()> {
        TAKEN.with_borrow_mut(|taken| {
            if taken.as_ref() != Some(&self.groups) {
                let groups: Vec<_> = self.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
                set_thread_groups(&groups)?;
                *taken = Some(self.groups.clone());
            }
            Ok(())
        })
    }

    fn in_files(uid: u32, passwd: &str, group: &str) -> Self {
        let text = uid.to_string();
        let Some(user) = lines(passwd).find(|fields| fields.get(2) == Some(&text.as_str())) else {
            return Self { uid, gid: OVERFLOW, groups: Vec::new() };
        };
        let name = user.first().copied().unwrap_or_default();
        let gid = user.get(3).and_then(|gid| gid.parse().ok()).unwrap_or(OVERFLOW);
        let member = |fields: &Vec<&str>| {
            fields.get(3).is_some_and(|names| names.split(',').any(|member| member == name))
        };
        let mut groups = vec![gid];
        let number = |fields: Vec<&str>| fields.get(2)?.parse::<u32>().ok();
        groups.extend(lines(group).filter(member).filter_map(number));
        groups.dedup();
        Self { uid, gid, groups }
    }

    /// Does something with these rights. It must not wait.
    ///
    /// # Errors
    /// The rights could not be taken, and nothing was done.
    pub fn act<T>(&self, work: impl FnOnce() -> T) -> io::Result<T> {
        let own = geteuid();
        if own.as_raw() == self.uid && !own.is_root() {
            return Ok(work());
        }
        self.take_groups()?;
        let back = Back { uid: own, gid: getegid() };
        set_thread_res_gid(None, Gid::from_raw(self.gid), None)?;
        set_thread_res_uid(None, Uid::from_raw(self.uid), None)?;
        let done = work();
        drop(back);
        Ok(done)
    }
}

fn files(etc: &Path) -> io::Result<(String, String)> {
    let read = |name| match std::fs::read(etc.join(name)) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    };
    Ok((read("passwd")?, read("group")?))
}

fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split(':').collect())
}

/// The agent's own rights, which come back whatever happens.
struct Back {
    uid: Uid,
    gid: Gid,
}

impl Drop for Back {
    fn drop(&mut self) {
        let restore = || {
            set_thread_res_uid(None, self.uid, None)?;
            set_thread_res_gid(None, self.gid, None)
        };
        // Going on as somebody else would be worse than not going on.
        if restore() != Ok::<(), Errno>(()) {
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests;
