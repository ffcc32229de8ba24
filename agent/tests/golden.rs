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
#[allow(dead_code, reason = "tests/faults.rs uses the rest")]
mod machine;

use expect_test::expect_file;
use machine::Case;
use nixvm_agent::apply::StepResult;
use nixvm_agent::drift::{self, Drift, State};
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
    drift(&case);
    assert_eq!(case.tree(), before, "looking changed something");
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
    nothing_has_drifted(&case);
    second_run_changes_nothing(&case);
}

/// How the machine stands to each step, and the exit code of `diff`.
fn drift(case: &Case) -> (Vec<Drift>, u8) {
    let system = case.open();
    let (Some(read), _) = run::read(case.named().as_deref(), &system).unwrap() else {
        return (Vec::new(), 1);
    };
    let (plan, ledger, findings) = run::draft(&read, &system, OPTIONS);
    let all = drift::compare(&plan, &ledger, &Report::read(&system).unwrap(), &system);
    let exit = drift::exit(&all, &findings);
    let text = serde_json::to_string(&all).unwrap() + &drift::show::all(&all, show::Colour::Off);
    assert!(!text.contains(CANARY), "a secret is in {text}");
    (all, exit)
}

/// Right after a run all is as the seed wants it, but for what failed; and looking does nothing.
fn nothing_has_drifted(case: &Case) {
    let before = case.tree();
    for one in drift(case).0 {
        let is_wrong = matches!(one.state, State::Drifted | State::ToDo | State::Unknown(_));
        assert!(!is_wrong, "{one:#?}");
    }
    assert_eq!(case.tree(), before, "looking changed something");
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
    additional_disks_are_formatted_and_used,
    additional_disks_in_doubt_are_left_alone,
    additional_disk_behind_the_seed_of_krunkit,
    additional_disk_whose_mkfs_fails,
    additional_disks_of_plain_mode,
    root_on_lvm_is_left_alone,
    root_that_the_image_keeps_from_growing,
    certificates_keyboard_and_locale,
    certificates_on_fedora,
    nixos_keeps_what_it_declares,
    settings_for_containers_without_root,
    krunkit_graphics,
    rosetta_with_its_cache,
    rosetta_that_nobody_is_handed_to,
    password_for_sudo,
    clock_that_is_behind,
    machine_that_boots_by_openrc,
    provision_every_mode,
    provision_in_plain_mode,
    dependency_that_fails,
    packages_that_are_missing,
    packages_that_cannot_be_installed,
    packages_without_a_manager,
    packages_skipped_by_dependency,
    provision_on_nixos,
    provision_with_bad_values,
    planted_links_for_provisioning,
    containerd_from_the_medium,
    network_version_1,
    network_version_2,
    network_of_bonds_bridges_and_vlans,
    network_manager,
    network_manager_of_bonds_bridges_and_vlans,
    network_fallback_takes_the_first_card,
    network_fallback_leaves_it_to_others,
    network_disabled,
    network_disabled_by_the_machine,
    network_with_bad_keys,
    network_config_that_is_not_yaml_falls_back,
    network_without_a_service,
    networkd_that_is_installed_and_not_enabled,
    networkd_that_runs_already,
    lima_with_host_resolver,
    hosts_file_of_nixos,
    nixos_without_networkd,
    network_file_that_comes_before_ours,
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
    nixos_sudo_by_wheel,
    nixos_sudo_that_asks,
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
fn a_password_is_told_in_the_home_alone_and_never_made_again() {
    let Some(case) = Case::new("password_for_sudo") else { return };
    let told = run_all(&case);
    let file = case.path("home/ht.guest/password");
    let password = std::fs::read_to_string(&file).unwrap();
    let password = password.trim_end();
    let text = case.changes_since(&std::collections::BTreeMap::new());
    assert_eq!(text.matches(password).count(), 1, "it is in another file too");
    let report = std::fs::read_to_string(case.path("run/nixvm-agent/report.json")).unwrap();
    let ledger = std::fs::read_to_string(case.path("var/lib/nixvm-agent/ledger.json")).unwrap();
    for other in [&told, &report, &ledger, &self::report(&case)] {
        assert!(!other.contains(password) && !other.contains("$6$1"), "{other}");
    }
    let shadow = std::fs::read_to_string(case.path("etc/shadow")).unwrap();
    for gone in ["password", ".lima-password-set"] {
        std::fs::remove_file(case.path("home/ht.guest").join(gone)).unwrap();
        case.reboot();
        run_all(&case);
        assert!(!file.exists(), "made again although {gone} was removed by hand");
    }
    assert_eq!(std::fs::read_to_string(case.path("etc/shadow")).unwrap(), shadow);
}

#[test]
fn certificates_that_the_seed_names_no_more_are_taken_back() {
    let Some(case) = Case::new("certificates_on_fedora") else { return };
    run_all(&case);
    let file = case.path("etc/pki/ca-trust/source/anchors/cloud-init-ca-cert-1.crt");
    assert!(file.exists());
    case.reboot();
    case.edit_seed("user-data", |text| text.split("ca-certs:").next().unwrap().to_owned());
    run_all(&case);
    assert!(!file.exists());
    case.reboot();
    let told = run_all(&case);
    assert!(!told.contains("update-ca-trust"), "the tool runs only if something changed");
}

#[test]
fn subordinate_ids_that_are_gone_come_back() {
    let Some(case) = Case::new("lima_first_boot") else { return };
    run_all(&case);
    std::fs::write(case.path("etc/subuid"), "").unwrap();
    case.reboot();
    run_all(&case);
    let text = std::fs::read_to_string(case.path("etc/subuid")).unwrap();
    assert_eq!(text, "ht:524288:1073741824\n");
    assert_eq!(std::fs::read_to_string(case.path("etc/subgid")).unwrap(), text);
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

#[test]
fn a_running_network_service_is_told_once() {
    for (bus, want) in [
        (true, "networkctl reload"),
        (false, "systemctl --no-block try-restart systemd-networkd.service"),
    ] {
        let Some(case) = Case::new("networkd_that_runs_already") else { return };
        if bus {
            std::fs::create_dir_all(case.path("run/dbus/system_bus_socket")).unwrap();
        }
        let told = |case: &Case| {
            let mut system = case.open();
            run::stage(Stage::Local, case.named().as_deref(), &mut system, OPTIONS, &mut |_| {});
            let commands = system.commands().iter();
            commands.map(|it| format!("{} {}", it.program, it.args.join(" "))).collect::<Vec<_>>()
        };
        assert_eq!(told(&case), [want]);
        assert_eq!(told(&case), [""; 0], "nothing is new the second time");
    }
}

#[test]
fn the_host_resolver_is_reached_in_each_boot_by_its_new_ports() {
    let Some(case) = Case::new("lima_with_host_resolver") else { return };
    let ports = |case: &Case| {
        let scratch = case.open();
        let redirects = scratch.redirects().get("nixvm-lima-dns").cloned().unwrap_or_default();
        redirects.iter().map(|it| format!("{} {}", it.from, it.to)).collect::<Vec<_>>()
    };
    run_all(&case);
    assert_eq!(
        ports(&case),
        ["192.168.5.3:53 192.168.5.2:40053", "192.168.5.3:53 192.168.5.2:40054"]
    );
    case.reboot();
    assert_eq!(ports(&case), [""; 0]);
    case.edit_seed("lima.env", |text| text.replace("=40053", "=50053").replace("=40054", "=0"));
    run_all(&case);
    assert_eq!(ports(&case), ["192.168.5.3:53 192.168.5.2:50053"]);
}
