//! TCP sockets that are made before they are wanted.
//!
//! Whose a TCP socket is, is settled when it is made: routing by user looks at
//! the user of its inode, a firewall at the rights that its file was opened
//! with. To connect it takes no right at all. So the owner's rights are taken
//! for a few sockets at a time and when nobody waits, and a tunnel finds one
//! ready. An agent without tunnels makes none.

use super::socket;
use crate::tunnel::owner::Owner;
use rustix::net::{AddressFamily, SocketType, sockopt};
use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// So many at a time.
const BATCH: usize = 4;

/// Sockets of the last owner.
#[derive(Debug, Default)]
pub struct Spares(RefCell<Option<Batch>>);

#[derive(Debug)]
struct Batch {
    owner: Rc<Owner>,
    family: AddressFamily,
    sockets: Vec<OwnedFd>,
}

impl Spares {
    /// A socket of this owner, a spare one if there is one.
    ///
    /// # Errors
    /// The rights could not be taken; in the result, there is no socket.
    pub fn take(
        &self,
        owner: &Rc<Owner>,
        family: AddressFamily,
    ) -> io::Result<io::Result<OwnedFd>> {
        let mut batch = self.0.borrow_mut();
        match batch.as_mut().filter(|batch| batch.family == family && batch.owner == *owner) {
            Some(batch) => {
                if let Some(socket) = batch.sockets.pop() {
                    return Ok(Ok(socket));
                }
            }
            None => *batch = Some(Batch { owner: owner.clone(), family, sockets: Vec::new() }),
        }
        owner.act(|| tcp(family))
    }

    /// Makes more for the last owner, if none is left.
    pub fn refill(&self) {
        let mut last = self.0.borrow_mut();
        let Some(batch) = last.as_mut().filter(|batch| batch.sockets.is_empty()) else { return };
        let family = batch.family;
        let made = batch.owner.act(|| (0..BATCH).map(|_| tcp(family)).collect());
        match made.and_then(|sockets: io::Result<_>| sockets) {
            Ok(sockets) => batch.sockets = sockets,
            Err(error) => {
                // Whoever dials next has this error, or none.
                tracing::trace!(%error, "no spare sockets");
                *last = None;
            }
        }
    }
}

/// The acknowledgement that ends the handshake is left to the first bytes:
/// [`crate::tunnel::socket::Socket::acknowledge`] sends it if there are none.
fn tcp(family: AddressFamily) -> io::Result<OwnedFd> {
    let fd = socket(family, SocketType::STREAM)?;
    sockopt::set_tcp_nodelay(&fd, true)?;
    sockopt::set_tcp_quickack(&fd, false)?;
    Ok(fd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(uid: u32, etc: &tempfile::TempDir) -> Rc<Owner> {
        Rc::new(Owner::find(uid, etc.path()).expect("no account files"))
    }

    #[test]
    fn a_spare_is_its_owners_and_nobody_elses() {
        if !rustix::process::geteuid().is_root() {
            return println!("SKIP a_spare_is_its_owners_and_nobody_elses: needs root");
        }
        let (etc, spares) = (tempfile::tempdir().expect("folder"), Spares::default());
        for uid in [501, 501, 502, 501, 502, 502] {
            for family in [AddressFamily::INET, AddressFamily::INET6] {
                let fd = spares.take(&owner(uid, &etc), family).expect("rights").expect("socket");
                assert_eq!(rustix::fs::fstat(&fd).expect("inode").st_uid, uid);
                assert_eq!(sockopt::socket_domain(&fd), Ok(family));
                assert_eq!(sockopt::tcp_nodelay(&fd), Ok(true));
                spares.refill();
            }
        }
    }

    #[test]
    fn none_is_made_before_the_first_tunnel_and_few_after_it() {
        let (etc, spares) = (tempfile::tempdir().expect("folder"), Spares::default());
        let left = || spares.0.borrow().as_ref().map(|batch| batch.sockets.len());
        spares.refill();
        assert_eq!(left(), None);
        let me = owner(rustix::process::geteuid().as_raw(), &etc);
        for expected in [BATCH, BATCH - 1, BATCH - 2] {
            spares.take(&me, AddressFamily::INET).expect("rights").expect("socket");
            spares.refill();
            assert_eq!(left(), Some(expected));
        }
    }
}
