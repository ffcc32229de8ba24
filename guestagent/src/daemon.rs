//! The life of the daemon: listen, watch, serve, stop within a few seconds.

use crate::cli::Settings;
use crate::file_events::FileEvents;
use crate::listen::{Endpoint, ListenError};
use crate::port::rules::Rules;
use crate::port::store::Store;
use crate::port::table::{Sources, Table};
use crate::report::publisher::Publisher;
use crate::rpc::Agent;
use crate::server;
use crate::tunnel::policy::Policy;
use crate::watch::{self, extra, kernel::Kernel};
use sd_notify::NotifyState;
use std::cell::RefCell;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// More than any task's own grace; what is left then ends with the process.
const GRACE: Duration = Duration::from_secs(2);

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// What is needed to begin is missing. Once it has begun, it goes on.
pub async fn run(settings: Settings) -> Result<(), DaemonError> {
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    tasks.spawn(stop_on_signal(stop.clone())?);
    let folder = &settings.runtime_dir;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(folder)
        .map_err(|source| DaemonError::Folder { folder: folder.clone(), source })?;
    let endpoint = Endpoint::open(&settings.address)?;
    let agent = start(&settings, &tasks, &stop)?;
    tracing::info!(address = %settings.address, version = env!("CARGO_PKG_VERSION"), "listening");
    tell_systemd(NotifyState::Ready);
    server::serve(&endpoint, agent).await;
    tell_systemd(NotifyState::Stopping);
    finish(&tasks).await;
    Ok(())
}

/// Starts the tasks that know the ports and what the host was told of them.
fn start(
    settings: &Settings,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Rc<Agent>, DaemonError> {
    // Watch before the first dump: what changes in between is then a hint.
    let watch = watch::start(settings.tick, tasks, stop);
    let kernel = Kernel::open(watch.gate).map_err(DaemonError::SockDiag)?;
    let extras = extra::start(tasks, stop);
    let (tcp, udp, rules) = (watch.tcp, watch.udp, Rules::default());
    let publisher = Publisher::default();
    publisher.set(|status| {
        status.transports = vec![settings.address.to_string()];
        status.polled = watch.polled;
        status.hides_ephemeral = rules.hides_ephemeral();
    });
    let table = Table::new(kernel, Sources { tcp, udp, rules, extras });
    let snapshots = table.subscribe();
    tasks.spawn(table.run(watch.hints, stop.clone()));
    let store = Store::open(&settings.runtime_dir);
    let keeper = store.clone();
    let until = stop.clone();
    tasks.spawn(async move { keeper.keep(until).await });
    let (status, known) = (publisher.clone(), (snapshots.clone(), store.clone()));
    let (folder, until) = (settings.runtime_dir.clone(), stop.clone());
    tasks.spawn(async move { status.run(&folder, known.0, known.1, until).await });
    let file_events = FileEvents::start(tasks, stop);
    let clock = RefCell::default();
    let policy = Rc::new(Policy::new(settings.address.owner()));
    let (tasks, stop) = (tasks.clone(), stop.clone());
    Ok(Rc::new(Agent { snapshots, store, publisher, file_events, clock, policy, tasks, stop }))
}

fn stop_on_signal(stop: CancellationToken) -> Result<impl Future<Output = ()>, DaemonError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(DaemonError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(DaemonError::Signal)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stop.cancel();
    })
}

async fn finish(tasks: &TaskTracker) {
    tasks.close();
    if tokio::time::timeout(GRACE, tasks.wait()).await.is_ok() {
        tracing::info!("stopped");
    } else {
        tracing::warn!(tasks = tasks.len(), "stopped with tasks left");
    }
}

fn tell_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "service manager not told");
    }
}

/// Why the daemon did not begin.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The runtime folder.
    #[error("making the folder {folder:?}")]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The listener.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The list of sockets.
    #[error("opening the kernel's list of sockets (sock_diag)")]
    SockDiag(#[source] io::Error),
    /// SIGTERM and SIGINT.
    #[error("waiting for signals")]
    Signal(#[source] io::Error),
}
