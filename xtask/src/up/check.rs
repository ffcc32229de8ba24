//! The promises of `cargo xtask up`, each proved on the running guest.

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nixvm_e2e::client::forward::Forwarder;
use nixvm_e2e::rig::ssh::Ssh;
use nixvm_e2e::rig::vm::Vm;

use super::Guest;
use crate::progress::say;

/// Tries all of them, whatever fails.
pub fn all(vm: &Vm<'_>, ssh: &Ssh, forwarder: &Forwarder, guest: &Guest) -> ExitCode {
    let user = &guest.values.user;
    let mut promises = Promises::default();
    promises.try_one("SSH lets the user in by key", || {
        ensure!(ssh.run("id -un")?.trim() == user);
        Ok(())
    });
    promises.try_one("the user exists with the seed's uid and home", || user_exists(ssh, guest));
    promises.try_one("the user may use sudo", || {
        ensure!(ssh.run("sudo -n id -u")?.trim() == "0");
        Ok(())
    });
    promises.try_one("the host's folder can be read", || {
        ensure!(ssh.run("cat /mnt/host/hello.txt")? == "hello from the host\n");
        Ok(())
    });
    promises.try_one("the host's folder can be written", || {
        ssh.run("echo hello from the guest >/mnt/host/answer.txt")?;
        let text = fs::read_to_string(guest.shared.join("answer.txt")).context("the answer")?;
        ensure!(text == "hello from the guest\n", "{text}");
        Ok(())
    });
    promises.try_one("the system script ran as root with its environment", || {
        said(ssh, "cat /var/tmp/hello-system", &format!("root {user} blue\n"))
    });
    promises.try_one("the user script ran as the user with its environment", || {
        said(ssh, "cat ~/hello-user", &format!("{user} blue /run/user/{}\n", guest.values.uid))
    });
    promises.try_one("a port opened in the guest answers on the host", || port(ssh, forwarder));
    promises.try_one("the boot agent reports that all was done", || {
        ssh.run("nixvm-agent status").map(drop)
    });
    promises.try_one("no unit failed, no process is left, the kernel is well", || {
        vm.check_health(ssh, &[])
    });
    promises.verdict()
}

fn user_exists(ssh: &Ssh, guest: &Guest) -> Result<()> {
    let (user, uid) = (&guest.values.user, guest.values.uid);
    let line = ssh.run(&format!("getent passwd {user}"))?;
    let expected = format!("{user}:x:{uid}:");
    ensure!(
        line.starts_with(&expected) && line.contains(&format!(":/home/{user}.guest:")),
        "{line}"
    );
    Ok(())
}

fn said(ssh: &Ssh, command: &str, expected: &str) -> Result<()> {
    let said = ssh.run(command)?;
    ensure!(said == expected, "{said:?} and not {expected:?}");
    Ok(())
}

fn port(ssh: &Ssh, forwarder: &Forwarder) -> Result<()> {
    let listen = "socat TCP-LISTEN:8080,bind=127.0.0.1,fork,reuseaddr EXEC:'echo hello'";
    ssh.run(&format!("setsid {listen} >/dev/null 2>&1 </dev/null &"))?;
    let here = forwarder.wait_for(8080, Duration::from_secs(20))?;
    let mut stream = TcpStream::connect(here).with_context(|| here.to_string())?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut said = String::new();
    stream.read_to_string(&mut said).with_context(|| here.to_string())?;
    ensure!(said == "hello\n", "{here} said {said:?}");
    ssh.run("pkill -x socat").map(drop)
}

#[derive(Default)]
struct Promises {
    kept: usize,
    broken: Vec<&'static str>,
}

impl Promises {
    fn try_one(&mut self, promise: &'static str, body: impl FnOnce() -> Result<()>) {
        match body() {
            Ok(()) => {
                self.kept += 1;
                say(&format!("ok    {promise}"));
            }
            Err(error) => {
                self.broken.push(promise);
                say(&format!("FAIL  {promise}: {error:#}"));
            }
        }
    }

    fn verdict(&self) -> ExitCode {
        if self.broken.is_empty() {
            say(&format!("all {} promises hold", self.kept));
            return ExitCode::SUCCESS;
        }
        say(&format!("{} of {} failed:", self.broken.len(), self.broken.len() + self.kept));
        for promise in &self.broken {
            say(&format!("  {promise}"));
        }
        ExitCode::FAILURE
    }
}
