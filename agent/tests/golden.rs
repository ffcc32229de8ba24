//! Golden cases: a machine in a folder (`root/`), a seed, and what becomes of them.
//!
//! `tests/cases/NAME/` holds `seed/` (the files of the seed; what is not there is taken from
//! `tests/cases/base/seed`), `root/` (likewise), `media.json` (devices, where the seed is not simply
//! named), and the expected `plan.txt`, `after.txt` (every file that is new or different, with owner
//! and mode) and `report.txt`. `UPDATE_EXPECT=1 cargo test` writes them anew. Each case runs twice:
//! the second time nothing may change. A canary secret in every seed may appear nowhere.

#![allow(clippy::disallowed_methods, reason = "tests lay out real folders")]
#![allow(clippy::unwrap_used, reason = "a test tells by a panic what went wrong")]

#[path = "golden/machine.rs"]
mod machine;

use expect_test::expect_file;
use machine::Case;
use nixvm_agent::apply::StepResult;
use nixvm_agent::plan::Options;
use nixvm_agent::report::{Report, show};
use nixvm_agent::run;
use nixvm_agent::step::{Lifetime, Stage};

const OPTIONS: Options = Options { script_limit: 1800 };
const CANARY: &str = "canary-s3cr3t";

/// Everything that is checked in every case.
fn check(name: &str) {
    let case = Case::new(name);
    let Some(case) = case else { return };
    let before = case.tree();
    let plan = plan(&case);
    let told = run_all(&case);
    let report = report(&case);
    let after = case.changes_since(&before);
    for (file, text) in [("plan.txt", &plan), ("after.txt", &after), ("report.txt", &report)] {
        expect_file![case.folder().join(file)].assert_eq(text);
        assert!(!text.contains(CANARY) || file == "after.txt", "a secret is in {file}");
    }
    assert!(!told.contains(CANARY), "a secret was printed");
    let mut file = "";
    for line in after.lines() {
        file = if line.starts_with('/') { line } else { file };
        let is_allowed =
            ["/etc/environment ", "/run/nixvm-agent/environment", "/run/environment.d/"]
                .iter()
                .any(|allowed| file.starts_with(allowed));
        assert!(is_allowed || !line.contains(CANARY), "a secret was left in {file}");
    }
    second_run_changes_nothing(&case);
}

fn plan(case: &Case) -> String {
    let system = case.open();
    let named = case.named();
    match run::read(named.as_deref(), &system).unwrap() {
        (Some(read), _) => {
            let (plan, _, findings) = run::draft(&read, &system, OPTIONS);
            let mut text = show::plan(&plan, show::Colour::Off);
            for finding in &findings {
                text.push_str(&show::finding(finding, show::Colour::Off));
                text.push('\n');
            }
            case.neutral(&text)
        }
        (None, notes) => format!("no seed, {} notes\n", notes.len()),
    }
}

fn run_all(case: &Case) -> String {
    let mut told = String::new();
    for stage in Stage::ALL {
        let mut system = case.open();
        let named = case.named();
        run::stage(stage, named.as_deref(), &mut system, OPTIONS, &mut |one| {
            told.push_str(&format!("{one:?}\n"));
        });
        for command in system.commands() {
            told.push_str(&format!("{} {:?}\n", command.program, command.args));
        }
    }
    told
}

fn report(case: &Case) -> String {
    let report = Report::read(&case.open()).unwrap();
    let exits: Vec<_> = report.stages.iter().map(|stage| stage.exit.to_string()).collect();
    let text = show::report(&report, show::Colour::Off);
    case.neutral(&format!("{text}\nexit codes {}\n", exits.join(" ")))
}

fn second_run_changes_nothing(case: &Case) {
    let before = case.tree();
    run_all(case);
    let report = Report::read(&case.open()).unwrap();
    for outcome in report.stages.iter().flat_map(|stage| &stage.outcomes) {
        assert_ne!(outcome.result, StepResult::Changed, "second run: {}", outcome.step);
    }
    let changes = case.changes_since(&before);
    let changes: Vec<_> = changes.lines().filter(|line| !line.contains("report.json")).collect();
    assert_eq!(changes, [""; 0], "the second run changed files");
}

macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        $(#[test] fn $name() { check(stringify!($name)); })*
    };
}

cases! {
    lima_first_boot,
    lima_plain_mode,
    lima_2_0_without_instance_id,
    lima_reverse_sshfs,
    bad_key_among_good_ones,
    user_data_that_is_not_yaml_loses_only_the_broken_key,
    broken_users_still_let_their_keys_in,
    header_that_is_not_on_the_first_line,
    bad_timezone_keeps_ssh_keys,
    uid_that_is_taken,
    user_name_that_is_taken,
    user_name_of_a_system_account,
    script_that_fails,
    script_that_hangs,
    sudo_rule_that_visudo_refuses,
    root_that_can_grow,
    no_medium,
    two_media,
    medium_that_is_not_readable,
    medium_that_is_cut_off,
    medium_with_fat,
    planted_link_in_home,
    only_medium_is_not_readable,
    only_medium_is_no_seed,
    flow_style_keys_are_rescued_too,
    home_that_is_a_system_folder,
    home_that_holds_only_a_mount_point,
    wishes_that_are_not_done_yet,
    keys_without_a_user,
    one_bad_sudo_rule_of_two,
    account_files_that_are_links,
    user_of_the_image_without_shadow_line,
    mount_points_that_yaml_cannot_read,
    shares_that_cannot_be_mounted,
    fstab_of_an_earlier_cloud_init,
    mounts_of_a_labelled_machine,
    mounts_that_are_no_shares,
    nixos_logins,
    logins_of_a_debian,
    logins_without_pam_env,
    variables_that_are_gone,
    reverse_sshfs_on_ubuntu,
    reverse_sshfs_with_fuse3_only,
    shares_of_another_owner,
    shares_that_cannot_change_owner,
}

