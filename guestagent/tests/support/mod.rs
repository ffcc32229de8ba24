//! A daemon of its own for each test, in a network of its own: no test meets
//! the ports of the machine or of another test.

#![allow(dead_code, reason = "each test program uses a part of this")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use hyper_util::rt::TokioIo;
use nixvm_guestagent::proto::guest_service_client::GuestServiceClient;
use nixvm_guestagent::proto::{Event, TunnelMessage};
use nixvm_guestagent::report::status::Status;
use nixvm_guestagent::watch::means::Means;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::thread::{CapabilitySet, UnshareFlags};
use rustix::thread::{remove_capability_from_bounding_set, unshare_unsafe};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::{UnixDatagram, UnixStream};
use tonic::transport::{Channel, Endpoint};

pub const PATIENCE: Duration = Duration::from_secs(5);
pub type Client = GuestServiceClient<Channel>;

/// Runs a test in new network and mount namespaces, with tracefs and loopback.
/// Where that is not allowed the test is skipped, and says so.
pub fn isolated(test: &str, body: impl AsyncFnOnce() + Send + 'static) {
    // A namespace is entered by one thread only: none that others use.
    let outcome = std::thread::spawn(move || {
        enter()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("runtime").block_on(body());
        Ok::<(), String>(())
    })
    .join();
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(reason)) => println!("SKIP {test}: {reason}"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn enter() -> Result<(), String> {
    // SAFETY: this thread has just begun; it shares no file system state or
    // sockets with the others that would be surprised by the change.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET | UnshareFlags::NEWNS) }
        .map_err(|error| format!("no new namespaces: {error}"))?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(|error| format!("mounts not private: {error}"))?;
    // Without tracefs the daemon polls: slower, and still right.
    if let Err(error) = mount("none", "/sys/kernel/tracing", "tracefs", MountFlags::empty(), None) {
        println!("no tracefs: {error}");
    }
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    match up {
        Ok(status) if status.success() => Ok(()),
        other => Err(format!("loopback not up: {other:?}")),
    }
}

/// A running daemon. It is killed when a test ends without stopping it.
pub struct Daemon {
    pub folder: TempDir,
    child: Child,
}

impl Daemon {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub async fn start_with(arguments: &[&str]) -> Self {
        Self::start_as("--debug", arguments, tempfile::tempdir().expect("folder")).await
    }

    /// Without its remarks, which cost what is to be measured.
    pub async fn start_quietly() -> Self {
        Self::start_as("--debug=false", &[], tempfile::tempdir().expect("folder")).await
    }

    pub async fn start_in(folder: TempDir) -> Self {
        Self::start_as("--debug", &[], folder).await
    }

    async fn start_as(debug: &str, arguments: &[&str], folder: TempDir) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nixvm-guestagent"));
        command.args([debug, "daemon"]).args(arguments);
        Self::run(command, folder).await
    }

    /// Without these rights.
    pub async fn start_without(denied: &'static [CapabilitySet]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nixvm-guestagent"));
        command.args(["--debug", "daemon"]);
        let drop = || {
            let mut rights = denied.iter();
            rights.try_for_each(|right| Ok(remove_capability_from_bounding_set(*right)?))
        };
        // SAFETY: a system call for each, and nothing that needs memory or a lock.
        unsafe { command.pre_exec(drop) };
        Self::run(command, tempfile::tempdir().expect("folder")).await
    }

    /// Returns when the daemon says that it is ready, as to systemd.
    async fn run(mut command: Command, folder: TempDir) -> Self {
        let ready = folder.path().join("notify.sock");
        let _ = std::fs::remove_file(&ready);
        let notified = UnixDatagram::bind(&ready).expect("notify socket");
        let child = command
            .arg("--runtime-dir")
            .arg(folder.path().join("run"))
            .arg("--socket-path")
            .arg(folder.path().join("ga.sock"))
            .env("NOTIFY_SOCKET", &ready)
            .stdin(Stdio::null())
            .spawn()
            .expect("daemon");
        let mut message = [0; 64];
        let received = tokio::time::timeout(PATIENCE, notified.recv(&mut message)).await;
        let length = received.expect("ready in time").expect("message");
        assert_eq!(&message[..length], b"READY=1\n");
        Self { folder, child }
    }

    /// How it notices changes of TCP and UDP ports, as it says itself.
    pub async fn means(&self) -> [Means; 2] {
        let folder = self.folder.path().join("run");
        let mut status = None;
        eventually("status of the daemon", || {
            status = Status::read(&folder).expect("status");
            status.is_some()
        })
        .await;
        status.expect("status").changes.try_into().expect("two protocols")
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("ga.sock")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub async fn client(&self) -> Client {
        connect(&self.socket()).await.expect("channel")
    }

    /// The most memory that it has had, in KiB.
    pub fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the daemon runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// How often it has gone to sleep.
    pub fn switches(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the daemon runs");
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.expect("switches").trim().parse().expect("a number")
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("signal sent");
    }

    /// Waits for the end; gives the folder back for a next daemon.
    pub async fn ended(mut self) -> (ExitStatus, TempDir) {
        let mut status = ExitStatus::from_raw(0);
        eventually("the daemon's end", || match self.child.try_wait().expect("wait") {
            Some(ended) => {
                status = ended;
                true
            }
            None => false,
        })
        .await;
        let empty = tempfile::tempdir().expect("folder");
        (status, std::mem::replace(&mut self.folder, empty))
    }
}

/// A client of the agent that listens on this socket.
pub async fn connect(socket: &Path) -> Result<Client, tonic::transport::Error> {
    let path = socket.to_owned();
    let connect = tower::service_fn(move |_| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    let endpoint = Endpoint::from_static("http://guest");
    endpoint.connect_with_connector(connect).await.map(GuestServiceClient::new)
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Polls a condition of another process, for which there is nothing to await.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "no {what} within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Added (`+`) and removed (`-`) ports of an event, one text each.
pub fn texts(event: &Event) -> Vec<String> {
    let signed = |sign, ports: &[nixvm_guestagent::proto::IpPort]| {
        let text = |port: &nixvm_guestagent::proto::IpPort| {
            format!("{sign}{} {} {}", port.protocol, port.ip, port.port)
        };
        ports.iter().map(text).collect::<Vec<_>>()
    };
    [signed('-', &event.removed_local_ports), signed('+', &event.added_local_ports)].concat()
}

/// The next event, as texts.
pub async fn next(events: &mut tonic::Streaming<Event>) -> Vec<String> {
    let event = tokio::time::timeout(PATIENCE, events.message()).await.expect("an event in time");
    texts(&event.expect("stream is whole").expect("stream goes on"))
}

/// That nothing is said for a while.
pub async fn silence(events: &mut tonic::Streaming<Event>) {
    let quiet = tokio::time::timeout(Duration::from_millis(300), events.message()).await;
    assert!(quiet.is_err(), "unexpected {quiet:?}");
}

pub fn handshake(protocol: &str, target: &str) -> TunnelMessage {
    TunnelMessage {
        id: "test".into(),
        protocol: protocol.into(),
        guest_addr: target.into(),
        ..TunnelMessage::default()
    }
}

pub fn data(bytes: &[u8]) -> TunnelMessage {
    TunnelMessage { id: "test".into(), data: bytes.to_vec().into(), ..TunnelMessage::default() }
}
