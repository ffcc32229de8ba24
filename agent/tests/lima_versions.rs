//! Skew: media that each version of Lima made itself (`tests/fixtures/lima`), and what the agent makes
//! of them. It knows no version: what differs is decided from what is on the medium.
//!
//! `tests/lima_versions/VERSION-NAME.txt` holds the steps, the mounts and the files that the host of
//! that version looks at. `UPDATE_EXPECT=1 cargo test` writes them anew.

#![allow(clippy::disallowed_methods, reason = "tests lay out real folders")]
#![allow(clippy::unwrap_used, reason = "a test tells by a panic what went wrong")]

#[path = "golden/machine.rs"]
#[allow(dead_code, reason = "tests/golden.rs uses the rest")]
mod machine;

use std::fs;
use std::path::{Path, PathBuf};

use expect_test::expect_file;
use machine::Case;
use nixvm_agent::apply::StepResult;
use nixvm_agent::config::Config;
use nixvm_agent::plan::{Options, Plan, Verdict};
use nixvm_agent::report::Report;
use nixvm_agent::run;
use nixvm_agent::step::Stage;

const OPTIONS: Options = Options { script_limit: 1800 };
const VERSIONS: [&str; 3] = ["2.0.3", "2.1.4", "2.2.0"];
const MEDIA: [&str; 4] = ["9p", "sshfs", "virtiofs", "plain"];
const READY: [&str; 3] = ["run/lima-ssh-ready", "run/lima-fuse-ready", "run/lima-boot-done"];
const IID: &str = "iid-1700000000";

/// A medium, and a machine that has booted with it.
struct Booted {
    case: Case,
    config: Config,
    plan: Plan,
}

impl Booted {
    fn new(version: &str, name: &str) -> Self {
        Self::with(&fixtures().join(version).join(name), |_| {})
    }

    /// With a machine that is not as new.
    fn with(seed: &Path, prepare: impl Fn(&Case)) -> Self {
        let case = Case::of_seed("lima_versions", seed);
        lay_out_the_rest(&case);
        for device in ["vdb", "vdc"] {
            case.blank_disk(device);
        }
        let netif = case.path("run/systemd/netif");
        fs::create_dir_all(&netif).unwrap();
        fs::write(netif.join("state"), "IPV4_ADDRESS_STATE=routable\n").unwrap();
        prepare(&case);
        let (config, plan) = read(&case);
        boot(&case);
        Self { case, config, plan }
    }

    fn text(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.case.path(file)).ok()
    }

    fn seed(&self, file: &str) -> String {
        fs::read_to_string(Path::new(&self.case.named().unwrap()).join(file)).unwrap()
    }

    fn steps(&self) -> Vec<&str> {
        self.plan.steps.iter().map(|planned| planned.step.id.as_str()).collect()
    }

    /// All that is expected, as text.
    fn shown(&self) -> String {
        let mut text = String::new();
        for planned in &self.plan.steps {
            let (stage, title) = (planned.step.stage.name(), &planned.step.title);
            match &planned.verdict {
                Verdict::Skip(reason) => {
                    text.push_str(&format!("{stage}: not {title}: {reason}\n"));
                }
                _ => text.push_str(&format!("{stage}: {title}\n")),
            }
        }
        for mount in &self.config.mounts {
            text.push_str(&format!("mount {}: {}\n", mount.source, mount.options));
        }
        for file in [&READY[..], &["etc/fuse.conf", "run/nixvm-agent/guestagent.env"]].concat() {
            match self.text(file) {
                Some(content) => {
                    text.push_str(&format!("/{file}\n"));
                    text.extend(content.lines().map(|line| format!("    {line}\n")));
                }
                None => text.push_str(&format!("/{file} is not there\n")),
            }
        }
        for home in ["linux", "guest"] {
            if let Ok(other) = fs::read_link(self.case.path(&format!("home/ht.{home}"))) {
                text.push_str(&format!("/home/ht.{home} -> {}\n", other.display()));
            }
        }
        text
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/lima")
}

/// Empty files take the place of Lima's own scripts and programs: they must not matter.
fn lay_out_the_rest(case: &Case) {
    let seed = PathBuf::from(case.named().unwrap());
    let list = seed.join("left-out.txt");
    for name in fs::read_to_string(&list).unwrap().lines() {
        let file = seed.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
    }
    fs::remove_file(list).unwrap();
}

