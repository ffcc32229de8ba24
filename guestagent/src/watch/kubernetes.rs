//! The services of a Kubernetes cluster on this machine.
//!
//! Nothing runs until there are a `kubectl` and a kubeconfig, which inotify
//! tells. Then one `kubectl` prints every service and, for as long as it runs,
//! every change. It ends when the API closes the watch, each half hour or so;
//! the next one begins a second later.
//!
//! **The end of the list.** kubectl marks no end of the services it prints
//! first: they look like additions that come later. But it has the whole list
//! before it prints the first of them, and prints them in a row without
//! waiting for anything. So the first second of silence after a service is the
//! end. What an earlier watch told and this list has not is gone then. Until
//! then, and while the API does not answer, the known services stay: what
//! cannot be read has not gone.

use super::address::Addresses;
use super::extra::Extras;
use super::presence::{self, Present};
use kubectl::{Kubectl, KubectlError};
use service::{EventError, Services};
use std::io;
use std::time::Duration;
use stream::{Objects, StreamError};
use tokio::io::AsyncReadExt;
use tokio::process::ChildStdout;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub mod backoff;
pub mod cluster;
pub mod kubectl;
pub mod places;
pub mod service;
pub mod stream;

use backoff::Backoff;
pub use places::Places;

/// Silence that ends the list.
const QUIET: Duration = Duration::from_secs(1);
const SERVER: [&str; 5] =
    ["config", "view", "--minify", "--output", "jsonpath={.clusters[0].cluster.server}"];
const ALLOWED: [&str; 4] = ["auth", "can-i", "get", "service"];
const WATCH: [&str; 7] =
    ["get", "--all-namespaces", "service", "--watch", "--output-watch-events", "--output", "json"];

/// Follows the services until `stop`.
pub fn start(
    places: Places,
    addresses: watch::Receiver<Addresses>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> watch::Receiver<Extras> {
    let (sender, receiver) = watch::channel(Extras::default());
    match presence::start(places.paths(), tasks, stop) {
        Ok(present) => {
            let follow = follow(places, present, addresses, sender);
            tasks.spawn(stop.clone().run_until_cancelled_owned(follow));
        }
        Err(error) => Extras::give_up("kubernetes", &error, &sender),
    }
    receiver
}

async fn follow(
    places: Places,
    mut present: watch::Receiver<Present>,
    mut addresses: watch::Receiver<Addresses>,
    sender: watch::Sender<Extras>,
) {
    loop {
        let chosen = places.choose(&present.borrow_and_update());
        let mut cluster = Cluster { services: Services::default(), sender: &sender };
        cluster.publish(None);
        let changed = match chosen {
            None => present.changed().await,
            Some(kubectl) => tokio::select! {
                changed = present.changed() => changed,
                () = cluster.follow(&kubectl, &mut addresses) => Ok(()),
            },
        };
        if changed.is_err() {
            return;
        }
    }
}

/// What is known of the cluster, and who is told.
struct Cluster<'a> {
    services: Services,
    sender: &'a watch::Sender<Extras>,
}

impl Cluster<'_> {
    /// Watches again and again; does not end.
    async fn follow(&mut self, kubectl: &Kubectl, addresses: &mut watch::Receiver<Addresses>) {
        let mut backoff = Backoff::default();
        loop {
            match self.connect(kubectl, addresses).await {
                Ok(()) => backoff = Backoff::default(),
                Err(WatchError::Remote(server)) => {
                    tracing::info!(server, "the Kubernetes cluster is another machine");
                    let note =
                        format!("{server} is another machine; its services are not followed");
                    self.publish(Some(note));
                    backoff = Backoff::default();
                    // Without news of addresses it stays another machine.
                    if addresses.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                    continue;
                }
                Err(error) => {
                    tracing::debug!(%error, "services of Kubernetes are not known");
                    self.publish(Some(error.to_string()));
                }
            }
            tokio::time::sleep(backoff.pause()).await;
        }
    }

    /// One watch: fine if it told something before it ended.
    async fn connect(
        &mut self,
        kubectl: &Kubectl,
        addresses: &mut watch::Receiver<Addresses>,
    ) -> Result<(), WatchError> {
        let server = kubectl.ask(&SERVER).await?;
        let own = addresses.borrow_and_update().clone();
        if !cluster::is_here(&server, &own).await {
            return Err(WatchError::Remote(server));
        }
        if kubectl.ask(&ALLOWED).await? != "yes" {
            return Err(WatchError::Forbidden);
        }
        let running = kubectl.start(&WATCH)?;
        self.services.begin();
        let (outcome, errors) = running.follow(async |output| self.read(output).await).await;
        if outcome? { Ok(()) } else { Err(WatchError::Silent(errors)) }
    }

    /// Reads to the end; whether there was anything.
    async fn read(&mut self, output: &mut ChildStdout) -> Result<bool, WatchError> {
        let mut objects = Objects::default();
        let mut buffer = vec![0; 16 << 10];
        let (mut any, mut listed) = (false, false);
        loop {
            let length = if any && !listed {
                tokio::time::timeout(QUIET, output.read(&mut buffer)).await
            } else {
                Ok(output.read(&mut buffer).await)
            };
            match length {
                Ok(Ok(0)) => return Ok(any),
                Ok(length) => {
                    let length = length.map_err(WatchError::Read)?;
                    any |= self.take(&mut objects, buffer.get(..length).unwrap_or_default())?;
                }
                Err(_) => {
                    listed = true;
                    self.services.listed();
                }
            }
            self.publish(None);
        }
    }

    /// Whether there was a whole object.
    fn take(&mut self, objects: &mut Objects, bytes: &[u8]) -> Result<bool, WatchError> {
        let (mut any, mut outcome) = (false, Ok(()));
        objects.push(bytes, |event| {
            any = true;
            if outcome.is_ok() {
                outcome = self.services.apply(event);
            }
        })?;
        outcome?;
        Ok(any)
    }

    fn publish(&self, note: Option<String>) {
        let notes = note.map(|note| format!("kubernetes: {note}")).into_iter().collect();
        Extras { ports: self.services.ports(), notes }.publish(self.sender);
    }
}

/// Why services are not known.
#[derive(Debug, thiserror::Error)]
enum WatchError {
    #[error(transparent)]
    Kubectl(#[from] KubectlError),
    #[error("the cluster {0} is another machine")]
    Remote(String),
    #[error("this kubeconfig may not get services")]
    Forbidden,
    #[error("reading the services: {0}")]
    Read(#[source] io::Error),
    #[error("reading the services: {0}")]
    Stream(#[from] StreamError),
    #[error(transparent)]
    Event(#[from] EventError),
    #[error("no services: {0}")]
    Silent(String),
}
