//! The serial console: everything the guest wrote is in a file, and a root shell waits on it for
//! those tests in which the network is what went wrong.

use std::fs;
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::wait;

/// The console of one guest.
pub struct Console {
    log: PathBuf,
    socket: PathBuf,
}

impl Console {
    /// The console whose output QEMU writes to `log` and whose input is at `socket`.
    pub fn new(log: &Path, socket: &Path) -> Self {
        Self { log: log.to_owned(), socket: socket.to_owned() }
    }

    /// All that the guest has written.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The line in which the kernel gave up, if it did.
    pub fn panic(&self) -> Option<String> {
        let text = self.text();
        let fatal = ["Kernel panic", "Oops:", "BUG: ", "soft lockup", "dropping to a shell"];
        let line = text.lines().find(|line| fatal.iter().any(|word| line.contains(word)));
        line.map(|line| line.trim().to_owned())
    }

    /// Types a line to the root shell and gives what it wrote. The shell must have been reached:
    /// `limit` covers the rest of the boot and the command.
    pub fn run(&self, command: &str, limit: Duration) -> Result<String> {
        wait::until("the shell on the console", limit, || {
            Ok(self.text().contains("root@").then_some(()))
        })?;
        let from = self.text().len();
        let mut stream = UnixStream::connect(&self.socket).context("connecting to the console")?;
        let _reader = Reader::of(&stream)?;
        // The mark is put together by the shell, so that the echo of the line does not hold it.
        let line = format!("{command}; echo \"<end\"\":$?>\"\n");
        stream.write_all(line.as_bytes()).context("typing on the console")?;
        wait::until(&format!("`{command}` on the console"), limit, || {
            let text = self.text();
            let new = text.get(from..).unwrap_or_default();
            let end = new.find("<end:");
            Ok(end.and_then(|end| new.get(..end)).map(without_echo))
        })
    }
}

/// Takes away what the guest writes while somebody is connected: QEMU writes byte by byte, and a few
/// hundred unread bytes stop the guest's serial port.
struct Reader(UnixStream);

impl Reader {
    fn of(stream: &UnixStream) -> Result<Self> {
        let mut from = stream.try_clone().context("the console's socket")?;
        std::thread::spawn(move || io::copy(&mut from, &mut io::sink()));
        Ok(Self(stream.try_clone().context("the console's socket")?))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.shutdown(Shutdown::Both).ok(); // ends the thread; the guest may have ended it already
    }
}

fn without_echo(text: &str) -> String {
    text.split_once('\n').map_or(text, |(_, rest)| rest).replace('\r', "")
}
