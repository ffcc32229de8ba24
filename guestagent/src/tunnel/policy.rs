//! Who a tunnel is dialled for, and what it may not reach.
//!
//! For a peer that is a user of the guest, that user. For the host, the owner
//! that the command line or the settings name, else the user of Lima's medium.
//! Without one, TCP and UDP are dialled as `nobody`, and Unix sockets, which
//! would be judged by a user's rights, not at all.

use super::decode::Handshake;
use super::dial::{self, DialError, Spares, Target};
use super::lists::Lists;
use super::socket::Socket;
use crate::listen::Peer;
use crate::settings::Tunnel;
use accounts::Accounts;
use std::cell::RefCell;

mod accounts;

/// What holds for all tunnels of an agent.
#[derive(Debug)]
pub struct Policy {
    lists: Lists,
    accounts: RefCell<Accounts>,
    spares: Spares,
}

impl Policy {
    /// For an agent whose owner the command line names, if it is not 0, and
    /// else the settings.
    pub fn new(socket_owner: u32, settings: &Tunnel) -> Self {
        let flag = (socket_owner != 0).then(|| socket_owner.to_string());
        Self {
            lists: Lists::new(&settings.allow, &settings.deny).0,
            accounts: RefCell::new(Accounts::new(flag.or_else(|| settings.owner.clone()))),
            spares: Spares::default(),
        }
    }

    /// Begins to connect to what the peer named. What is refused is logged.
    ///
    /// # Errors
    /// Not allowed, no such target, or nobody there.
    pub fn dial(&self, peer: &Peer, wanted: &Handshake) -> Result<Socket, DialError> {
        let uid = peer.owner.or_else(|| self.accounts.borrow_mut().owner());
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
        let owner = self.accounts.borrow_mut().find(uid);
        let owner = owner.map_err(|source| DialError::Rights { source })?;
        dial::dial(&target, &owner, &self.spares)
    }

    /// Does ahead of the next dial what can be done, when nothing else is left
    /// to do.
    pub fn prepare(&self) {
        self.spares.refill();
    }
}

#[cfg(test)]
mod tests;
