//! The real program, as people and programs use it: its output, its exit codes, its waiting.

#![allow(clippy::disallowed_methods, reason = "tests lay out real folders")]
#![allow(clippy::unwrap_used, reason = "a test tells by a panic what went wrong")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

fn case(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(below)
}

fn agent(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nixvm-agent")).args(args).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A machine in a folder and the seed of the golden cases.
fn machine() -> (TempDir, String, String) {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("root");
    let copied = Command::new("cp").arg("-a").args([&case("base/root"), &root]).status().unwrap();
    assert!(copied.success());
    let seed = case("base/seed").to_str().unwrap().to_owned();
    (place, root.to_str().unwrap().to_owned(), seed)
}

#[test]
fn a_plan_writes_nothing() {
    let (_place, root, seed) = machine();
    let list = || Command::new("find").arg(&root).args(["-printf", "%p %m %s %T@\n"]).output();
    let before = list().unwrap().stdout;
    let output = agent(&["plan", "--seed", &seed, "--root", &root]);
    assert_eq!(code(&output), 0);
    assert!(text(&output).contains("would do  make the user ht"), "{}", text(&output));
    assert_eq!(list().unwrap().stdout, before);
    let json: Value = serde_json::from_slice(
        &agent(&["plan", "--json", "--seed", &seed, "--root", &root]).stdout,
    )
    .unwrap();
    assert_eq!(json["steps"][0]["verdict"], "run", "{json}");
}

#[test]
fn status_tells_by_its_exit_code_how_the_boot_is() {
    let (_place, root, seed) = machine();
    assert_eq!(code(&agent(&["status", "--root", &root])), 3, "nothing ran yet");
    let run = |stage: &str| agent(&["run", "--stage", stage, "--seed", &seed, "--root", &root]);
    assert_eq!(code(&run("local")), 0);
    assert_eq!(code(&agent(&["status", "--root", &root])), 3, "still running");
    assert_eq!((code(&run("early")), code(&run("late"))), (0, 0));
    let output = agent(&["status", "--json", "--root", &root]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((code(&output), &json["status"]), (0, &Value::from("done")));
    assert_eq!(json["stages"][2]["stage"], "late", "{json}");
}

#[test]
fn status_waits_until_the_boot_is_over_and_no_longer() {
    let (_place, root, seed) = machine();
    let began = Instant::now();
    let waited = agent(&["status", "--wait", "--timeout", "1", "--root", &root]);
    assert_eq!(code(&waited), 3);
    assert!(began.elapsed() >= Duration::from_millis(900), "did not wait");
    let mut waiting = Command::new(env!("CARGO_BIN_EXE_nixvm-agent"))
        .args(["status", "--wait", "--timeout", "60", "--root", &root])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(waiting.try_wait().unwrap().is_none(), "ended before the boot was over");
    agent(&["run", "--seed", &seed, "--root", &root]);
    assert_eq!(waiting.wait().unwrap().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn check_names_file_line_and_key() {
    let bad = case("bad_key_among_good_ones/seed/user-data");
    let place = tempfile::tempdir().unwrap();
    std::fs::copy(bad, place.path().join("user-data")).unwrap();
    std::fs::write(place.path().join("meta-data"), "instance-id: x\n").unwrap();
    let output = agent(&["check", place.path().to_str().unwrap()]);
    assert_eq!(code(&output), 2);
    let said = text(&output);
    assert!(said.contains("user-data:13: users[0].uid: \"five\" is no user id"), "{said}");
    assert!(!said.contains('\x1b'), "colours only on a terminal");
    let absent = agent(&["check", "/no/such/seed"]);
    assert_eq!(code(&absent), 1);
    assert!(String::from_utf8_lossy(&absent.stderr).contains("no such file"), "{absent:?}");
}

#[test]
fn a_named_seed_that_is_not_there_is_exit_code_1_and_touches_nothing() {
    let (_place, root, _) = machine();
    let output = agent(&["run", "--seed", "/no/such/seed", "--root", &root]);
    assert_eq!(code(&output), 1);
    assert!(!Path::new(&root).join("home").exists());
    assert!(!Path::new(&root).join("run/lima-boot-done").exists());
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let (_place, root, seed) = machine();
    let line = format!(
        "{} plan --seed {seed} --root {root} | head -n 1; exit ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_nixvm-agent")
    );
    let output = Command::new("bash").args(["-c", &line]).output().unwrap();
    assert_eq!(code(&output), 0, "{output:?}");
}

#[test]
fn diff_tells_by_its_exit_code_whether_something_is_not_so() {
    let (_place, root, seed) = machine();
    let diff = || agent(&["diff", "--json", "--seed", &seed, "--root", &root]);
    let new = diff();
    assert_eq!(code(&new), 2, "nothing was done yet");
    let json: Value = serde_json::from_slice(&new.stdout).unwrap();
    assert_eq!(json["steps"][0]["state"], "to-do", "{json}");
    agent(&["run", "--seed", &seed, "--root", &root]);
    assert_eq!(code(&diff()), 0);
    std::fs::remove_file(Path::new(&root).join("etc/sudoers.d/90-nixvm-agent")).unwrap();
    let said = text(&agent(&["diff", "--seed", &seed, "--root", &root]));
    assert!(said.contains("drifted   give ht the rules for sudo\n"), "{said}");
    assert_eq!(code(&agent(&["diff", "--root", &root])), 1, "no seed, so nothing to say");
}
