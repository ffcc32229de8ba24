//! The bytes of Lima's host, and Lima's host itself where Go is at hand.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;
use support::{Daemon, PATIENCE, isolated};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::Child;

/// More than any probe takes on a busy machine.
const LIMIT: Duration = Duration::from_mins(2);

/// Preface, empty SETTINGS, and `GetInfo` with the header block as Lima 2.2's
/// host sends it: `81` is the empty `:authority`.
fn get_info() -> Vec<u8> {
    let mut block = vec![0x83, 0x86, 0x45, 21];
    block.extend(b"/GuestService/GetInfo");
    block.extend([0x81, 0x5f, 16]);
    block.extend(b"application/grpc");
    block.extend([0x40, 2]);
    block.extend(b"te");
    block.push(8);
    block.extend(b"trailers");
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    bytes.extend([0, 0, u8::try_from(block.len()).expect("short"), 1, 4, 0, 0, 0, 1]);
    bytes.extend(block);
    // DATA, END_STREAM: a gRPC message of no bytes.
    bytes.extend([0, 0, 5, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    bytes
}

/// Types of the frames on stream 1, until the one that ends it.
async fn answer(stream: &mut UnixStream) -> Vec<u8> {
    let mut kinds = Vec::new();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.expect("frame");
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.expect("payload");
        let ended = head[3] == 3 || (head[3] <= 1 && head[4] & 1 != 0);
        if head[8] == 1 {
            kinds.push(head[3]);
            if ended {
                return kinds;
            }
        }
    }
}

#[test]
fn empty_authority_is_answered() {
    isolated("empty_authority_is_answered", async || {
        let daemon = Daemon::start().await;
        for step in [usize::MAX, 1] {
            let mut stream = UnixStream::connect(daemon.socket()).await.expect("connected");
            for part in get_info().chunks(step) {
                stream.write_all(part).await.expect("sent");
            }
            let kinds = tokio::time::timeout(PATIENCE, answer(&mut stream)).await.expect("in time");
            // HEADERS, DATA, HEADERS with the status; and no RST_STREAM (3).
            assert_eq!(kinds, [1, 0, 1]);
        }
    });
}

/// `NIXVM_HOSTPROBE`, or one built with the `go` on PATH.
fn hostprobe() -> Result<&'static Path, &'static str> {
    static PROBE: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        if let Some(path) = std::env::var_os("NIXVM_HOSTPROBE") {
            return Ok(path.into());
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostprobe");
        let built = Command::new("go")
            .args(["build", "-o"])
            .arg(&target)
            .arg("./hostprobe")
            .current_dir(source)
            .output()
            .map_err(|error| format!("no NIXVM_HOSTPROBE, and go does not start: {error}"))?;
        if !built.status.success() {
            return Err(format!("go build: {}", String::from_utf8_lossy(&built.stderr)));
        }
        Ok(target)
    });
    PROBE.as_deref().map_err(String::as_str)
}

