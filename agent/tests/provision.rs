//! Provisioning with real processes: the real program as root in a mount namespace of its own, with
//! an `/etc`, `/home`, `/run` and `/var/lib` of its own.

#![allow(clippy::disallowed_methods, reason = "tests lay out real folders")]
#![allow(clippy::unwrap_used, reason = "a test tells by a panic what went wrong")]

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

use nixvm_agent::plan::Options;
use nixvm_agent::report::{Report, show};
use nixvm_agent::run;
use nixvm_agent::step::Stage;
use nixvm_system::{Host, Scratch};
use rustix::fs::{CWD, RenameFlags, renameat_with};

const CANARY: &str = "canary-s3cr3t";

const USER_DATA: &str = r#"#cloud-config
growpart: {mode: "off"}
users:
  - name: "ht"
    uid: "4711"
    homedir: "/home/ht.guest"
    shell: /bin/bash
bootcmd:
 - |
   [ -e /sys/class/net/eth0 ] || touch /run/limas-own
 - |
   while read -r line; do [ -n "$line" ] && export "$line"; done <<'EOF'
   PARAM_token=canary-s3cr3t
   EOF
   set -e
   cd /tmp
   X=1; export X
   exit 3
 - |
   while read -r line; do [ -n "$line" ] && export "$line"; done <<'EOF'
   PARAM_token=canary-s3cr3t
   EOF
   (pwd; env) >/run/boot-out
 - [sh, -c, "echo $0 >/run/argv-out", "it's one"]
"#;

const LIMA_ENV: &str = "LIMA_CIDATA_IID=iid-1\nLIMA_CIDATA_USER=ht\nLIMA_CIDATA_UID=4711\n\
    LIMA_CIDATA_HOME=/home/ht.guest\nLIMA_CIDATA_PLAIN=\nLIMA_CIDATA_PASSWORDLESS_SUDO=1\n\
    LIMA_CIDATA_SKIP_DEFAULT_DEPENDENCY_RESOLUTION=1\n";