fn read(case: &Case) -> (Config, Plan) {
    let system = case.open();
    let (read, _) = run::read(case.named().as_deref(), &system).unwrap();
    let read = read.unwrap();
    let (plan, _, findings) = run::draft(&read, &system, OPTIONS);
    assert!(findings.is_empty(), "{findings:?}");
    (read.config, plan)
}

fn boot(case: &Case) {
    for stage in Stage::ALL {
        let mut system = case.open();
        run::stage(stage, case.named().as_deref(), &mut system, OPTIONS, &mut |_| {});
    }
    let report = Report::read(&case.open()).unwrap();
    for outcome in report.stages.iter().flat_map(|stage| &stage.outcomes) {
        let is_good = matches!(outcome.result, StepResult::Changed | StepResult::Unchanged)
            || matches!(outcome.result, StepResult::Skipped { .. });
        // Lima's script that installs containerd is not among the fixtures.
        assert!(is_good || outcome.step == "containerd", "{outcome:?}");
    }
}

#[test]
fn every_medium_gives_the_steps_that_are_expected() {
    for version in VERSIONS {
        for name in MEDIA {
            let file = format!("lima_versions/{version}-{name}.txt");
            expect_file![file].assert_eq(&Booted::new(version, name).shown());
        }
    }
}

/// The questions that the host asks over SSH: Lima 2.0 compares with the meta-data by `diff`, later ones
/// the words with the instance-id.
#[test]
fn the_host_of_each_version_finds_what_it_waits_for() {
    for name in MEDIA {
        for version in VERSIONS {
            let booted = Booted::new(version, name);
            for file in READY {
                let is_wanted = match file {
                    "run/lima-ssh-ready" => name != "plain",
                    "run/lima-fuse-ready" => name == "sshfs",
                    _ => true,
                };
                let wanted = match version {
                    "2.0.3" => booted.seed("meta-data"),
                    _ => format!("{IID}\n"),
                };
                let wanted = is_wanted.then_some(wanted);
                assert_eq!(booted.text(file), wanted, "{version} {name} {file}");
            }
            // `grep ^user_allow_other /etc/fuse*.conf` is what Lima before 2.2 asks.
            let fuse = booted.text("etc/fuse.conf").unwrap_or_default();
            let shares = fuse.lines().any(|line| line.starts_with("user_allow_other"));
            assert_eq!(shares, name == "sshfs", "{version} {name}");
        }
    }
}

/// FUSE takes a line that begins with blanks; the host of Lima before 2.2 does not.
#[test]
fn a_line_that_only_fuse_understands_is_not_enough_for_the_host() {
    let booted = Booted::with(&fixtures().join("2.0.3/sshfs"), |case| {
        fs::write(case.path("etc/fuse.conf"), "#user_allow_other\n  user_allow_other\n").unwrap();
    });
    let fuse = booted.text("etc/fuse.conf").unwrap();
    assert_eq!(fuse, "#user_allow_other\n  user_allow_other\nuser_allow_other\n");
}

#[test]
fn a_version_differs_from_the_next_only_in_names() {
    let neutral = |version, name| {
        let booted = Booted::new(version, name);
        let mut text = booted.shown();
        for (index, mount) in booted.config.mounts.iter().enumerate() {
            text = text.replace(&mount.source, &format!("TAG{index}"));
        }
        let home = booted.config.users[0].home.clone().unwrap().to_string();
        let other = if home == "/home/ht.linux" { "/home/ht.guest" } else { "/home/ht.linux" };
        text = text.replace(&home, "HOME").replace(other, "OTHER");
        // The order of scripts of mode `boot`, after Lima's own entry or without.
        text = text.replace("boot script 00000001", "boot script 00000000");
        let ready = booted.text(READY[2]).unwrap();
        let ready: String = ready.lines().map(|line| format!("    {line}\n")).collect();
        text = text.replace(&ready, "    READY\n");
        text.lines().filter(|line| !line.contains(" -> ")).map(|line| format!("{line}\n")).collect()
    };
    for name in MEDIA {
        let last: String = neutral("2.2.0", name);
        for version in ["2.0.3", "2.1.4"] {
            let password = "early: give ht a password, to be read in ~/password\n";
            let mine: String = neutral(version, name);
            assert!(!mine.contains(password), "{version} {name}");
            assert_eq!(mine, last.replace(password, ""), "{version} {name}");
        }
    }
}