/// Lima's own client on our daemon.
fn start(probe: &Path, name: &str, daemon: &Daemon) -> Child {
    tokio::process::Command::new(probe)
        .arg("-socket")
        .arg(daemon.socket())
        .arg(name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("hostprobe")
}

/// What a probe has seen, once it has ended.
async fn seen(child: Child) -> Value {
    let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await.expect("in time");
    let output = output.expect("output");
    assert!(output.status.success(), "{}", output.status);
    let seen = serde_json::from_slice(&output.stdout).expect("JSON");
    println!("{seen:#}");
    seen
}

/// Runs one probe on a daemon of its own. What it saw must be as `expected`,
/// in these keys, and not above each of the `bounds`.
fn holds(test: &str, name: &'static str, expected: Value, bounds: &'static [(&str, f64)]) {
    let probe = match hostprobe() {
        Ok(probe) => probe,
        Err(reason) => return println!("SKIP {test}: {reason}"),
    };
    isolated(test, async move || {
        let daemon = Daemon::start().await;
        let seen = seen(start(probe, name, &daemon)).await;
        for (key, value) in expected.as_object().expect("an object") {
            assert_eq!(&seen[key], value, "{key}");
        }
        for (key, bound) in bounds {
            let number = seen[key].as_f64().expect(key);
            assert!(number <= *bound, "{key}: {number} is more than {bound}");
        }
    });
}

#[test]
fn each_call_of_limas_client_is_served() {
    let expected = json!({
        "info_ports": [], "download_whole": true, "upload_whole": true,
        "time_adjusted": false, "time_error": "", "inotify_error": "",
    });
    holds("each_call_of_limas_client_is_served", "basics", expected, &[]);
}

#[test]
fn half_close_waits_for_a_late_long_answer() {
    let expected = json!({ "request": "request", "bytes": 4 << 20, "whole": true });
    holds("half_close_waits_for_a_late_long_answer", "delayed", expected, &[]);
}

#[test]
fn write_and_close_at_once_loses_nothing() {
    let expected = json!({ "lost": 0, "lost_of_cut": 0, "odd_ends": 0 });
    holds("write_and_close_at_once_loses_nothing", "closing", expected, &[]);
}

#[test]
fn close_of_the_guest_is_seen_by_a_host_that_stays() {
    let expected = json!({ "whole": 20 });
    let bounds = &[("longest_ms", 1000.0)];
    holds("close_of_the_guest_is_seen_by_a_host_that_stays", "ended", expected, bounds);
}

#[test]
fn datagrams_of_each_size_come_back_whole() {
    let expected = json!({ "whole": [1, 512, 1472, 1500, 9000, 32767, 32768, 32769, 65507] });
    holds("datagrams_of_each_size_come_back_whole", "datagrams", expected, &[]);
}

#[test]
fn refusals_are_told_as_by_limas_own_agent() {
    let expected = json!({
        "code": "Unknown", "text": "dial tcp 127.0.0.1:9: connect: connection refused",
        "unix_code": "PermissionDenied",
    });
    holds("refusals_are_told_as_by_limas_own_agent", "refused", expected, &[]);
}

#[test]
fn ten_thousand_connections_leave_nothing_behind() {
    let expected = json!({ "files_grown": 0 });
    let bounds = &[("rss_grown_mib", 1.0)];
    holds("ten_thousand_connections_leave_nothing_behind", "churn", expected, bounds);
}

#[test]
fn one_stuck_tunnel_of_a_thousand_stops_no_other() {
    let expected = json!({ "whole": 1000 });
    let bounds = &[("ping_max_ms", 5000.0), ("peak_mib", 64.0)];
    holds("one_stuck_tunnel_of_a_thousand_stops_no_other", "parallel", expected, bounds);
}

#[test]
fn ports_are_told_once_whenever_they_listen_after_bind() {
    let expected = json!({ "0s": true, "50µs": true, "1ms": true, "50ms": true, "1s": true });
    holds("ports_are_told_once_whenever_they_listen_after_bind", "gaps", expected, &[]);
}

#[test]
fn brief_listeners_never_stay() {
    let expected = json!({ "odd": 0, "stuck": 0, "info_ports": [] });
    holds("brief_listeners_never_stay", "brief", expected, &[]);
}

#[test]
fn five_hundred_ports_at_once_are_told_once() {
    let expected = json!({ "added_once": true, "removed_once": true });
    holds("five_hundred_ports_at_once_are_told_once", "crowd", expected, &[]);
}

#[test]
fn a_host_that_comes_back_hears_of_changes_only() {
    let expected = json!({ "first_whole": true, "changes_only": true });
    holds("a_host_that_comes_back_hears_of_changes_only", "reconnect", expected, &[]);
}

#[test]
fn two_hosts_are_both_told_and_served() {
    let both = json!([true, true]);
    let expected = json!({ "added_once": both, "removed_once": both, "whole": [50, 50] });
    holds("two_hosts_are_both_told_and_served", "two", expected, &[]);
}

#[test]
fn an_agent_that_is_killed_under_load_is_found_again() {
    let test = "an_agent_that_is_killed_under_load_is_found_again";
    let probe = match hostprobe() {
        Ok(probe) => probe,
        Err(reason) => return println!("SKIP {test}: {reason}"),
    };
    isolated(test, async move || {
        let daemon = Daemon::start().await;
        let mut child = start(probe, "restart", &daemon);
        let mut said = BufReader::new(child.stdout.take().expect("output")).lines();
        let line = tokio::time::timeout(LIMIT, said.next_line()).await.expect("in time");
        assert_eq!(line.expect("output").as_deref(), Some("kill"));
        daemon.signal(Signal::KILL);
        let (_, folder) = daemon.ended().await;
        let _daemon = Daemon::start_in(folder).await;
        child.stdin.take().expect("input").write_all(b"back\n").await.expect("told");
        let line = tokio::time::timeout(LIMIT, said.next_line()).await.expect("in time");
        let seen: Value =
            serde_json::from_str(&line.expect("output").expect("a line")).expect("JSON");
        println!("{seen:#}");
        for key in ["served_before", "difference_only", "served_after"] {
            assert_eq!(seen[key], true, "{key}");
        }
    });
}
