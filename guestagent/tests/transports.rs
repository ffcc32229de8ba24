//! Several listeners at once, sockets of the service manager, the watchdog, the
//! settings file.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use support::{PATIENCE, isolated};
use tokio::net::UnixDatagram;

/// A daemon that a test describes word by word. It is killed at the end.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A daemon in this folder, with `ga.sock` unless `arguments` say otherwise.
fn daemon(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new("sh");
    // systemd sets LISTEN_PID to the process that it starts.
    command.args(["-c", "LISTEN_PID=$$ exec \"$0\" \"$@\""]);
    command.arg(env!("CARGO_BIN_EXE_nixvm-guestagent")).args(["daemon", "--runtime-dir"]);
    command.arg(folder.join("run")).arg("--socket-path").arg(folder.join("ga.sock"));
    command.args(arguments.split_whitespace());
    command.env("NOTIFY_SOCKET", folder.join("notify.sock")).stdin(Stdio::null());
    command
}

/// Starts it and waits until it says that it is ready.
async fn start(folder: &Path, mut command: Command) -> (Process, UnixDatagram) {
    let notified = UnixDatagram::bind(folder.join("notify.sock")).expect("notify socket");
    let process = Process(command.spawn().expect("daemon"));
    assert_eq!(next(&notified).await, "READY=1\n");
    (process, notified)
}

async fn next(notified: &UnixDatagram) -> String {
    let mut message = [0; 64];
    let received = tokio::time::timeout(PATIENCE, notified.recv(&mut message)).await;
    let length = received.expect("a message in time").expect("message");
    String::from_utf8_lossy(&message[..length]).into_owned()
}

/// `GetInfo` over this socket.
async fn answers(socket: &Path) -> bool {
    let connected = support::connect(socket).await;
    let Ok(mut client) = connected else { return false };
    let answer = tokio::time::timeout(PATIENCE, client.get_info(())).await;
    answer.expect("an answer in time").is_ok()
}

#[test]
fn settings_file_adds_a_socket_and_a_bad_one_harms_nobody() {
    isolated("settings_file_adds_a_socket_and_a_bad_one_harms_nobody", async || {
        let folder = tempfile::tempdir().expect("folder");
        let (second, config) = (folder.path().join("b.sock"), folder.path().join("ga.toml"));
        let addresses =
            format!("[\"unix:{}\", \"unix:/none/c.sock\", \"tcp:1\"]", second.display());
        std::fs::write(&config, format!("[listen]\naddresses = {addresses}\n")).expect("file");
        let command = daemon(folder.path(), &format!("--config {}", config.display()));
        let _daemon = start(folder.path(), command).await;
        assert!(answers(&folder.path().join("ga.sock")).await);
        assert!(answers(&second).await);
    });
}

#[test]
fn sockets_of_the_service_manager_are_served_and_kept() {
    isolated("sockets_of_the_service_manager_are_served_and_kept", async || {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("ga.sock");
        let given = UnixListener::bind(&path).expect("socket");
        let mut command = daemon(folder.path(), "");
        command.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", "host");
        let fd = given.as_raw_fd();
        // SAFETY: between fork and exec it only copies a descriptor, which is
        // open because `given` is, to the number that the daemon expects.
        unsafe {
            command.pre_exec(move || {
                let given = BorrowedFd::borrow_raw(fd);
                let mut third: std::mem::ManuallyDrop<std::os::fd::OwnedFd> =
                    std::mem::ManuallyDrop::new(std::os::fd::FromRawFd::from_raw_fd(3));
                // On to itself a copy would still be closed by exec.
                if fd == 3 {
                    return Ok(rustix::io::fcntl_setfd(&*third, rustix::io::FdFlags::empty())?);
                }
                Ok(rustix::io::dup2(given, &mut third)?)
            });
        }
        let (daemon, _notified) = start(folder.path(), command).await;
        assert!(answers(&path).await);
        // The file is systemd's, before and after.
        drop(daemon);
        assert!(path.exists());
    });
}

#[test]
fn watchdog_is_fed_at_half_of_its_time() {
    isolated("watchdog_is_fed_at_half_of_its_time", async || {
        let folder = tempfile::tempdir().expect("folder");
        let mut command = daemon(folder.path(), "");
        command.env("WATCHDOG_USEC", "200000");
        let (_daemon, notified) = start(folder.path(), command).await;
        let start = std::time::Instant::now();
        assert_eq!(next(&notified).await, "WATCHDOG=1\n");
        assert_eq!(next(&notified).await, "WATCHDOG=1\n");
        assert!(start.elapsed().as_millis() >= 190, "{:?}", start.elapsed());
    });
}

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nixvm-guestagent"));
    command.args(arguments).output().expect("program")
}

#[test]
fn check_config_says_what_is_wrong_by_its_exit_code() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("ga.toml");
    let name = path.to_str().expect("path");
    for (text, code, said) in [
        ("[clock]\nsync = true\n", 0, String::new()),
        ("sync = 1\n", 0, format!("{name}:1: warning: sync: unknown key; ")),
        ("[clock]\nsync = 1\n", 2, format!("{name}:2: error: clock.sync: it is neither ")),
    ] {
        std::fs::write(&path, text).expect("file");
        let output = run(&["check-config", name]);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(String::from_utf8_lossy(&output.stdout).starts_with(&said), "{output:?}");
    }
    assert_eq!(run(&["check-config", "/none.toml"]).status.code(), Some(1));
    assert_eq!(run(&["daemon", "--config", "/none.toml"]).status.code(), Some(1));
}

#[test]
fn start_that_is_impossible_is_exit_code_1() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("ga.sock"), "precious").expect("file");
    let ended = daemon(folder.path(), "").output().expect("program");
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("ga.sock: there is a file that is no socket"), "{said}");
}
