//! Who a tunnel is dialled for, and what it may not reach.
//!
//! For a peer that is a user of the guest, that user. For the host, the owner
//! that the command line or the settings name, else the user of Lima's medium.
//! Without one, TCP and UDP are dialled as `nobody`, and Unix sockets, which
//! would be judged by a user's rights, not at all.

use super::decode::Handshake;
use super::dial::{self, DialError, Target};
use super::lists::Lists;
use super::owner::Owner;
use super::socket::Socket;
use crate::listen::Peer;
use crate::settings::Tunnel;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where Lima's medium is mounted for as long as the guest runs.
const LIMA_ENV: &str = "/mnt/lima-cidata/lima.env";
/// How long what is known of users is believed without a look.
const LOOK: Duration = Duration::from_secs(1);

/// What holds for all tunnels of an agent.
#[derive(Debug)]
pub struct Policy {
    /// A name or a number.
    owner: Option<String>,
    lists: Lists,
    etc: PathBuf,
    lima_env: PathBuf,
    known: RefCell<Known>,
}

/// Users as the account files had them when they were last looked at.
#[derive(Debug, Default)]
struct Known {
    looked: Option<Instant>,
    /// None before the first look.
    stamps: Option<[Stamp; 3]>,
    /// Whom to dial for when the peer is not a user.
    owner: Option<u32>,
    owners: HashMap<Option<u32>, Owner>,
}

type Stamp = Option<(u64, u64, i64, i64)>;

impl Policy {
    /// For an agent whose owner the command line names, if it is not 0, and
    /// else the settings.
    pub fn new(socket_owner: u32, settings: &Tunnel) -> Self {
        let flag = (socket_owner != 0).then(|| socket_owner.to_string());
        Self {
            owner: flag.or_else(|| settings.owner.clone()),
            lists: Lists::new(&settings.allow, &settings.deny).0,
            etc: "/etc".into(),
            lima_env: LIMA_ENV.into(),
            known: RefCell::default(),
        }
    }

    /// Begins to connect to what the peer named. What is refused is logged.
    ///
    /// # Errors
    /// Not allowed, no such target, or nobody there.
    pub fn dial(&self, peer: &Peer, wanted: &Handshake) -> Result<Socket, DialError> {
        self.look();
        let uid = peer.owner.or(self.known.borrow().owner);
        self.try_dial(uid, wanted).inspect_err(|reason| {
            if reason.is_refusal() {
                let owner = uid.map_or_else(|| "nobody".into(), |uid| uid.to_string());
                let Handshake { protocol, target, .. } = wanted;
                tracing::warn!(%peer, owner, protocol, target, %reason, "dial refused");
            } else {
                let target = &wanted.target;
                tracing::debug!(%peer, target, %reason, "tunnel not connected");
            }
        })
    }

    fn try_dial(&self, uid: Option<u32>, wanted: &Handshake) -> Result<Socket, DialError> {
        let target = Target::parse(&wanted.protocol, &wanted.target)?;
        if let Some(reason) = self.lists.refuse(&target) {
            return Err(DialError::Denied { target: target.to_string(), reason });
        }
        if let (None, Target::Unix(_)) = (uid, &target) {
            let reason = "no owner is known by whose rights it could be judged".into();
            return Err(DialError::Denied { target: target.to_string(), reason });
        }
        let owner = self.find(uid).map_err(|source| DialError::Rights { source })?;
        dial::dial(&target, &owner)
    }

