//! All listeners of the daemon. What becomes of one is nothing to the others.

use crate::listen::{self, Activated, Address, Endpoint, ListenError};
use crate::rpc::Agent;
use crate::server;
use std::error::Error;
use std::rc::Rc;

/// A listener, or where one is wanted.
#[derive(Debug)]
pub enum Listener {
    /// It listens; its name is for logs.
    Open(String, Endpoint),
    /// Its transport is not there yet.
    Awaited(Address),
}

/// What systemd hands over, and a listener for each other address.
///
/// # Errors
/// Nothing can be listened on, and waiting does not mend it. If at least one
/// can, the others' errors are logged only.
pub fn open(addresses: &[Address], owner: u32) -> Result<Vec<Listener>, ListenError> {
    let activated = listen::activated(owner).unwrap_or_else(|error| {
        tracing::error!(%error, "sockets of the service manager not used");
        Vec::new()
    });
    let given = |address: &&Address| {
        activated.iter().any(|a| a.address.as_ref().is_some_and(|a| a.same_place(address)))
    };
    let (mut open, mut failed) = (Vec::new(), Vec::new());
    for address in addresses.iter().filter(|address| !given(address)) {
        match Endpoint::open(address) {
            Ok(endpoint) => open.push(Listener::Open(address.to_string(), endpoint)),
            Err(error) if error.is_not_yet() => open.push(Listener::Awaited(address.clone())),
            Err(error) => failed.push(error),
        }
    }
    open.extend(activated.into_iter().map(Listener::from));
    if open.is_empty() && !failed.is_empty() {
        return Err(failed.swap_remove(0));
    }
    failed.iter().for_each(complain);
    Ok(open)
}

fn complain(error: &ListenError) {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    tracing::error!(cause, "{error}: not possible, the other listeners go on");
}

impl From<Activated> for Listener {
    fn from(activated: Activated) -> Self {
        let place = activated.address.map(|address| format!(", {address}"));
        let name = format!("socket {}{}", activated.name, place.unwrap_or_default());
        Self::Open(name, activated.endpoint)
    }
}

impl Listener {
    /// Where it listens, for people.
    pub fn name(&self) -> String {
        match self {
            Self::Open(name, _) => name.clone(),
            Self::Awaited(address) => format!("{address} (not there yet)"),
        }
    }

    /// Accepts connections until the agent stops.
    pub async fn serve(self, agent: Rc<Agent>) {
        let (name, endpoint) = match self {
            Self::Open(name, endpoint) => (name, endpoint),
            Self::Awaited(address) => {
                tracing::warn!(%address, "its transport is not there yet: waiting for it");
                match agent.stop.run_until_cancelled(listen::open(&address)).await {
                    Some(Ok(endpoint)) => (address.to_string(), endpoint),
                    Some(Err(error)) => return complain(&error),
                    None => return,
                }
            }
        };
        tracing::info!(address = name, "listening");
        server::serve(&endpoint, agent).await;
    }
}