fn seed(folder: &Path, lima_env: &str, files: &[(&str, &str)]) -> PathBuf {
    let seed = folder.join("seed");
    let mut all = vec![
        ("meta-data", "instance-id: iid-1\nlocal-hostname: x\n"),
        ("user-data", USER_DATA),
        ("lima.env", lima_env),
        ("param.env", "PARAM_token=canary-s3cr3t\n"),
        ("etc_environment", "#LIMA-START\nhttp_proxy=http://canary-s3cr3t@proxy\n#LIMA-END\n"),
    ];
    all.extend(files);
    for (name, text) in all {
        let file = seed.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    seed
}

/// Runs a case in a process and mount namespace of its own.
fn in_namespace(name: &str, case: impl FnOnce()) {
    if std::env::var_os("NIXVM_IN_NAMESPACE").is_some() {
        own_folders();
        return case();
    }
    if !rustix::process::geteuid().is_root() {
        println!("SKIP {name}: a machine of its own needs root");
        return;
    }
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("NIXVM_IN_NAMESPACE", "1")
        .status()
        .unwrap();
    assert!(status.success());
}

fn own_folders() {
    let lines = "set -e; mount -t tmpfs -o mode=755 none /mnt; cp -a /etc /mnt/etc; \
        mount --bind /mnt/etc /etc; for folder in /run /home /var/lib /var/log; do \
        mount -t tmpfs -o mode=755 none $folder; done; mkdir /run/out; chmod 777 /run/out";
    assert!(Command::new("sh").args(["-c", lines]).status().unwrap().success());
}

fn agent(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nixvm-agent")).args(args).output().unwrap()
}

fn stage(name: &str, seed: &Path) {
    let output = agent(&["run", "--stage", name, "--seed", seed.to_str().unwrap()]);
    println!("{}", String::from_utf8_lossy(&output.stdout));
    // 2: a case may have a step that fails, and not everywhere can the root disk be looked at.
    assert!(matches!(output.status.code(), Some(0 | 2)), "{output:?}");
}

#[track_caller]
fn has_lines(file: &str, lines: &[&str]) {
    let text = fs::read_to_string(file).unwrap();
    for line in lines {
        assert!(text.lines().any(|other| other == *line), "no line {line} in {file}:\n{text}");
    }
}

#[test]
fn boot_scripts_run_first_and_each_by_itself() {
    in_namespace("boot_scripts_run_first_and_each_by_itself", || {
        let folder = tempfile::tempdir().unwrap();
        let seed = seed(folder.path(), LIMA_ENV, &[]);
        stage("early", &seed);
        has_lines("/run/boot-out", &["/", "PARAM_token=canary-s3cr3t", "INSTANCE_ID=iid-1"]);
        let text = fs::read_to_string("/run/boot-out").unwrap();
        assert!(!text.contains("X=1"), "the script before left something:\n{text}");
        assert_eq!(fs::read_to_string("/run/argv-out").unwrap(), "it's one\n");
        assert!(!Path::new("/run/limas-own").exists(), "Lima's own entry was run");
        let status = status();
        assert!(
            status.contains("run the boot script 00000001: ended with exit code 3"),
            "{status}"
        );
        assert!(status.contains("changed   make the user ht"), "{status}");
    });
}

fn status() -> String {
    let report = fs::read_to_string("/run/nixvm-agent/report.json").unwrap();
    assert!(!report.contains(CANARY), "a secret is in the report");
    String::from_utf8(agent(&["status"]).stdout).unwrap()
}

#[test]
fn scripts_run_with_their_interpreter_user_and_environment() {
    in_namespace("scripts_run_with_their_interpreter_user_and_environment", || {
        let folder = tempfile::tempdir().unwrap();
        let print = "(pwd; id -un; env) >/run/out";
        let root = format!("{print}/system\n");
        let user = format!("{print}/user\necho said >/dev/stderr\n");
        let seed = seed(
            folder.path(),
            LIMA_ENV,
            &[
                ("provision.dependency/00000009", "touch /run/out/dependency"),
                ("provision.system/00000000", &root),
                ("provision.user/00000001", &user),
                ("provision.system/00000002", "#!/no/bash -eu\n[[ $- == *u* ]]; touch /run/out/u"),
                ("provision.user/00000003", "#! /no/bin/env bash\n[[ 1 ]] && touch /run/out/env\n"),
                ("provision.system/00000004", "#!/bin/sh\r\ntouch /run/out/crlf\r\n"),
                ("provision.user/00000005", "#!/bin/sh\necho why >&2; echo $PARAM_token; exit 7\n"),
                ("provision.user/00000006", "#!/no/such/thing\n"),
            ],
        );
        stage("early", &seed);
        fs::write("/etc/environment", "FROM_IMAGE=\"a b\"\nHOME=/nowhere\n").unwrap();
        fs::write("/home/ht.guest/.bash_profile", "export FROM_PROFILE=yes\n").unwrap();
        stage("late", &seed);
        let util = format!("PATH=/mnt/lima-cidata/util:{}", nixvm_system::Command::PATH);
        has_lines(
            "/run/out/system",
            &[
                "/",
                "root",
                &util,
                "TERM=linux",
                "HOME=/root",
                "LIMA_CIDATA_USER=ht",
                "LIMA_CIDATA_MNT=/mnt/lima-cidata",
                "LIMA_REBOOT_REQUIRED=/run/lima-reboot-required",
                "PARAM_token=canary-s3cr3t",
                "http_proxy=http://canary-s3cr3t@proxy",
            ],
        );
        let token = "PARAM_token=canary-s3cr3t";
        let login = ["HOME=/home/ht.guest", "USER=ht", "LOGNAME=ht", "FROM_PROFILE=yes"];
        has_lines("/run/out/user", &[["/home/ht.guest", "ht", token].as_slice(), &login].concat());
        let proxy = "http_proxy=http://canary-s3cr3t@proxy";
        let others = ["XDG_RUNTIME_DIR=/run/user/4711", "FROM_IMAGE=a b", proxy];
        has_lines("/run/out/user", &others);
        let text = fs::read_to_string("/run/out/user").unwrap();
        assert!(!text.contains("LIMA_CIDATA"), "a user sees no variables of Lima's:\n{text}");
        for file in ["dependency", "u", "env"] {
            assert!(Path::new("/run/out").join(file).exists(), "{file}\n{}", status());
        }
        assert!(!Path::new("/run/out/crlf").exists());
        let status = status();
        let last = "run the user script 00000005: ended with exit code 7; its last line: [hidden]";
        assert!(status.contains(last), "{status}");
        assert!(status.contains("script 00000004: its lines end with CR LF"), "{status}");
        assert!(status.contains("script 00000006: ended with exit code 12"), "{status}");
        let left: Vec<_> = fs::read_dir("/var/lib/nixvm-agent/scripts").unwrap().collect();
        assert!(left.is_empty(), "a script was left behind: {left:?}");
    });
}

#[test]
fn files_get_their_owner_and_a_second_boot_heals_them() {
    in_namespace("files_get_their_owner_and_a_second_boot_heals_them", || {
        let folder = tempfile::tempdir().unwrap();
        let env = format!(
            "{LIMA_ENV}LIMA_CIDATA_DATAFILE_00000001_PATH=/home/ht.guest/a/b\n\
             LIMA_CIDATA_DATAFILE_00000001_OWNER=ht:ht\nLIMA_CIDATA_DATAFILE_00000001_PERMISSIONS=4750\n\
             LIMA_CIDATA_YQ_PROVISION_00000002_PATH=/home/ht.guest/c.toml\n\
             LIMA_CIDATA_YQ_PROVISION_00000002_OWNER=ht\nLIMA_CIDATA_YQ_PROVISION_00000002_FORMAT=auto\n"
        );
        let yq = ".token = env(PARAM_token)\n";
        let files = [("provision.data/00000001", "data\n"), ("provision.yq/00000002", yq)];
        let seed = seed(folder.path(), &env, &files);
        stage("early", &seed);
        stage("late", &seed);
        let of = |path: &str| {
            let meta = fs::metadata(path).unwrap();
            (meta.uid(), meta.gid(), meta.mode() & 0o7777)
        };
        assert_eq!(of("/home/ht.guest/a"), (4711, 4711, 0o755));
        assert_eq!(of("/home/ht.guest/a/b"), (4711, 4711, 0o4750));
        assert_eq!(of("/home/ht.guest/c.toml"), (4711, 4711, 0o644));
        let text = fs::read_to_string("/home/ht.guest/c.toml").unwrap();
        assert_eq!(text, "token = \"canary-s3cr3t\"\n");
        let written = fs::metadata("/home/ht.guest/a/b").unwrap().ino();
        assert!(!status().contains("failed    write"), "{}", status());

        fs::remove_dir_all("/run/nixvm-agent").unwrap();
        fs::write("/home/ht.guest/c.toml", "token = 1\n").unwrap();
        stage("late", &seed);
        let status = status();
        assert!(status.contains("unchanged write /home/ht.guest/a/b"), "{status}");
        assert!(status.contains("changed   edit /home/ht.guest/c.toml"), "{status}");
        assert_eq!(fs::metadata("/home/ht.guest/a/b").unwrap().ino(), written);
    });
}

/// The user changes a folder for a link again and again while root writes below it.
#[test]
fn a_folder_that_becomes_a_link_is_never_followed() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIP a_folder_that_becomes_a_link_is_never_followed: a user's folder needs root");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("root");
    let home = root.join("home/ht");
    for folder in ["etc", "var/lib", "run", "home/ht/dir"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::set_permissions(&root, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::write(root.join("etc/passwd"), "ht:x:4711:4711::/home/ht:/bin/sh\n").unwrap();
    fs::write(root.join("etc/x.yaml"), "a: 0\n").unwrap();
    for folder in [&home, &home.join("dir")] {
        std::os::unix::fs::chown(folder, Some(4711), Some(4711)).unwrap();
    }
    symlink("/etc", home.join("link")).unwrap();
    let env = format!(
        "{LIMA_ENV}LIMA_CIDATA_DATAFILE_00000001_PATH=/home/ht/dir/sub/file\n\
         LIMA_CIDATA_YQ_PROVISION_00000002_PATH=/home/ht/dir/x.yaml\n"
    );
    let files = [("provision.data/00000001", "x"), ("provision.yq/00000002", ".a = 1")];
    let seed = seed(place.path(), &env, &files);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let (dir, link) = (home.join("dir"), home.join("link"));
                renameat_with(CWD, &dir, CWD, &link, RenameFlags::EXCHANGE).unwrap();
            }
        });
        for _ in 0..150 {
            let mut host = Host::below(root.to_str().unwrap()).unwrap();
            let options = Options { script_limit: 1 };
            run::stage(Stage::Late, seed.to_str(), &mut host, options, &mut |_| {});
            let _ = fs::remove_dir_all(root.join("run/nixvm-agent"));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let names: Vec<_> =
        fs::read_dir(root.join("etc")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "something was written through the link: {names:?}");
    assert_eq!(fs::read_to_string(root.join("etc/x.yaml")).unwrap(), "a: 0\n");
}

