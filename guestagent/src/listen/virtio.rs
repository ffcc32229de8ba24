//! A virtio-serial port: a character device whose other end is a socket of the
//! hypervisor.
//!
//! It is a wire, not a listener. One program here may have it open, what the
//! host sends has no beginning and no end of its own, and while nobody is at
//! the other end reading gives an end of file at once and polling a hang-up
//! (`drivers/char/virtio_console.c`). So a session is made of what there is:
//!
//! - it begins with the 24 bytes with which every HTTP/2 client begins; what
//!   comes before is left of an earlier session and discarded ([`resync`]);
//! - it ends when the host hangs up, or when a new beginning arrives;
//! - there is one at a time: [`VirtioStream`] holds the port as long as it
//!   lives, and [`VirtioEndpoint::accept`] waits for it.
//!
//! Between sessions nothing runs: [`port`] waits for the kernel's edges, and
//! [`appearance`] for the device.

use super::Peer;
use resync::{GOAWAY, Resync};
use rustix::io::Errno;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

mod appearance;
mod frames;
mod port;
mod resync;
mod stream;

use port::Port;
pub use stream::VirtioStream;

const FOLDER: &str = "/dev/virtio-ports";
const CHUNK: usize = 4096;
/// How long a host may be silent in the middle of a session that is not ours
/// before it is told to begin anew.
const SILENCE: Duration = Duration::from_secs(1);

/// The port, and what is known of the bytes that come next.
#[derive(Debug, Default)]
struct Line {
    port: Option<Port>,
    resync: Resync,
}

/// A port on which sessions are awaited.
#[derive(Debug)]
pub struct VirtioEndpoint {
    path: PathBuf,
    peer: Peer,
    line: Arc<Mutex<Line>>,
}

impl VirtioEndpoint {
    /// Names the port. Nothing is opened yet.
    pub fn new(name: &str) -> Self {
        let peer = Peer::named(format!("virtio port {name}"));
        Self { path: Path::new(FOLDER).join(name), peer, line: Arc::default() }
    }

    /// The next session. Waits for the end of the one before, for the device
    /// and for the host, as long as it takes. May be dropped at any time.
    ///
    /// # Errors
    /// The event loop does not take the device.
    pub async fn accept(&self) -> io::Result<(VirtioStream, Peer)> {
        let mut line = Arc::clone(&self.line).lock_owned().await;
        loop {
            if line.port.is_none() {
                line.port = Some(appearance::open(&self.path).await?);
            }
            match line.begin().await {
                Ok(early) => return Ok((VirtioStream::new(line, &early), self.peer.clone())),
                Err(error) => {
                    tracing::warn!(path = %self.path.display(), %error, "virtio port lost");
                    *line = Line::default();
                }
            }
        }
    }
}

impl Line {
    /// Reads until a session begins; gives its first bytes.
    ///
    /// The kernel passes data on before it has taken note that the host is there
    /// again. Until then nothing can be sent, so the session waits for that.
    async fn begin(&mut self) -> io::Result<Vec<u8>> {
        let Self { port: Some(port), resync } = self else { return Err(Errno::NODEV.into()) };
        loop {
            drain(port, resync)?;
            let present = !port.is_hung_up();
            if present && resync.has_begun() {
                return Ok(resync.begun());
            }
            if !resync.is_lost() && !resync.has_begun() {
                port.changed().await?;
            } else if let Ok(changed) = tokio::time::timeout(SILENCE, port.changed()).await {
                changed?;
            } else if present {
                expel(port, resync)?;
            } else {
                // It began and was gone before it could be answered.
                resync.reset();
            }
        }
    }
}

/// Reads what is there.
fn drain(port: &Port, resync: &mut Resync) -> rustix::io::Result<()> {
    let mut buffer = [0; CHUNK];
    while !resync.is_full() {
        match port.read(&mut buffer) {
            // Nobody is there: what comes next is a beginning.
            Ok(0) => {
                resync.forget();
                break;
            }
            Ok(length) => resync.feed(buffer.get(..length).unwrap_or_default()),
            Err(Errno::WOULDBLOCK) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A host that is silent in the middle of a session of which we know nothing
/// (this program was restarted) would wait for ever: it is told.
fn expel(port: &Port, resync: &mut Resync) -> rustix::io::Result<()> {
    tracing::info!("the host goes on with a session that is over: told to begin anew");
    resync.forget();
    match port.write(&GOAWAY) {
        Ok(_) | Err(Errno::WOULDBLOCK) => Ok(()),
        Err(error) => Err(error),
    }
}
