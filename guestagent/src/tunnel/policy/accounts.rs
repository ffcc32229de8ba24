//! Users, as the account files and Lima's medium have them now.

use crate::tunnel::owner::Owner;
use std::collections::HashMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Where Lima's medium is mounted for as long as the guest runs.
const LIMA_ENV: &str = "/mnt/lima-cidata/lima.env";
/// How long what is known of users is believed without a look.
const LOOK: Duration = Duration::from_secs(1);

/// What is known of users.
#[derive(Debug)]
pub struct Accounts {
    /// Whom to dial for when the peer is not a user: a name or a number.
    setting: Option<String>,
    etc: PathBuf,
    lima_env: PathBuf,
    looked: Option<Instant>,
    /// None before the first look.
    stamps: Option<[Stamp; 3]>,
    owner: Option<u32>,
    owners: HashMap<Option<u32>, Rc<Owner>>,
}

type Stamp = Option<(u64, u64, i64, i64)>;

impl Accounts {
    /// Those of this machine, with an owner's name or number if one is set.
    pub fn new(setting: Option<String>) -> Self {
        Self {
            setting,
            etc: "/etc".into(),
            lima_env: LIMA_ENV.into(),
            looked: None,
            stamps: None,
            owner: None,
            owners: HashMap::new(),
        }
    }

    /// Whom to dial for when the peer is not a user.
    pub fn owner(&mut self) -> Option<u32> {
        self.look();
        self.owner
    }

    /// The rights of a user; without one, of nobody.
    ///
    /// # Errors
    /// The account files cannot be read.
    pub fn find(&mut self, uid: Option<u32>) -> io::Result<Rc<Owner>> {
        self.look();
        if let Some(found) = self.owners.get(&uid) {
            return Ok(found.clone());
        }
        let owner = Rc::new(match uid {
            Some(uid) => Owner::find(uid, &self.etc)?,
            None => Owner::nobody(&self.etc)?,
        });
        self.owners.insert(uid, owner.clone());
        Ok(owner)
    }

    /// Forgets what is known when a file it came from has changed.
    fn look(&mut self) {
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return;
        }
        self.looked = Some(Instant::now());
        let files = [&self.etc.join("passwd"), &self.etc.join("group"), &self.lima_env];
        let stamps = Some(files.map(|path| stamp(path)));
        if self.stamps != stamps {
            self.owners.clear();
            self.stamps = stamps;
            self.owner = match self.setting.as_deref() {
                Some(owner) => uid_of(owner, &self.etc),
                None => lima_uid(&self.lima_env),
            };
        }
    }
}

/// The number of a user; root owns nothing here, and is none.
fn uid_of(owner: &str, etc: &Path) -> Option<u32> {
    let number = owner.parse().ok().or_else(|| {
        Owner::uid_of(owner, etc).unwrap_or_else(|error| {
            tracing::warn!(owner, %error, "owner of the tunnels not found");
            None
        })
    });
    number.filter(|uid| *uid != 0)
}

fn stamp(path: &Path) -> Stamp {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()))
}

/// `LIMA_CIDATA_UID` of a file that root owns.
fn lima_uid(path: &Path) -> Option<u32> {
    // Absent is the usual case of other hosts, and unreadable is no owner either.
    let meta = std::fs::metadata(path).ok().filter(|meta| meta.uid() == 0)?;
    let text = std::fs::read_to_string(path).ok().filter(|_| meta.is_file())?;
    let uid = text.lines().find_map(|line| line.trim().strip_prefix("LIMA_CIDATA_UID="))?;
    uid.parse().ok().filter(|uid| *uid != 0)
}

#[cfg(test)]
mod tests;