#[test]
fn shares_are_mounted_by_the_tags_of_their_version() {
    for name in ["9p", "virtiofs"] {
        for version in VERSIONS {
            let booted = Booted::new(version, name);
            let tags: Vec<_> = booted.config.mounts.iter().map(|it| it.source.as_str()).collect();
            let wanted = match version {
                "2.0.3" => ["mount0", "mount1"],
                _ => ["lima-0000000000000001", "lima-0000000000000002"],
            };
            assert_eq!(tags, wanted, "{version} {name}");
            assert!(booted.config.mounts[1].target.as_str().contains("/a blank"));
        }
    }
}

/// Lima's own renaming of interfaces, there since 2.1.3, is none of the scripts; a script of the template
/// that looks at the same files is.
#[test]
fn limas_own_boot_command_is_told_from_those_of_the_template() {
    for (version, own) in [("2.0.3", 0), ("2.1.4", 1), ("2.2.0", 1)] {
        for (name, scripts) in [("9p", 1), ("plain", 1), ("sshfs", 0), ("virtiofs", 0)] {
            let booted = Booted::new(version, name);
            let user_data = booted.seed("user-data");
            let entries = user_data.split("\nbootcmd:").nth(1).unwrap_or_default();
            assert_eq!(entries.matches("\n- |").count(), own + scripts, "{version} {name}");
            let lima = booted.config.lima.as_ref().unwrap();
            assert_eq!(lima.boot_scripts.len(), scripts, "{version} {name}");
        }
    }
}

#[test]
fn plain_mode_is_users_network_and_provisioning() {
    let wanted = [
        "network",
        "hostname",
        "address",
        "script:boot/0000000X",
        "account:ht",
        "keys:ht",
        "sudo",
        "linger:ht",
        "script:dependency/00000001",
        "file:data/00000002",
        "file:yq/00000003",
        "script:system/00000004",
        "script:user/00000005",
    ];
    for version in VERSIONS {
        let booted = Booted::new(version, "plain");
        let mut steps: Vec<String> = booted
            .steps()
            .into_iter()
            .map(|id| match id.strip_prefix("script:boot/0000000") {
                Some(_) => "script:boot/0000000X".to_owned(),
                None => id.to_owned(),
            })
            .collect();
        let asks = steps.iter().position(|step| step == "sudo-password:ht");
        assert_eq!(asks.map(|at| steps.remove(at)).is_some(), version == "2.2.0", "{version}");
        assert_eq!(steps, wanted, "{version}");
        let dependency = booted.plan.steps.iter().find(|it| it.step.id.contains("dependency"));
        assert!(matches!(dependency.unwrap().verdict, Verdict::Skip(_)), "{version}");
        assert_eq!(booted.text("run/nixvm-agent/guestagent.env"), None, "{version}");
        let environment = booted.text("etc/environment").unwrap_or_default();
        assert!(!environment.contains("COLOUR"), "{version}");
    }
}

/// On WSL2 Lima hands over a folder. Network, name, time zone and disk are Windows' own there.
#[test]
fn a_folder_of_wsl2_is_users_keys_and_provisioning() {
    let booted = Booted::with(&fixtures().join("wsl2"), |_| {});
    let shown = booted.case.neutral(&booted.shown());
    expect_file!["lima_versions/wsl2.txt"].assert_eq(&shown);
    let mounted = nixvm_system::Mounts::mounts(&booted.case.open()).unwrap();
    let cidata = mounted.iter().find(|mount| mount.target.as_str() == "/mnt/lima-cidata").unwrap();
    assert_eq!(cidata.source, booted.case.named().unwrap());
}

/// There `lima.env` and the file with keys are enough.
#[test]
fn a_folder_of_wsl2_without_user_data_lets_its_user_in() {
    let seed = tempfile::tempdir().unwrap();
    let from = fixtures().join("wsl2");
    for name in ["lima.env", "meta-data", "ssh_authorized_keys"] {
        fs::copy(from.join(name), seed.path().join(name)).unwrap();
    }
    fs::write(seed.path().join("user-data"), "#cloud-config\nusers: 7\n").unwrap();
    let case = Case::of_seed("wsl2", seed.path());
    boot(&case);
    let keys = fs::read_to_string(case.path("home/ht.guest/.ssh/authorized_keys")).unwrap();
    assert_eq!(
        keys,
        format!("{}\n", fs::read_to_string(from.join("ssh_authorized_keys")).unwrap())
    );
    let passwd = fs::read_to_string(case.path("etc/passwd")).unwrap();
    assert!(passwd.contains("\nht:x:501:"), "{passwd}");
}