fn scratch(place: &Path, state: &str) -> PathBuf {
    let root = place.join("root");
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/base/root");
    assert!(Command::new("cp").arg("-a").args([&base, &root]).status().unwrap().success());
    fs::write(root.join(".nixvm-scratch.json"), state).unwrap();
    root
}

/// What was run in the last stage, a line each, and its report.
fn late(root: &Path, seed: &Path) -> (Vec<String>, String) {
    let mut system = Scratch::open(root.to_str().unwrap()).unwrap();
    let options = Options { script_limit: 1 };
    for stage in [Stage::Early, Stage::Late] {
        run::stage(stage, seed.to_str(), &mut system, options, &mut |_| {});
    }
    let managers = system.commands().iter().filter(|it| it.program == "apt-get");
    for command in managers {
        let has = |name: &str| command.env.iter().any(|(other, _)| other == name);
        assert!(has("http_proxy") && has("DEBIAN_FRONTEND"), "{:?}", command.args);
    }
    let commands = system.commands().iter();
    let lines = commands.map(|it| format!("{} {}", it.program, it.args.join(" "))).collect();
    let report = Report::read(&system).unwrap();
    (lines, show::report(&report, show::Colour::Off))
}

const UPGRADE: &str = "#cloud-config\nusers: [{name: ht}]\npackage_update: true\n\
    package_upgrade: true\npackage_reboot_if_required: true\n";

