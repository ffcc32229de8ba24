//! Commands in the guest, as its user, by the system's `ssh`. One master connection carries them all:
//! where the processor is emulated a key exchange takes a second or two.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::process::Background;
use super::tool::{Output, Tool};
use super::wait;

/// How the guest's sshd is reached.
pub struct Ssh {
    port: u16,
    user: String,
    key: PathBuf,
    control: PathBuf,
    /// Kept so that the connection lives as long as this value.
    _master: Background,
}

impl Ssh {
    /// Waits for sshd on a port of 127.0.0.1, logs in and keeps the connection. `alive` is asked all
    /// the time and its error ends the wait.
    pub fn connect(
        (port, user, key): (u16, &str, &Path),
        dir: &Path,
        limit: Duration,
        mut alive: impl FnMut() -> Result<()>,
    ) -> Result<Self> {
        wait::until("sshd's greeting", limit, || {
            alive()?;
            Ok(greets(port).then_some(()))
        })?;
        let control = dir.join("ssh.sock");
        let mut options = options(key);
        options.extend(["-N", "-M", "-S", &control.display().to_string()].map(str::to_owned));
        options.extend(["-p".into(), port.to_string(), format!("{user}@127.0.0.1")]);
        // sshd may greet before the user is there, so a refused login is asked again.
        let master = wait::until(&format!("a login as {user}"), limit, || {
            alive()?;
            let mut master = Background::start("ssh", &options, &dir.join("ssh.log"))?;
            let up = wait::until("the master connection", Duration::from_secs(30), || {
                Ok(control.exists().then_some(true).or(master.ended()?.map(|_| false)))
            });
            Ok(up.unwrap_or(false).then_some(master))
        });
        let master = master
            .with_context(|| std::fs::read_to_string(dir.join("ssh.log")).unwrap_or_default())?;
        Ok(Self { port, user: user.to_owned(), key: key.to_owned(), control, _master: master })
    }

    /// Runs a shell command as the user; any other status than 0 is an error. One minute at most.
    pub fn run(&self, command: &str) -> Result<String> {
        self.tool(command).run()
    }

    /// Runs a shell command as the user, for at most `limit`.
    pub fn run_for(&self, command: &str, limit: Duration) -> Result<String> {
        self.tool(command).limit(limit).run()
    }

    /// Runs a shell command as the user and gives all that it left.
    pub fn output(&self, command: &str) -> Result<Output> {
        self.tool(command).output()
    }

    /// Writes a file of the user.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        self.tool(&format!("cat >'{path}'")).input(bytes).run()?;
        Ok(())
    }

    /// Makes a Unix socket of the guest appear here, as Lima does for the guest agent.
    pub fn forward(&self, guest: &str, here: &Path) -> Result<()> {
        let forward = format!("{}:{guest}", here.display());
        let tool = Tool::new("ssh").args(options(&self.key)).arg("-S").arg(&self.control);
        tool.args(["-O", "forward", "-L", &forward, "127.0.0.1"]).run()?;
        Ok(())
    }

    /// The command line by which a person logs in.
    pub fn command_line(&self) -> String {
        let (port, key, user) = (self.port, self.key.display(), &self.user);
        format!(
            "ssh -i {key} -p {port} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null {user}@127.0.0.1"
        )
    }

    fn tool(&self, command: &str) -> Tool {
        let tool = Tool::new("ssh").args(options(&self.key)).arg("-S").arg(&self.control);
        tool.args([
            "-p",
            &self.port.to_string(),
            &format!("{}@127.0.0.1", self.user),
            "--",
            command,
        ])
    }
}

/// What no configuration of this machine may change: the key, and that a test's host is new each time.
fn options(key: &Path) -> Vec<String> {
    let mut options =
        vec!["-F".to_owned(), "/dev/null".to_owned(), "-i".to_owned(), key.display().to_string()];
    for option in [
        "IdentitiesOnly=yes",
        "BatchMode=yes",
        "StrictHostKeyChecking=no",
        "LogLevel=ERROR",
        "UserKnownHostsFile=/dev/null",
        "ConnectTimeout=30",
        "StreamLocalBindUnlink=yes",
    ] {
        options.extend(["-o".to_owned(), option.to_owned()]);
    }
    options
}

/// Whether sshd says its name. QEMU accepts connections long before anyone listens in the guest, and
/// a greeting costs the guest far less than a login.
fn greets(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let greeting = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let mut begin = [0; 4];
        stream.read_exact(&mut begin)?;
        Ok(begin == *b"SSH-")
    };
    greeting().unwrap_or(false)
}

/// The error of a command that was to fail and did not.
pub fn refused(output: &Output) -> Result<()> {
    if output.status.success() {
        bail!("the command succeeded: {}", output.stdout);
    }
    Ok(())
}
