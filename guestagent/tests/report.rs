//! `ports` and `status`, beside a real daemon.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use serde_json::{Value, json};
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Output};
use std::time::Duration;
use support::{Daemon, isolated, next};

fn run(command: &str, daemon: &Daemon, json: bool) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_nixvm-guestagent"));
    program.arg(command).arg("--runtime-dir").arg(daemon.folder.path().join("run"));
    if json {
        program.arg("--json");
    }
    program.output().expect("program runs")
}

fn parsed(command: &str, daemon: &Daemon) -> Value {
    let output = run(command, daemon, true);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn each_port_is_shown_with_its_process_and_reason() {
    isolated("each_port_is_shown_with_its_process_and_reason", async || {
        let _web = TcpListener::bind("127.0.0.1:8001").expect("port");
        let _dhcp = UdpSocket::bind("0.0.0.0:68").expect("port");
        let client = UdpSocket::bind("127.0.0.1:0").expect("socket");
        let server = UdpSocket::bind("0.0.0.0:8002").expect("port");
        let daemon = Daemon::start().await;
        let mut events = daemon.client().await.get_events(()).await.expect("events").into_inner();
        next(&mut events).await;
        server.connect("127.0.0.1:9").expect("connected");
        tokio::time::sleep(Duration::from_millis(1_500)).await;

        let rows = parsed("ports", &daemon);
        let own = std::process::id();
        let shown: Vec<Value> = rows
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| {
                assert_eq!(row["pid"], own, "{row}");
                json!([row["protocol"], row["ip"], row["port"], row["forwarded"], row["reason"]])
            })
            .collect();
        let number = client.local_addr().expect("address").port();
        let by_kernel = "left out by rule \"ephemeral\": the kernel chose the port";
        let expected = [
            json!(["tcp", "127.0.0.1", 8001, true, "announced"]),
            json!(["udp", "0.0.0.0", 68, false, "left out by rule \"udp 68\""]),
            json!(["udp", "0.0.0.0", 8002, true, "announced"]),
            json!(["udp", "127.0.0.1", number, false, by_kernel]),
        ];
        assert_eq!(shown, expected);

        let status = parsed("status", &daemon);
        assert_eq!((&status["hosts"], &status["pid"]), (&json!(1), &json!(daemon.pid())));
        let text = String::from_utf8(run("status", &daemon, false).stdout).expect("text");
        assert!(text.contains("ports        2 told, 1 left out by rules\n"), "{text}");
    });
}

#[test]
fn without_a_daemon_ports_are_shown_and_there_is_no_status() {
    isolated("without_a_daemon_ports_are_shown_and_there_is_no_status", async || {
        let _web = TcpListener::bind("127.0.0.1:8001").expect("port");
        let daemon = Daemon::start().await;
        daemon.signal(rustix::process::Signal::TERM);
        tokio::time::sleep(Duration::from_millis(500)).await;
        let rows = parsed("ports", &daemon);
        assert_eq!(rows[0]["reason"], "the agent does not run");
        assert_eq!(run("status", &daemon, false).status.code(), Some(1));
    });
}