#[test]
fn every_case_has_a_test() {
    let source = include_str!("golden.rs");
    for entry in std::fs::read_dir(machine::cases()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "base" || source.contains(&format!("    {name},\n")), "{name} has no test");
    }
}

#[test]
fn a_new_instance_id_of_lima_runs_nothing_again_but_what_each_boot_needs() {
    let Some(case) = Case::new("lima_first_boot") else { return };
    run_all(&case);
    let keys = case.path("home/ht.guest/.ssh/authorized_keys");
    let mut text = std::fs::read_to_string(&keys).unwrap();
    text.push_str("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJmine me\n");
    std::fs::write(&keys, &text).unwrap();
    let shadow = case.path("etc/shadow");
    let changed = std::fs::read_to_string(&shadow).unwrap().replace("ht:*:", "ht:$6$new:");
    std::fs::write(&shadow, &changed).unwrap();
    let ssh_host_key = case.path("etc/ssh/ssh_host_ed25519_key");
    std::fs::create_dir_all(ssh_host_key.parent().unwrap()).unwrap();
    std::fs::write(&ssh_host_key, "host key").unwrap();

    for new_id in [false, true] {
        case.reboot();
        if new_id {
            case.edit_seed("meta-data", |text| text.replace("1700000000", "1800000000"));
            case.edit_seed("lima.env", |text| text.replace("1700000000", "1800000000"));
        }
        run_all(&case);
        let report = Report::read(&case.open()).unwrap();
        let outcomes: Vec<_> = report.stages.iter().flat_map(|stage| &stage.outcomes).collect();
        let lasting = outcomes.iter().filter(|outcome| outcome.lifetime == Lifetime::Disk);
        for outcome in lasting {
            assert_eq!(outcome.result, StepResult::Unchanged, "{}", outcome.step);
        }
        let scripts = outcomes.iter().filter(|outcome| outcome.step.starts_with("script:"));
        for outcome in scripts {
            assert_eq!(outcome.result, StepResult::Changed, "{} runs each boot", outcome.step);
        }
        let id = if new_id { "iid-1800000000\n" } else { "iid-1700000000\n" };
        assert_eq!(std::fs::read_to_string(case.path("run/lima-boot-done")).unwrap(), id);
        assert_eq!(std::fs::read_to_string(&keys).unwrap(), text, "a key added by hand stays");
        assert_eq!(std::fs::read_to_string(&shadow).unwrap(), changed, "a changed password stays");
        assert_eq!(std::fs::read_to_string(&ssh_host_key).unwrap(), "host key");
    }
}

#[test]
fn a_step_that_failed_once_does_not_hold_up_what_needs_it() {
    let Some(case) = Case::new("lima_first_boot") else { return };
    let lock = case.path("etc/.pwd.lock");
    std::fs::create_dir(&lock).unwrap();
    run_all(&case);
    assert!(!case.path("home/ht.guest/.ssh/authorized_keys").exists());
    std::fs::remove_dir(&lock).unwrap();
    run_all(&case);
    assert!(case.path("home/ht.guest/.ssh/authorized_keys").exists());
    let report = Report::read(&case.open()).unwrap();
    assert!(report.stages.iter().all(|stage| stage.exit == 0), "{report:?}");
}

#[test]
fn a_ledger_that_cannot_be_written_does_not_hide_what_was_done() {
    let Some(case) = Case::new("lima_first_boot") else { return };
    std::fs::create_dir_all(case.path("var/lib/nixvm-agent/ledger.json")).unwrap();
    run_all(&case);
    let report = Report::read(&case.open()).unwrap();
    assert!(report.stages.iter().all(|stage| stage.exit == 2 && !stage.outcomes.is_empty()));
    assert!(case.path("run/lima-ssh-ready").exists() && case.path("run/lima-boot-done").exists());
}

#[test]
fn two_runs_at_once_are_refused() {
    let Some(case) = Case::new("lima_first_boot") else { return };
    std::fs::create_dir_all(case.path("run/nixvm-agent")).unwrap();
    // Locks of this kind belong to a process, so another process has to hold it.
    let mut other = std::process::Command::new("python3")
        .args(["-c", "import fcntl,sys,time; f=open(sys.argv[1],'w'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); time.sleep(60)"])
        .arg(case.path("run/nixvm-agent/lock"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = std::io::BufReader::new(other.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    let mut system = case.open();
    let code = run::stage(Stage::Early, case.named().as_deref(), &mut system, OPTIONS, &mut |_| {});
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(code, 1);
    assert!(!case.path("home/ht.guest").exists(), "the second run did something");
}

#[test]
fn a_user_that_is_gone_is_made_again_with_keys() {
    let Some(case) = Case::new("lima_first_boot") else { return };
    run_all(&case);
    let passwd = case.path("etc/passwd");
    let text = std::fs::read_to_string(&passwd).unwrap();
    let without: String =
        text.lines().filter(|l| !l.starts_with("ht:")).map(|l| format!("{l}\n")).collect();
    std::fs::write(&passwd, without).unwrap();
    std::fs::remove_dir_all(case.path("home")).unwrap();
    case.reboot();
    run_all(&case);
    assert!(std::fs::read_to_string(&passwd).unwrap().contains("ht:x:501:"));
    assert!(case.path("home/ht.guest/.ssh/authorized_keys").exists());
    // A home alone that is gone, on a disk of its own for example, comes back too.
    std::fs::remove_dir_all(case.path("home")).unwrap();
    case.reboot();
    run_all(&case);
    assert!(case.path("home/ht.guest/.ssh/authorized_keys").exists());
}
