//! A shared folder by virtiofs: one virtiofsd for each, which QEMU talks to through a socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::process::Background;
use super::wait;

/// Where Debian and Fedora install it; it is not in anyone's PATH.
const PLACES: [&str; 2] = ["/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"];

/// Where virtiofsd is, if this machine has one.
pub fn program() -> Option<&'static str> {
    PLACES.into_iter().find(|place| Path::new(place).exists())
}

/// Starts one for a folder and waits until QEMU can connect.
pub fn serve(folder: &Path, socket: &Path, log: &Path) -> Result<Background> {
    let program = program().context("virtiofsd is not installed")?;
    let mut args = vec![format!("--socket-path={}", socket.display())];
    // QEMU's own virtiofsd, in C, took the folder as an option of the file system; the one in Rust
    // that replaced it has an argument for it.
    if program == "/usr/lib/qemu/virtiofsd" {
        args.extend(["-o".into(), format!("source={},cache=auto", folder.display())]);
    } else {
        args.extend([format!("--shared-dir={}", folder.display()), "--cache=auto".into()]);
    }
    let mut server = Background::start(program, &args, log)?;
    let socket: PathBuf = socket.to_owned();
    wait::until("the socket of virtiofsd", Duration::from_secs(10), || {
        server.check()?;
        Ok(socket.exists().then_some(()))
    })?;
    Ok(server)
}