#[test]
fn an_upgrade_that_asks_for_a_reboot_gets_one_and_holds_back_the_end_of_the_boot() {
    let place = tempfile::tempdir().unwrap();
    let root = scratch(place.path(), "{}");
    let seed = seed(place.path(), LIMA_ENV, &[("user-data", UPGRADE)]);
    fs::create_dir_all(root.join("run")).unwrap();
    fs::write(root.join("run/reboot-required"), "").unwrap();
    let (lines, report) = late(&root, &seed);
    let tools: Vec<_> = lines.iter().filter(|it| !it.starts_with("visudo")).collect();
    assert!(tools[0].ends_with(" update") && tools[1].ends_with(" upgrade"), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "systemctl --no-block reboot", "{report}");
    assert!(!root.join("run/lima-boot-done").exists(), "{report}");

    // After it: the same seed, an empty /run. Nothing is upgraded, nothing reboots again.
    fs::remove_dir_all(root.join("run")).unwrap();
    let (lines, report) = late(&root, &seed);
    assert!(
        !lines.iter().any(|it| it.contains("apt-get") || it.contains("systemctl")),
        "{lines:?}"
    );
    assert!(root.join("run/lima-boot-done").exists(), "{report}");

    // A new start of the instance upgrades again, and a marker of a script's is left to the script.
    fs::write(seed.join("meta-data"), "instance-id: iid-2\nlocal-hostname: x\n").unwrap();
    fs::remove_dir_all(root.join("run")).unwrap();
    let (lines, report) = late(&root, &seed);
    assert!(lines.iter().any(|it| it.ends_with(" upgrade")), "{report}");
    assert!(!lines.iter().any(|it| it.contains("systemctl")), "{lines:?}");
}

