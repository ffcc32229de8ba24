//! The life of the daemon: listen, watch, serve, stop within two seconds.

use crate::file_events::FileEvents;
use crate::listen::ListenError;
use crate::port::rules::Rules;
use crate::port::store::Store;
use crate::port::table::{Sources, Table};
use crate::report::publisher::Publisher;
use crate::rpc::Agent;
use crate::settings::Settings;
use crate::tunnel::policy::Policy;
use crate::watch::{self, extra, kernel::Kernel};
use listeners::Listener;
use std::cell::RefCell;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod listeners;
mod manager;

/// The whole of a stop, tunnels' and connections' own grace included: what is
/// left then ends with the process.
const GRACE: Duration = Duration::from_millis(1900);

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// What is needed to begin is missing. Once it has begun, it goes on.
pub async fn run(settings: Settings) -> Result<(), DaemonError> {
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    tasks.spawn(stop_on_signal(stop.clone())?);
    make_folder(&settings.runtime_dir)?;
    let listeners = listeners::open(&settings.addresses, settings.socket_owner)?;
    let names = listeners.iter().map(Listener::name).collect();
    let agent = start(&settings, names, &tasks, &stop)?;
    for listener in listeners {
        tasks.spawn_local(listener.serve(agent.clone()));
    }
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "started");
    manager::keep_informed(&stop).await;
    finish(&tasks).await;
    Ok(())
}

fn make_folder(folder: &Path) -> Result<(), DaemonError> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o755).create(folder);
    made.map_err(|source| DaemonError::Folder { folder: folder.to_owned(), source })
}

/// Starts the tasks that know the ports and what the host was told of them.
fn start(
    settings: &Settings,
    transports: Vec<String>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Rc<Agent>, DaemonError> {
    let rules = settings.ports.ignore.as_deref().map(|texts| Rules::usable(texts).0);
    let rules = rules.unwrap_or_default();
    // Watch before the first dump: what changes in between is then a hint.
    let watch = watch::start(settings.tick, rules.autobound(), tasks, stop);
    let kernel = Kernel::open(watch.gate).map_err(DaemonError::SockDiag)?;
    let (tcp, udp) = (watch.tcp.hinted(), watch.udp.hinted());
    let publisher = Publisher::default();
    publisher.set(|status| {
        status.transports = transports;
        status.changes = vec![watch.tcp, watch.udp];
        status.hides_ephemeral = rules.hides_ephemeral();
    });
    let extras = extra::start(tasks, stop);
    let table = Table::new(kernel, Sources { tcp, udp, rules, extras });
    let snapshots = table.subscribe();
    tasks.spawn(table.run(watch.hints, stop.clone()));
    let store = Store::open(&settings.runtime_dir);
    let (keeper, until) = (store.clone(), stop.clone());
    tasks.spawn(async move { keeper.keep(until).await });
    let (status, known) = (publisher.clone(), (snapshots.clone(), store.clone()));
    let (folder, until) = (settings.runtime_dir.clone(), stop.clone());
    tasks.spawn(async move { status.run(&folder, known.0, known.1, until).await });
    Ok(Rc::new(Agent {
        snapshots,
        store,
        publisher,
        file_events: FileEvents::start(tasks, stop),
        clock: settings.clock.sync.then(RefCell::default),
        policy: Rc::new(Policy::new(settings.socket_owner, &settings.tunnel)),
        tasks: tasks.clone(),
        stop: stop.clone(),
    }))
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
    /// No listener at all.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The list of sockets.
    #[error("opening the kernel's list of sockets (sock_diag)")]
    SockDiag(#[source] io::Error),
    /// SIGTERM and SIGINT.
    #[error("waiting for signals")]
    Signal(#[source] io::Error),
}
