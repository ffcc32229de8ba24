//! What a run tells: records in the journal, a block on the console, and the log that Lima's host
//! follows. The real program; the journal is a socket of its name in a mount namespace.

#![allow(clippy::disallowed_methods, reason = "tests lay out real folders")]
#![allow(clippy::indexing_slicing, reason = "a record that is cut off is a fault")]
#![allow(clippy::needless_raw_string_hashes, reason = "UPDATE_EXPECT writes them")]
#![allow(clippy::unwrap_used, reason = "a test tells by a panic what went wrong")]

#[path = "../../system/tests/support/namespace.rs"]
mod namespace;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use expect_test::expect;
use namespace::in_namespace;
use nixvm_system::Journal;
use tempfile::TempDir;

const CANARY: &str = "canary-s3cr3t";

fn case(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(below)
}

/// A machine on which a script fails, and its seed.
struct Machine {
    place: TempDir,
}

impl Machine {
    fn new(name: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        for part in ["seed", "root"] {
            for from in ["base", name] {
                let from = case(from).join(part).join(".");
                if from.exists() {
                    fs::create_dir_all(place.path().join(part)).unwrap();
                    let to = place.path().join(part);
                    assert!(
                        Command::new("cp").arg("-a").args([&from, &to]).status().unwrap().success()
                    );
                }
            }
        }
        Self { place }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.place.path().join(below)
    }

    fn run(&self, more: &[&str]) -> String {
        let (seed, root) = (self.path("seed"), self.path("root"));
        let output: Output = Command::new(env!("CARGO_BIN_EXE_nixvm-agent"))
            .args(["run", "--seed"])
            .arg(seed)
            .arg("--root")
            .arg(root)
            .args(more)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("root/var/log/cloud-init-output.log")).unwrap_or_default()
    }
}

