//! The guest's TCP ports as ports of this machine, as Lima's host does it.
//!
//! It runs on a thread of its own, so that tests need no async code. UDP ports
//! are seen and not forwarded.

use super::{Client, address, name};
use anyhow::{Context, Result};
use nixvm_guestagent::proto::{Event, IpPort};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Lima forwards SSH by itself.
const SSH: i32 = 22;
/// The pause before another attempt to reach the agent.
const RETRY: Duration = Duration::from_millis(200);

/// Guest ports, as [`name`] writes them, and where they are here.
pub type Forwards = BTreeMap<String, SocketAddr>;

/// Forwards until it is dropped.
#[derive(Debug)]
pub struct Forwarder {
    forwards: watch::Receiver<Forwards>,
    stop: Option<DropGuard>,
    thread: Option<JoinHandle<()>>,
}

impl Forwarder {
    /// Starts. `ports` says on which port of this machine a guest's port is
    /// wanted; others get the same number. A port that is taken here is
    /// replaced by any free one.
    ///
    /// # Errors
    /// No runtime.
    pub fn start(socket: &Path, ports: BTreeMap<u16, u16>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stop = CancellationToken::new();
        let (sender, forwards) = watch::channel(Forwards::new());
        let worker = Worker { socket: socket.into(), ports, listeners: BTreeMap::new(), sender };
        let until = stop.clone();
        let thread = std::thread::Builder::new().name("forwarder".into()).spawn(move || {
            runtime.block_on(until.run_until_cancelled(worker.run()));
        })?;
        Ok(Self { forwards, stop: Some(stop.drop_guard()), thread: Some(thread) })
    }

    /// What is forwarded now.
    pub fn forwards(&self) -> Forwards {
        self.forwards.borrow().clone()
    }

    /// Where a guest's TCP port is on this machine, as soon as it is there.
    ///
    /// # Errors
    /// It is not within `patience`.
    pub fn wait_for(&self, port: u16, patience: Duration) -> Result<SocketAddr> {
        let start = Instant::now();
        let ending = format!(":{port}");
        loop {
            let forwards = self.forwards();
            if let Some((_, at)) = forwards.iter().find(|(name, _)| name.ends_with(&ending)) {
                return Ok(*at);
            }
            let known = forwards.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            anyhow::ensure!(
                start.elapsed() < patience,
                "port {port} of the guest not announced within {patience:?}; known: {known}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed where it happened.
            let _ = thread.join();
        }
    }
}

struct Worker {
    socket: PathBuf,
    ports: BTreeMap<u16, u16>,
    /// Kept over reconnects: the agent tells only what has changed since.
    listeners: BTreeMap<String, (SocketAddr, JoinSet<()>)>,
    sender: watch::Sender<Forwards>,
}

impl Worker {
    async fn run(mut self) {
        loop {
            // A guest that boots or restarts is no failure; the test that
            // waits for a port has the limit.
            if let Err(error) = self.follow().await {
                eprintln!("forwarder: {error:#}");
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn follow(&mut self) -> Result<()> {
        let Ok(mut client) = Client::connect(&self.socket).await else { return Ok(()) };
        let mut events = client.events().await?;
        while let Some(event) = events.message().await.context("events")? {
            self.apply(&client, event).await?;
        }
        Ok(())
    }

    async fn apply(&mut self, client: &Client, event: Event) -> Result<()> {
        for error in event.errors {
            eprintln!("guest agent: {error}");
        }
        for port in event.removed_local_ports {
            self.listeners.remove(&name(&port));
        }
        for port in event.added_local_ports {
            if port.protocol == "tcp" && port.port != SSH {
                self.listen(client, &port).await?;
            }
        }
        let forwards = self.listeners.iter().map(|(name, (at, _))| (name.clone(), *at));
        self.sender.send_replace(forwards.collect());
        Ok(())
    }

    async fn listen(&mut self, client: &Client, port: &IpPort) -> Result<()> {
        let number = u16::try_from(port.port).context("port number")?;
        let wanted = self.ports.get(&number).copied().unwrap_or(number);
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?,
        };
        let at = listener.local_addr()?;
        let mut task = JoinSet::new();
        task.spawn(accept(listener, client.clone(), address(port)));
        self.listeners.insert(name(port), (at, task));
        Ok(())
    }
}

async fn accept(listener: TcpListener, client: Client, target: String) {
    let mut relays = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                let (mut client, target) = (client.clone(), target.clone());
                relays.spawn(async move {
                    if let Err(error) = client.relay(&target, stream).await {
                        eprintln!("forwarder: {error:#}");
                    }
                });
            }
            Some(_) = relays.join_next() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nixvm_guestagent::file_events::FileEvents;
    use nixvm_guestagent::listen::{Address, Endpoint};
    use nixvm_guestagent::port::{Port, PortSet, Protocol, Snapshot, store::Store};
    use nixvm_guestagent::report::publisher::Publisher;
    use nixvm_guestagent::rpc::Agent;
    use nixvm_guestagent::server;
    use nixvm_guestagent::settings::Tunnel;
    use nixvm_guestagent::tunnel::policy::Policy;
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpStream};
    use std::rc::Rc;
    use std::sync::Arc;
    use tokio::task::LocalSet;
    use tokio_util::task::TaskTracker;