#[test]
fn fedora_is_asked_by_its_command() {
    let place = tempfile::tempdir().unwrap();
    let answers = r#"{"needs-restarting": {"fail": [1, "Reboot is required to fully..."]}}"#;
    let root = scratch(place.path(), &format!(r#"{{"answers": {answers}}}"#));
    fs::write(root.join("etc/os-release"), "ID=fedora\nVERSION_ID=42\n").unwrap();
    let seed = seed(place.path(), LIMA_ENV, &[("user-data", UPGRADE)]);
    let (lines, report) = late(&root, &seed);
    assert_eq!(
        lines.iter().filter(|it| !it.starts_with("visudo")).collect::<Vec<_>>(),
        [
            "dnf -y makecache",
            "dnf -y upgrade",
            "dnf needs-restarting -r",
            "systemctl --no-block reboot"
        ],
        "{report}"
    );
}

#[test]
fn a_package_manager_that_is_at_work_is_waited_for_three_times() {
    let place = tempfile::tempdir().unwrap();
    let answers = r#"{"upgrade": {"fail": [100, "E: Could not get lock /var/lib/dpkg/lock\n"]}}"#;
    let root = scratch(place.path(), &format!(r#"{{"answers": {answers}}}"#));
    let seed = seed(place.path(), LIMA_ENV, &[("user-data", UPGRADE)]);
    let (lines, report) = late(&root, &seed);
    assert_eq!(lines.iter().filter(|it| it.ends_with(" upgrade")).count(), 3, "{lines:?}");
    assert!(report.contains("apt-get ended with exit code 100: E: Could not get lock"), "{report}");
}

#[test]
fn nothing_is_spawned_where_nothing_is_missing() {
    let place = tempfile::tempdir().unwrap();
    let root = scratch(place.path(), "{}");
    let env = LIMA_ENV.replace("RESOLUTION=1", "RESOLUTION=");
    let seed = seed(place.path(), &env, &[("user-data", "#cloud-config\nusers: [{name: ht}]\n")]);
    let (lines, report) = late(&root, &seed);
    assert_eq!(lines, [""; 0], "{report}");
}

#[test]
fn containerd_is_installed_again_when_its_archive_is_another_or_it_is_gone() {
    let place = tempfile::tempdir().unwrap();
    let root = scratch(place.path(), "{}");
    let env = format!(
        "{LIMA_ENV}LIMA_CIDATA_CONTAINERD_SYSTEM=1\nLIMA_CIDATA_CONTAINERD_ARCHIVE=nerdctl-full.tgz\n"
    );
    let seed = seed(place.path(), &env, &[("user-data", "#cloud-config\nusers: [{name: ht}]\n")]);
    // Lima 2.0 has its scripts in another folder.
    let boot = root.join("mnt/lima-cidata/boot");
    let nerdctl = root.join("usr/local/bin/nerdctl");
    for folder in [&boot, nerdctl.parent().unwrap()] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(boot.join("40-install-containerd.sh"), "#!/bin/bash\n").unwrap();
    fs::write(&nerdctl, "").unwrap();
    let archive = root.join("mnt/lima-cidata/nerdctl-full.tgz");
    let runs = |archive_text: &str, is_there: bool| {
        fs::write(&archive, archive_text).unwrap();
        if !is_there {
            fs::remove_file(&nerdctl).unwrap();
        }
        let _ = fs::remove_dir_all(root.join("run"));
        let (lines, _) = late(&root, &seed);
        fs::write(&nerdctl, "").unwrap();
        lines.iter().any(|line| line.contains("system-40-install-containerd"))
    };
    assert!(runs("archive with checksum 1", true), "the first boot");
    assert!(!runs("archive with checksum 1", true), "the same archive");
    assert!(runs("archive with checksum 2", true), "another archive");
    assert!(runs("archive with checksum 2", false), "it was removed");
}

#[test]
fn containerd_comes_from_the_archive_on_the_medium_once() {
    in_namespace("containerd_comes_from_the_archive_on_the_medium_once", || {
        let folder = tempfile::tempdir().unwrap();
        let env = format!(
            "{LIMA_ENV}LIMA_CIDATA_CONTAINERD_SYSTEM=1\nLIMA_CIDATA_CONTAINERD_USER=\n\
             LIMA_CIDATA_CONTAINERD_ARCHIVE=nerdctl-full.tgz\n\
             LIMA_CIDATA_GUEST_INSTALL_PREFIX=/run/prefix\n"
        );
        let users = "#cloud-config\ngrowpart: {mode: \"off\"}\nusers: [{name: ht, uid: 4711}]\n";
        let seed = seed(folder.path(), &env, &[("user-data", users)]);
        // In the place of Lima's own, which does the same with a large archive.
        let script = "#!/bin/bash\nset -eu\n: \"$TERM\" \"$HOME\"\nmkdir -p /run/prefix\n\
            tar -C \"$LIMA_CIDATA_GUEST_INSTALL_PREFIX\" -xzf \
            \"$LIMA_CIDATA_MNT/$LIMA_CIDATA_CONTAINERD_ARCHIVE\"\n";
        fs::create_dir_all("/mnt/lima-cidata/boot.Linux").unwrap();
        fs::write("/mnt/lima-cidata/boot.Linux/40-install-containerd.sh", script).unwrap();
        let pack = "mkdir -p /run/made/bin && echo nerdctl >/run/made/bin/nerdctl && \
            tar -C /run/made -czf /mnt/lima-cidata/nerdctl-full.tgz bin";
        assert!(Command::new("sh").args(["-c", pack]).status().unwrap().success());
        stage("early", &seed);
        stage("late", &seed);
        assert_eq!(fs::read_to_string("/run/prefix/bin/nerdctl").unwrap(), "nerdctl\n");
        assert!(status().contains("changed   install containerd"), "{}", status());
        fs::remove_dir_all("/run/nixvm-agent").unwrap();
        stage("late", &seed);
        assert!(status().contains("unchanged install containerd"), "{}", status());
    });
}

#[test]
fn what_scripts_say_is_in_the_log_that_limas_host_follows() {
    in_namespace("what_scripts_say_is_in_the_log_that_limas_host_follows", || {
        let folder = tempfile::tempdir().unwrap();
        let script = "#!/bin/sh\necho said by the script\necho and by its error >&2\n";
        let seed = seed(folder.path(), LIMA_ENV, &[("provision.system/00000000", script)]);
        stage("early", &seed);
        stage("late", &seed);
        has_lines(
            "/var/log/cloud-init-output.log",
            &["said by the script", "and by its error", "changed   run the system script 00000000"],
        );
    });
}