#[test]
fn the_console_is_told_what_failed_where_why_and_what_to_do() {
    let machine = Machine::new("script_that_fails");
    machine.run(&["--stage", "local"]);
    machine.run(&["--stage", "early"]);
    let told = machine.run(&["--stage", "late"]);
    let block = told.split_once("nixvm-agent: ").unwrap().1;
    expect![[r#"
        degraded, 0 s after power-on: 18 steps, 15 changed, 0 skipped, 2 failed
          failed    run the system script 00000000: ended with exit code 3 (provision.system/00000000)
                    its output: journalctl -t nixvm-provision.system-00000000
          failed    run the user script 00000001: ended with exit code 127 (provision.user/00000001)
                    its output: journalctl -t nixvm-provision.user-00000001
          all of it: nixvm-agent status; for a bug report: sudo nixvm-agent collect
    "#]].assert_eq(block);
    let machine = Machine::new("lima_first_boot");
    let told = machine.run(&[]);
    assert_eq!(told.matches("nixvm-agent: ").count(), 1, "one block a boot: {told}");
    assert!(told.contains("nixvm-agent: done, ") && !told.contains("collect"), "{told}");
}

#[test]
fn the_log_has_each_step_and_ends_as_limas_host_expects_it() {
    let machine = Machine::new("script_that_fails");
    machine.run(&["--stage", "local"]);
    let is_end = |line: &str| line.starts_with("Cloud-init") && line.contains(" finished");
    assert!(machine.log().contains("changed   name the machine"), "{}", machine.log());
    assert!(!machine.log().lines().any(is_end), "not over yet");
    machine.run(&["--stage", "early"]);
    machine.run(&["--stage", "late"]);
    let log = machine.log();
    assert_eq!(log.lines().filter(|line| is_end(line)).count(), 1);
    assert!(is_end(log.lines().last().unwrap()) && log.ends_with('\n'), "{log}");
    assert!(log.contains("failed    run the system script 00000000"), "{log}");
    assert!(!log.contains(CANARY));
    let mode = fs::metadata(machine.path("root/var/log/cloud-init-output.log")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o7777, 0o640);
    machine.run(&["--stage", "local"]);
    assert!(!machine.log().lines().any(is_end), "a new boot begins a new log");
    let old = machine.path("root/var/log/cloud-init-output.log.1");
    assert_eq!(fs::read_to_string(old).unwrap(), log);
}

#[test]
fn the_log_of_a_real_cloud_init_is_left_alone() {
    let machine = Machine::new("lima_first_boot");
    fs::create_dir_all(machine.path("root/run/cloud-init")).unwrap();
    fs::create_dir_all(machine.path("root/var/log")).unwrap();
    fs::write(machine.path("root/run/cloud-init/enabled"), "").unwrap();
    fs::write(machine.path("root/var/log/cloud-init-output.log"), "its own\n").unwrap();
    machine.run(&[]);
    assert_eq!(machine.log(), "its own\n");
}

/// Takes a record apart.
fn fields(mut record: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    while !record.is_empty() {
        let end = record.iter().position(|byte| matches!(byte, b'=' | b'\n')).unwrap();
        let name = String::from_utf8(record[..end].to_vec()).unwrap();
        let (value, rest) = if record[end] == b'=' {
            let end_of_line = record.iter().position(|byte| *byte == b'\n').unwrap();
            (&record[end + 1..end_of_line], &record[end_of_line + 1..])
        } else {
            let (length, rest) = record[end + 1..].split_at(8);
            let length = u64::from_le_bytes(length.try_into().unwrap());
            rest.split_at(usize::try_from(length).unwrap())
        };
        record = rest.strip_prefix(b"\n").unwrap_or(rest);
        fields.insert(name, String::from_utf8(value.to_vec()).unwrap());
    }
    fields
}

#[test]
fn the_journal_gets_records_with_fields_and_the_console_a_summary() {
    in_namespace("the_journal_gets_records_with_fields_and_the_console_a_summary", || {
        let mount = ["-t", "tmpfs", "-o", "mode=755", "none", "/run"];
        assert!(Command::new("mount").args(mount).status().unwrap().success());
        fs::create_dir_all(Path::new(Journal::SOCKET).parent().unwrap()).unwrap();
        let journal = UnixDatagram::bind(Journal::SOCKET).unwrap();
        journal.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let machine = Machine::new("script_that_fails");
        let reader = std::thread::spawn(move || {
            let mut records = Vec::new();
            let mut buffer = vec![0; 1 << 18];
            loop {
                let length = journal.recv(&mut buffer).unwrap();
                let record = fields(&buffer[..length]);
                let is_last =
                    record.get("NIXVM_STEP").is_some_and(|it| it.starts_with("script:user"));
                records.push(record);
                if is_last {
                    return records;
                }
            }
        });
        let mut told = machine.run(&["--journal", "--stage", "local"]);
        told += &machine.run(&["--journal", "--stage", "early"]);
        assert_eq!(told, "", "nothing went wrong so far");
        told += &machine.run(&["--journal", "--stage", "late"]);
        let records = reader.join().unwrap();
        assert!(told.starts_with("nixvm-agent: degraded, "), "{told}");
        assert!(!told.contains("changed   "), "steps are in the journal alone: {told}");
        let account =
            records.iter().find(|it| it.get("NIXVM_STEP").is_some_and(|it| it == "account:ht"));
        expect![[r#"
            {
                "MESSAGE": "changed   make the user ht",
                "NIXVM_ORIGIN": "user-data:9",
                "NIXVM_RESULT": "changed",
                "NIXVM_STAGE": "early",
                "NIXVM_STEP": "account:ht",
                "OBJECT_SYSTEMD_UNIT": "nixvm-agent-early.service",
                "PRIORITY": "6",
                "SYSLOG_IDENTIFIER": "nixvm-agent",
            }
        "#]]
        .assert_debug_eq(account.unwrap());
        let failed = records.iter().find(|it| it["PRIORITY"] == "3").unwrap();
        expect![[r#"
            {
                "MESSAGE": "failed    run the system script 00000000: ended with exit code 3 (provision.system/00000000)\n          its output: journalctl -t nixvm-provision.system-00000000",
                "NIXVM_CODE": "script-failed",
                "NIXVM_HINT": "its output: journalctl -t nixvm-provision.system-00000000",
                "NIXVM_ORIGIN": "provision.system/00000000",
                "NIXVM_RESULT": "failed",
                "NIXVM_STAGE": "late",
                "NIXVM_STEP": "script:system/00000000",
                "OBJECT_SYSTEMD_UNIT": "nixvm-agent-late.service",
                "PRIORITY": "3",
                "SYSLOG_IDENTIFIER": "nixvm-agent",
            }
        "#]].assert_debug_eq(failed);
        assert!(!format!("{records:?}").contains(CANARY));
        fs::remove_file(Journal::SOCKET).unwrap();
        let told = machine.run(&["--journal", "--stage", "early"]);
        assert!(told.contains("unchanged make the user ht"), "no journal, no silence: {told}");
    });
}
