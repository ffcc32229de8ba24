//! Ports of the guest, as the host reaches them.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Result, ensure};
use nixvm_e2e::rig::lima_host::LimaHost;
use nixvm_e2e::rig::wait;

/// A port of the guest that is forwarded whether anybody listens or not.
const STATIC: u16 = 7070;

pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

pub fn static_port(host: &LimaHost, port: u16) -> Result<()> {
    listen(host, STATIC)?;
    answers(port)
}

pub fn listener(host: &LimaHost) -> Result<()> {
    let port = free_port()?;
    listen(host, port)?;
    answers(port)
}

pub fn listen(host: &LimaHost, port: u16) -> Result<()> {
    let listen = format!("TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr");
    host.shell(&format!("setsid socat {listen} EXEC:'echo hi' >/dev/null 2>&1 </dev/null &"))
        .map(drop)
}

fn answers(port: u16) -> Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    wait::until("an answer from the guest's port", Duration::from_secs(20), || {
        Ok(answer(address)?.filter(|said| said == "hi\n").map(drop))
    })
}

/// An error if somebody answers.
pub fn is_refused(port: u16) -> Result<()> {
    let said = answer(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    ensure!(said.is_none(), "the host was told {said:?}");
    Ok(())
}

/// What is said on a port; `None` where nobody listens or the connection breaks.
pub fn answer(address: SocketAddr) -> Result<Option<String>> {
    let Ok(mut stream) = TcpStream::connect(address) else { return Ok(None) };
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut said = String::new();
    Ok(stream.read_to_string(&mut said).is_ok().then_some(said))
}
