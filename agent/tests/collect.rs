//! `collect`: the real program makes an archive of a machine full of secrets, and none is in it.

#![allow(clippy::disallowed_methods, reason = "tests lay out real folders")]
#![allow(clippy::unwrap_used, reason = "a test tells by a panic what went wrong")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const CANARY: &str = "canary-s3cr3t";

fn case(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(below)
}

fn agent(args: &[&str]) -> String {
    let done = Command::new(env!("CARGO_BIN_EXE_nixvm-agent")).args(args).output().unwrap();
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn an_archive_has_what_a_report_needs_and_no_secret() {
    let place = tempfile::tempdir().unwrap();
    let text = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    for part in ["seed", "root"] {
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(case("base").join(part)).arg(place.path());
        assert!(copy.status().unwrap().success());
    }
    let seed = place.path().join("seed");
    let add = |name: &str, more: &str| {
        let file = seed.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let old = fs::read_to_string(&file).unwrap_or_default();
        fs::write(file, old + more).unwrap();
    };
    // A secret of a kind, and of another value, in each place that may hold one.
    add("param.env", &format!("PARAM_token={CANARY}-param\n"));
    add(
        "etc_environment",
        &format!("#LIMA-START\nhttp_proxy=http://u:{CANARY}-env@p\n#LIMA-END\n"),
    );
    add("lima.env", &format!("LIMA_CIDATA_SECRET={CANARY}-lima\nOTHER={CANARY}-other\n"));
    add("network-config", &format!("wifis:\n  w:\n    password: {CANARY}-wifi\n"));
    add(
        "user-data",
        &format!("password: {CANARY}-password\nssh_keys:\n  rsa_private: {CANARY}-key\n"),
    );
    add(
        "provision.system/00000000",
        &format!("#!/bin/sh\n# {CANARY}-script\necho {CANARY}-param\nexit 3\n"),
    );
    let root = text("root");
    fs::create_dir_all(format!("{root}/proc/self")).unwrap();
    fs::write(format!("{root}/proc/self/mountinfo"), format!("1 1 0:1 / /x {CANARY}-param\n"))
        .unwrap();
    agent(&["run", "--seed", &text("seed"), "--root", &root]);
    fs::remove_file(format!("{root}/etc/sudoers.d/90-nixvm-agent")).unwrap();
    let output = text("report.tar");
    let said = agent(&["collect", "--seed", &text("seed"), "--root", &root, "--output", &output]);
    assert!(said.contains(&format!("in all: {output}\n")), "{said}");
    let mode = fs::metadata(&output).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode, 0o600);
    let bytes = fs::read(&output).unwrap();
    let all = String::from_utf8_lossy(&bytes);
    for kind in ["param", "env", "lima", "other", "wifi", "password", "key", "script"] {
        let secret = format!("{CANARY}-{kind}");
        assert!(!all.contains(&secret) && !said.contains(&secret), "{secret} is in the archive");
    }
    assert!(!all.contains(CANARY));
    let done = Command::new("tar").args(["-xf", &output, "-C"]).arg(place.path()).status().unwrap();
    assert!(done.success());
    let member =
        |name: &str| fs::read_to_string(place.path().join("nixvm-report").join(name)).unwrap();
    for (name, piece) in [
        ("status.txt", "make the user ht"),
        ("report.json", "\"step\": \"account:ht\""),
        ("plan.txt", "unchanged make the user ht"),
        ("diff.txt", "drifted   give ht the rules for sudo"),
        ("findings.txt", ""),
        ("ledger.txt", "done            account:ht"),
        ("seed-files.txt", " provision.system/00000000"),
        ("lima.env", "LIMA_CIDATA_USER=ht"),
        ("network-config", "wifis: [removed]"),
        ("mounts", "1 1 0:1 / /x [removed]"),
        ("os-release", ""),
        ("kernel", ""),
        ("failed-units", ""),
        ("journal", ""),
    ] {
        assert!(member(name).contains(piece), "{name}: {}", member(name));
    }
}

#[test]
fn without_a_seed_there_is_still_an_archive() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("root");
    fs::create_dir(&root).unwrap();
    let output = place.path().join("x.tar");
    let said =
        agent(&["collect", "--root", root.to_str().unwrap(), "--output", output.to_str().unwrap()]);
    assert!(said.contains("  status.txt\n") && output.exists(), "{said}");
}