    /// Forgets what is known when a file it came from has changed.
    fn look(&self) {
        let mut known = self.known.borrow_mut();
        if known.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return;
        }
        known.looked = Some(Instant::now());
        let files = [&self.etc.join("passwd"), &self.etc.join("group"), &self.lima_env];
        let stamps = Some(files.map(|path| stamp(path)));
        if known.stamps != stamps {
            known.owners.clear();
            known.stamps = stamps;
            known.owner = match self.owner.as_deref() {
                Some(owner) => uid_of(owner, &self.etc),
                None => lima_uid(&self.lima_env),
            };
        }
    }

    /// The rights of a user.
    fn find(&self, uid: Option<u32>) -> io::Result<Owner> {
        let mut known = self.known.borrow_mut();
        if let Some(found) = known.owners.get(&uid) {
            return Ok(found.clone());
        }
        let owner = match uid {
            Some(uid) => Owner::find(uid, &self.etc)?,
            None => Owner::nobody(&self.etc)?,
        };
        known.owners.insert(uid, owner.clone());
        Ok(owner)
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
mod tests {
    use super::*;

    fn policy(owner: u32, folder: &Path) -> Policy {
        let policy = Policy::new(owner, &Tunnel::default());
        Policy { etc: folder.into(), lima_env: folder.join("lima.env"), ..policy }
    }

    #[test]
    fn without_an_owner_unix_sockets_are_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let wanted =
            Handshake { protocol: "unix".into(), target: "/run/x".into(), ..Handshake::default() };
        let refused = policy(0, folder.path()).dial(&Peer::user(0), &wanted).expect_err("refused");
        let expected = "dial unix /run/x: no owner is known by whose rights it could be judged";
        assert_eq!(refused.to_string(), expected);
    }

    #[test]
    fn the_user_of_limas_medium_is_the_last_choice() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("lima.env");
        assert_eq!(lima_uid(&file), None);
        for (text, expected) in [
            ("LIMA_CIDATA_NAME=x\nLIMA_CIDATA_UID=501\n", Some(501)),
            ("LIMA_CIDATA_UID=0\n", None),
            ("LIMA_CIDATA_UID=me\n", None),
            ("", None),
        ] {
            std::fs::write(&file, text).expect("file");
            let ours = rustix::process::getuid().is_root();
            assert_eq!(lima_uid(&file), expected.filter(|_| ours), "{text:?}");
        }
    }

    #[test]
    fn a_group_that_is_joined_counts_a_moment_later() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("passwd"), "me:x:501:20::/:/bin/sh\n").expect("passwd");
        std::fs::write(folder.path().join("group"), "docker:x:991:\n").expect("group");
        let policy = policy(501, folder.path());
        policy.look();
        let before = policy.find(Some(501)).expect("user");
        std::fs::write(folder.path().join("group"), "docker:x:991:me\n").expect("group");
        policy.look();
        assert_eq!(policy.find(Some(501)).expect("user"), before, "looked a moment ago");
        policy.known.borrow_mut().looked = None;
        policy.look();
        assert_ne!(policy.find(Some(501)).expect("user"), before);
    }

    #[test]
    fn the_flag_comes_before_the_settings_and_these_before_the_medium() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("passwd"), "ada:x:1815:20::/:/bin/sh\n").expect("passwd");
        std::fs::write(folder.path().join("lima.env"), "LIMA_CIDATA_UID=501\n").expect("env");
        for (flag, setting, expected) in [
            (7, Some("ada"), Some(7)),
            (0, Some("ada"), Some(1815)),
            (0, Some("42"), Some(42)),
            (0, Some("nobody-there"), None),
            (0, Some("0"), None),
            (0, None, Some(501)),
        ] {
            let settings = Tunnel { owner: setting.map(Into::into), ..Tunnel::default() };
            let policy = Policy {
                etc: folder.path().into(),
                lima_env: folder.path().join("lima.env"),
                ..Policy::new(flag, &settings)
            };
            policy.look();
            assert_eq!(policy.known.borrow().owner, expected, "{flag} {setting:?}");
        }
    }

    #[test]
    fn an_owner_by_number_needs_no_account_files() {
        let folder = tempfile::tempdir().expect("folder");
        let policy = policy(501, folder.path());
        policy.look();
        assert_eq!(policy.known.borrow().owner, Some(501));
    }

    /// Sockets that each one of two users may open, dialled for both by two
    /// threads at once: every server sees its own user, every time.
    #[test]
    fn two_owners_at_once_never_get_each_others_rights() {
        if !rustix::process::geteuid().is_root() {
            return println!("SKIP two_owners_at_once_never_get_each_others_rights: needs root");
        }
        let folder = tempfile::tempdir().expect("folder");
        let mode = std::os::unix::fs::PermissionsExt::from_mode;
        std::fs::set_permissions(folder.path(), mode(0o755)).expect("mode");
        std::thread::scope(|scope| {
            for uid in [501, 502] {
                let path = folder.path().join(uid.to_string());
                let server = std::os::unix::net::UnixListener::bind(&path).expect("socket");
                std::os::unix::fs::chown(&path, Some(uid), None).expect("owner");
                std::fs::set_permissions(&path, mode(0o600)).expect("mode");
                scope.spawn(move || {
                    let runtime =
                        tokio::runtime::Builder::new_current_thread().enable_all().build();
                    let _entered = runtime.as_ref().expect("runtime").enter();
                    let policy = Policy::new(0, &Tunnel::default());
                    let protocol = "unix".to_owned();
                    let target = path.display().to_string();
                    let wanted = Handshake { protocol, target, ..Handshake::default() };
                    for _ in 0..500 {
                        let _socket = policy.dial(&Peer::user(uid), &wanted).expect("own socket");
                        let (stream, _) = server.accept().expect("connection");
                        let seen = rustix::net::sockopt::socket_peercred(&stream).expect("peer");
                        assert_eq!(seen.uid.as_raw(), uid);
                        let other = &Peer::user(if uid == 501 { 502 } else { 501 });
                        let refused = policy.dial(other, &wanted).expect_err("the other's socket");
                        assert!(refused.to_string().ends_with("permission denied"), "{refused}");
                    }
                });
            }
        });
    }
}