    /// An agent without a kernel behind it: the test says what listens.
    fn agent(folder: &Path, snapshots: watch::Receiver<Snapshot>, stop: &CancellationToken) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let tasks = TaskTracker::new();
        let owner = rustix::process::getuid().as_raw();
        let address = Address::Unix { path: folder.join("ga.sock"), owner };
        let store = Store::open(folder);
        let (stop, clock, publisher) = (stop.clone(), None, Publisher::default());
        let policy = Rc::new(Policy::new(owner, &Tunnel::default()));
        LocalSet::new().block_on(&runtime.expect("runtime"), async {
            let endpoint = Endpoint::open(&address).expect("endpoint");
            let file_events = FileEvents::start(&tasks, &stop);
            let agent =
                Agent { snapshots, store, publisher, file_events, clock, policy, tasks, stop };
            server::serve(&endpoint, Rc::new(agent)).await;
        });
    }

    #[test]
    fn port_of_the_guest_is_reached_and_goes_away() {
        let folder = tempfile::tempdir().expect("folder");
        let guest = std::net::TcpListener::bind("127.0.0.1:0").expect("guest's port");
        let at = guest.local_addr().expect("address");
        let port = Port::new(Protocol::Tcp, at.ip(), at.port());
        let ports = Arc::new(PortSet::from([port]));
        let (truth, snapshots) = watch::channel(Snapshot { ports, ..Snapshot::default() });
        let stop = CancellationToken::new();
        let (path, until) = (folder.path().to_owned(), stop.clone());
        let server = std::thread::spawn(move || agent(&path, snapshots, &until));
        std::thread::spawn(move || {
            let (mut stream, _) = guest.accept().expect("connection");
            let mut request = String::new();
            stream.read_to_string(&mut request).expect("request");
            write!(stream, "answer to {request}").expect("answer");
        });

        let socket = folder.path().join("ga.sock");
        let forwarder = Forwarder::start(&socket, BTreeMap::new()).expect("forwarder");
        let patience = Duration::from_secs(5);
        let here = forwarder.wait_for(at.port(), patience).expect("forwarded");
        // The guest's port is this machine's, so it is taken here.
        assert_ne!(here.port(), at.port());
        let mut stream = TcpStream::connect(here).expect("connected");
        stream.set_read_timeout(Some(patience)).expect("limit");
        stream.write_all(b"request").expect("sent");
        stream.shutdown(Shutdown::Write).expect("half-closed");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answer");
        assert_eq!(answer, "answer to request");

        truth.send_replace(Snapshot::default());
        let start = Instant::now();
        while !forwarder.forwards().is_empty() {
            assert!(start.elapsed() < patience, "still forwarded");
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(forwarder);
        stop.cancel();
        server.join().expect("agent");
    }
}
