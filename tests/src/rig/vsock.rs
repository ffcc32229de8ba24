//! `AF_VSOCK` between host and guest without a kernel module: `vhost-device-vsock`, a device for QEMU
//! in a process of its own. The host's side is a Unix socket on which the first line, `CONNECT PORT`,
//! is answered by `OK PORT` when the guest has accepted; then the bytes are those of the connection.
//! The guest sees a peer with the host's address, CID 2.

use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::machine::Machine;
use super::process::Background;
use super::tool::Tool;
use super::{wait, workspace};

/// The version of the device; it works with QEMU 7.2 and later.
const VERSION: &str = "0.3.0";

/// The device, built now if need be (three minutes, once).
pub fn program() -> Result<PathBuf> {
    let _lock = workspace::lock("vsock")?;
    let folder = workspace::state("peers")?.join(format!("vhost-device-vsock-{VERSION}"));
    let program = folder.join("bin/vhost-device-vsock");
    if !program.is_file() {
        Tool::new("cargo")
            .args(["install", "--locked", "--version", VERSION, "--root"])
            .arg(&folder)
            .arg("vhost-device-vsock")
            .env("CARGO_NET_RETRY", "10")
            .limit(Duration::from_mins(15))
            .run()
            .context("building vhost-device-vsock")?;
    }
    Ok(program)
}

/// A vsock device for one machine. To be made before the machine is switched on.
pub struct Vsock {
    _device: Background,
    socket: PathBuf,
}

impl Vsock {
    /// Starts the device.
    pub fn new(machine: &Machine) -> Result<Self> {
        let program = program()?;
        let (device, socket) = (machine.vsock_socket(), machine.dir().join("vsock-host.sock"));
        let vm = format!("guest-cid=3,socket={},uds-path={}", device.display(), socket.display());
        let args = ["--vm".to_owned(), vm];
        let log = machine.logs().join("vsock.log");
        let mut process = Background::start(&program.display().to_string(), &args, &log)?;
        wait::until("the vsock device's socket", Duration::from_secs(10), || {
            process.check()?;
            Ok(device.exists().then_some(()))
        })?;
        Ok(Self { _device: process, socket })
    }

    /// A Unix socket at `path` each of whose connections leads to `port` of the guest, as the drivers
    /// of Lima's host make one. It serves as long as the program runs.
    pub fn forward(&self, port: u32, path: &Path) -> Result<()> {
        let listener =
            UnixListener::bind(path).with_context(|| format!("listening on {}", path.display()))?;
        let socket = self.socket.clone();
        thread::spawn(move || {
            for here in listener.incoming().flatten() {
                let socket = socket.clone();
                // A guest that does not answer is seen by whoever uses the connection.
                thread::spawn(move || {
                    connect(&socket, port).and_then(|guest| relay(&here, &guest))
                });
            }
        });
        Ok(())
    }
}

fn connect(socket: &Path, port: u32) -> Result<UnixStream> {
    let mut guest = UnixStream::connect(socket).context("connecting to the vsock device")?;
    guest.write_all(format!("CONNECT {port}\n").as_bytes())?;
    let mut answer = String::new();
    // One byte at a time: what follows the line is not ours to keep in a buffer.
    BufReader::with_capacity(1, &guest).read_line(&mut answer)?;
    ensure!(answer.starts_with("OK "), "the guest does not listen on {port}: {answer:?}");
    Ok(guest)
}

fn relay(here: &UnixStream, guest: &UnixStream) -> Result<()> {
    let (from, to) = (here.try_clone()?, guest.try_clone()?);
    let up = thread::spawn(move || copy(&from, &to));
    copy(guest, here);
    up.join().ok(); // it does not panic
    Ok(())
}

/// Copies until the end and hands the end on.
fn copy(mut from: &UnixStream, mut to: &UnixStream) {
    std::io::copy(&mut from, &mut to).ok(); // either side may go at any time
    to.shutdown(Shutdown::Write).ok(); // it may be gone already
}
