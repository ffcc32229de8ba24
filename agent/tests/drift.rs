//! `diff`: what it says of a machine on which somebody has changed something since the last run.

#![allow(clippy::disallowed_methods, reason = "tests lay out real folders")]
#![allow(clippy::needless_raw_string_hashes, reason = "UPDATE_EXPECT writes them")]
#![allow(clippy::unwrap_used, reason = "a test tells by a panic what went wrong")]

#[path = "golden/machine.rs"]
#[allow(dead_code, reason = "tests/golden.rs uses the rest")]
mod machine;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use expect_test::{Expect, expect};
use machine::Case;
use nixvm_agent::drift;
use nixvm_agent::plan::Options;
use nixvm_agent::report::{Report, show};
use nixvm_agent::run;
use nixvm_agent::step::Stage;

const OPTIONS: Options = Options { script_limit: 1800 };

fn boot(name: &str) -> Case {
    let case = Case::new(name).unwrap();
    for stage in Stage::ALL {
        run::stage(stage, case.named().as_deref(), &mut case.open(), OPTIONS, &mut |_| {});
    }
    case
}

/// What `diff` prints, without the steps that cannot be compared, and its exit code.
fn diff(case: &Case) -> (String, u8) {
    let system = case.open();
    let read = run::read(case.named().as_deref(), &system).unwrap().0.unwrap();
    let (plan, ledger, findings) = run::draft(&read, &system, OPTIONS);
    let all = drift::compare(&plan, &ledger, &Report::read(&system).unwrap(), &system);
    let text = drift::show::all(&all, show::Colour::Off);
    let is_told = |line: &&str| !line.starts_with("unknown ") && !line.starts_with("same ");
    let lines: String = text.lines().filter(is_told).map(|line| format!("{line}\n")).collect();
    (case.neutral(&lines), drift::exit(&all, &findings))
}

fn check(case: &Case, expected: &Expect) {
    let (text, exit) = diff(case);
    expected.assert_eq(&text);
    assert_eq!(exit, if text.is_empty() { 0 } else { 2 });
}

fn edit(case: &Case, file: &str, change: impl Fn(String) -> String) {
    let file = case.path(file);
    fs::write(&file, change(fs::read_to_string(&file).unwrap())).unwrap();
}

#[test]
fn a_machine_that_nobody_touched_has_not_drifted() {
    check(&boot("lima_first_boot"), &expect![""]);
}

#[test]
fn what_vanished_or_changed_is_told_with_what_differs() {
    let case = boot("lima_first_boot");
    fs::remove_file(case.path("etc/sudoers.d/90-nixvm-agent")).unwrap();
    fs::write(case.path("etc/hostname"), "other\n").unwrap();
    fs::remove_file(case.path("etc/localtime")).unwrap();
    symlink("/usr/share/zoneinfo/UTC", case.path("etc/localtime")).unwrap();
    let path = case.path("run/nixvm-agent/guestagent.env");
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    edit(&case, "etc/hosts", |text| text.replace("192.168.5.2", "10.0.0.1"));
    edit(&case, "etc/environment", |text| text.replace("PROXY", "OTHER").replace("proxy", "x"));
    check(
        &case,
        &expect![[r#"
            drifted   name the machine lima-default
                      /etc/hostname: its text differs
                        - other
                        + lima-default
            drifted   set the time zone Asia/Tokyo
                      /etc/localtime is a link to /usr/share/zoneinfo/UTC, not a link to /usr/share/zoneinfo/Asia/Tokyo
            drifted   give ht the rules for sudo
                      /etc/sudoers.d/90-nixvm-agent is not there
            drifted   let host.lima.internal be 192.168.5.2
                      /etc/hosts: its text differs
                        - 10.0.0.1 host.lima.internal
                        + 192.168.5.2 host.lima.internal
            drifted   put Lima's variables into /etc/environment
                      /etc/environment: its text differs
                        (not shown: it may hold secrets)
            drifted   tell nixvm-guestagent how the host reaches it
                      /run/nixvm-agent/guestagent.env: its mode is 0600, not 0644
        "#]],
    );
}

#[test]
fn a_user_that_is_gone_is_told_with_all_that_went_along() {
    let case = boot("lima_first_boot");
    edit(&case, "etc/passwd", |text| {
        text.lines().filter(|line| !line.starts_with("ht:")).map(|l| format!("{l}\n")).collect()
    });
    fs::remove_dir_all(case.path("home")).unwrap();
    check(
        &case,
        &expect![[r#"
        drifted   make the user ht
                  /etc/passwd: its text differs
                    + ht:x:501:501:H T:/home/ht.guest:/bin/bash
                  /home/ht.guest/.profile is not there
        drifted   let a key in as ht
                  /home/ht.guest/.ssh/authorized_keys is not there
        drifted   let /home/ht.guest be found as /home/ht.linux too
                  /home/ht.linux is not there
    "#]],
    );
}

#[test]
fn a_new_seed_is_to_do_and_has_not_drifted() {
    let case = boot("lima_first_boot");
    case.edit_seed("user-data", |text| text.replace("Asia/Tokyo", "Europe/Berlin"));
    check(
        &case,
        &expect![[r#"
            to do     set the time zone Europe/Berlin
                      cannot be done: the zone Europe/Berlin is not in /usr/share/zoneinfo
        "#]],
    );
}

#[test]
fn after_a_start_what_each_boot_makes_is_to_do_and_nothing_else() {
    let case = boot("lima_first_boot");
    case.reboot();
    let (text, exit) = diff(&case);
    assert_eq!(exit, 2);
    assert!(
        text.contains("\n          mount lima-1234567812345678 (9p) on /Users/ht/my\n"),
        "{text}"
    );
    assert!(text.contains("to do     ") && !text.contains("drifted"), "{text}");
}

#[test]
fn what_failed_in_the_boot_is_said_to_have_failed() {
    let case = boot("bad_timezone_keeps_ssh_keys");
    let (text, exit) = diff(&case);
    assert_eq!(exit, 2);
    let line = "failed    set the time zone Mars/Olympus: the zone Mars/Olympus is not in \
        /usr/share/zoneinfo\n";
    assert_eq!(text, line);
}
