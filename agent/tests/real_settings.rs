//! Settings on a real system: the kernel's `binfmt_misc`, the distribution's trust store, PAM. Each
//! case runs as root in a process and a mount namespace of its own, on copies of `/etc` and of what
//! else it changes, so the machine stays as it is.

#![allow(clippy::disallowed_methods, reason = "tests lay out and read real files")]
#![allow(clippy::unwrap_used, reason = "a test tells by a panic what went wrong")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nixvm_agent::apply::{StepResult, apply};
use nixvm_agent::config::certificates::Certificate;
use nixvm_agent::config::types::UserName;
use nixvm_agent::facts::platform::TrustStore;
use nixvm_agent::ledger::Ledger;
use nixvm_agent::plan::{Plan, Planned, Verdict};
use nixvm_agent::step::{Action, Lifetime, Rosetta, Stage, Step, Trust};
use nixvm_system::{GuestPath, Host};

/// Runs the test of this name in a namespace of its own.
fn in_namespace(name: &str, kinds: &[&str], case: impl FnOnce()) {
    if std::env::var_os("NIXVM_IN_NAMESPACE").is_some() {
        return case();
    }
    let status = Command::new("unshare")
        .args(kinds)
        .args(["--mount", "--propagation", "private"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("NIXVM_IN_NAMESPACE", "1")
        .status()
        .unwrap();
    assert!(status.success());
}

/// A named skip if this is not root, or a tool is missing.
fn can_run(name: &str, tools: &[&str]) -> bool {
    if !run("id", &["-u"]).1.starts_with('0') {
        println!("SKIP {name}: needs root");
        return false;
    }
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let has = |tool: &str| path.split(':').any(|folder| Path::new(folder).join(tool).exists());
    let missing = tools.iter().find(|tool| !has(tool));
    if let Some(tool) = missing {
        println!("SKIP {name}: {tool} is not installed");
    }
    missing.is_none()
}

fn run(program: &str, args: &[&str]) -> (bool, String) {
    let done = Command::new(program).args(args).stdin(Stdio::null()).output().unwrap();
    let text = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8_lossy(&text).into_owned())
}

fn must(program: &str, args: &[&str]) {
    let (is_done, said) = run(program, args);
    assert!(is_done, "{program} {args:?}: {said}");
}

/// Empty folders in the place of these, with copies of what was in those.
fn replace(empty: &[&str], copied: &[&str]) {
    must("mount", &["-t", "tmpfs", "tmpfs", "/mnt"]);
    for place in empty {
        must("mount", &["-t", "tmpfs", "tmpfs", place]);
    }
    for (index, place) in copied.iter().enumerate() {
        let copy = format!("/mnt/{index}");
        must("cp", &["-a", place, &copy]);
        must("mount", &["--bind", &copy, place]);
    }
}

fn act(action: Action) -> StepResult {
    let step = Step {
        id: "test".to_owned(),
        title: String::new(),
        stage: Stage::Early,
        lifetime: Lifetime::Boot,
        needs: Vec::new(),
        origin: String::new(),
        action,
    };
    let plan = Plan { steps: vec![Planned { step, verdict: Verdict::Run }], findings: Vec::new() };
    let mut host = Host::new().unwrap();
    let mut ledger = Ledger::default();
    let mut outcomes = apply(&plan, Stage::Early, &[], &mut ledger, &mut host, &mut |_| {});
    outcomes.remove(0).result
}

fn user() -> UserName {
    UserName::new("nixvm-test").unwrap()
}

#[test]
fn rosetta_is_registered_with_the_kernel_and_taken_back() {
    let name = "rosetta_is_registered_with_the_kernel_and_taken_back";
    // A user namespace has registrations of its own since Linux 6.7.
    let kinds = ["--user", "--map-root-user"];
    let probe = ["--user", "--map-root-user", "--mount", "mount", "-t", "binfmt_misc", "x", "/mnt"];
    if !run("unshare", &probe).0 {
        println!("SKIP {name}: this kernel has no binfmt_misc of a namespace's own");
        return;
    }
    in_namespace(name, &kinds, || {
        replace(&["/run"], &[]);
        must("mkdir", &["/mnt/lima-rosetta"]);
        let rosetta = |is_registered| Action::Rosetta(Rosetta { is_registered, user: user() });
        let failed = act(rosetta(true));
        assert!(matches!(failed, StepResult::Failed { code, .. } if code == "no-rosetta"));

        fs::write("/mnt/lima-rosetta/rosetta", "").unwrap();
        must("chmod", &["755", "/mnt/lima-rosetta/rosetta"]);
        assert_eq!(act(rosetta(true)), StepResult::Changed);
        let entry = Path::new("/proc/sys/fs/binfmt_misc/rosetta");
        let said = fs::read_to_string(entry).unwrap();
        for line in [
            "enabled",
            "interpreter /mnt/lima-rosetta/rosetta",
            "flags: OCF",
            "magic 7f454c4602010100000000000000000002003e00",
            "mask fffffffffffefe00fffffffffffffffffeffffff",
        ] {
            assert!(said.lines().any(|other| other == line), "no {line:?} in {said}");
        }
        assert_eq!(act(rosetta(true)), StepResult::Unchanged);
        assert!(Path::new("/run/binfmt.d/rosetta.conf").exists());

        assert_eq!(act(rosetta(false)), StepResult::Changed);
        assert!(!entry.exists() && !Path::new("/run/binfmt.d/rosetta.conf").exists());
        assert_eq!(act(rosetta(false)), StepResult::Unchanged);
    });
}

/// Whether the distribution's programs trust the certificate: those that look into the folder, and
/// those that read the bundle.
fn is_trusted(file: &str) -> bool {
    let by = |args: &[&str]| run("openssl", &[&["verify"], args, &[file]].concat()).0;
    let folder = by(&["-no-CAfile", "-CApath", "/etc/ssl/certs"]);
    let bundle = by(&["-no-CApath", "-CAfile", "/etc/ssl/certs/ca-certificates.crt"]);
    assert_eq!(folder, bundle, "one of the two is stale");
    folder
}

#[test]
fn a_certificate_is_trusted_by_openssl_until_it_is_taken_back() {
    let name = "a_certificate_is_trusted_by_openssl_until_it_is_taken_back";
    if !can_run(name, &["openssl", "update-ca-certificates", "unshare"]) {
        return;
    }
    in_namespace(name, &[], || {
        must("mkdir", &["-p", "/usr/local/share/ca-certificates"]);
        let copied = ["/etc", "/var/cache", "/var/lib/dpkg"];
        replace(&["/run", "/usr/local/share/ca-certificates"], &copied);
        let curve = "ec_paramgen_curve:prime256v1";
        let request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", curve, "-nodes", "-days", "9"];
        let files = ["-keyout", "/dev/null", "-subj", "/CN=nixvm test", "-out", "/run/ca.pem"];
        must("openssl", &[&request[..], &files].concat());
        let trusted = Certificate::all(&fs::read_to_string("/run/ca.pem").unwrap()).unwrap();
        let trust = |trusted: &[Certificate], remove_defaults| {
            let store = Some(TrustStore::Debian);
            Action::Trust(Trust { store, trusted: trusted.to_vec(), remove_defaults })
        };
        let bundle = || {
            let text = fs::read_to_string("/etc/ssl/certs/ca-certificates.crt").unwrap();
            text.matches("BEGIN CERTIFICATE").count()
        };
        must("update-ca-certificates", &[]);
        let before = bundle();
        assert!(!is_trusted("/run/ca.pem"));
        assert_eq!(act(trust(&trusted, false)), StepResult::Changed);
        assert!(is_trusted("/run/ca.pem"));
        assert_eq!(bundle(), before + 1);

        assert_eq!(act(trust(&trusted, true)), StepResult::Changed);
        assert!(is_trusted("/run/ca.pem"));
        assert_eq!(bundle(), 1, "the distribution's own are gone");

        assert_eq!(act(trust(&[], false)), StepResult::Changed);
        assert!(!is_trusted("/run/ca.pem"));
    });
}

#[test]
fn pam_takes_the_password_that_is_told_in_the_home() {
    let name = "pam_takes_the_password_that_is_told_in_the_home";
    if !can_run(name, &["su", "setpriv", "pwck", "grpck", "unshare"]) {
        return;
    }
    in_namespace(name, &[], || {
        replace(&["/run", "/home"], &["/etc"]);
        let path = |text: &str| GuestPath::new(text).unwrap();
        assert_eq!(
            act(Action::Account {
                name: user(),
                uid: Some(4711),
                gecos: String::new(),
                home: path("/home/nixvm-test"),
                shell: path("/bin/sh"),
                shell_is_named: true,
                lock_password: false,
                first_meeting: true,
            }),
            StepResult::Changed
        );
        assert_eq!(act(Action::SubordinateIds { user: user() }), StepResult::Changed);
        assert_eq!(act(Action::SudoPassword { user: user() }), StepResult::Changed);
        let told = fs::read_to_string("/home/nixvm-test/password").unwrap();
        let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        assert!(told.trim_end().len() == 16 && told.trim_end().chars().all(is_hex));
        assert!(logs_in(&told), "su refuses the password");
        assert!(!logs_in("0123456789abcdef\n"));
        must("pwck", &["-r", "-q"]);
        must("grpck", &["-r"]);

        // Neither the owner who removes the file nor a second run makes a new one.
        fs::remove_file("/home/nixvm-test/password").unwrap();
        assert_eq!(act(Action::SudoPassword { user: user() }), StepResult::Unchanged);
        assert!(logs_in(&told) && !Path::new("/home/nixvm-test/password").exists());
    });
}

/// As somebody who is not root, of whom no password would be asked.
fn logs_in(password: &str) -> bool {
    let mut su = Command::new("setpriv")
        .args(["--reuid", "65534", "--clear-groups", "su", "nixvm-test", "-c", "id -u"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut su.stdin.take().unwrap(), password.as_bytes()).unwrap();
    let done = su.wait_with_output().unwrap();
    done.stdout == b"4711\n"
}
