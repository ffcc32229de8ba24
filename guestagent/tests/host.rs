//! The bytes of Lima's host, and Lima's host itself where Go is at hand.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use std::path::PathBuf;
use std::process::Command;
use support::{Daemon, PATIENCE, isolated};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

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
fn hostprobe() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("NIXVM_HOSTPROBE") {
        return Ok(path.into());
    }
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/peers");
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("hostprobe");
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
}

#[test]
fn limas_own_client_is_served() {
    let probe = match hostprobe() {
        Ok(probe) => probe,
        Err(reason) => return println!("SKIP limas_own_client_is_served: {reason}"),
    };
    isolated("limas_own_client_is_served", async move || {
        let daemon = Daemon::start().await;
        let output = tokio::process::Command::new(probe)
            .arg("-socket")
            .arg(daemon.socket())
            .output()
            .await
            .expect("hostprobe");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let seen: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        println!("{seen:#}");
        for (key, expected) in [
            ("second_stream", serde_json::json!([])),
            ("half_close", "answer to request".into()),
            ("download_whole", true.into()),
            ("upload_whole", true.into()),
            ("refused_code", "Unknown".into()),
            ("unix_code", "PermissionDenied".into()),
            ("time_adjusted", false.into()),
            ("time_error", "".into()),
            ("inotify_error", "".into()),
        ] {
            assert_eq!(seen[key], expected, "{key}");
        }
        let sizes = seen["udp_sizes_whole"].as_object().expect("sizes");
        assert!(sizes.len() == 8 && sizes.values().all(|whole| whole == true), "{sizes:?}");
    });
}
