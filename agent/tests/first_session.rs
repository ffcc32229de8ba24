//! What the first session of a user has in its environment: real `sshd` with real PAM, in a mount
//! namespace where the files that the agent wrote stand in place of the machine's.
//!
//! Needs root, `unshare`, `sshd` and `ssh`; without them each case is skipped by name.

#![allow(clippy::disallowed_methods, reason = "tests lay out real folders")]
#![allow(clippy::unwrap_used, reason = "a test tells by a panic what went wrong")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SSHD: &str = "/usr/sbin/sshd";
const GENERATOR: &str =
    "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator";

/// A machine in a folder, and a seed for it.
struct Place(tempfile::TempDir);

impl Place {
    fn new(pam: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/base");
        run("cp", &["-r", cases.join("root").to_str().unwrap(), &place.text("root")]);
        run("cp", &["-r", cases.join("seed").to_str().unwrap(), &place.text("seed")]);
        place.put("root/etc/pam.d/sshd", pam);
        place.put("root/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\n");
        place
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn text(&self, below: &str) -> String {
        self.path(below).to_str().unwrap().to_owned()
    }

    fn put(&self, below: &str, text: &str) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs the agent on the folder, for a seed with these lines.
    fn boot(&self, lines: &str) {
        self.put("seed/etc_environment", &format!("#LIMA-START\n{lines}#LIMA-END\n"));
        let (seed, root) = (self.text("seed"), self.text("root"));
        let args = ["run", "--stage", "early", "--seed", &seed, "--root", &root];
        run(env!("CARGO_BIN_EXE_nixvm-agent"), &args);
    }

    /// The environment of a session, with these files of the folder in place of the machine's.
    fn session(&self, files: &[&str]) -> Vec<String> {
        if !self.path("key").exists() {
            for key in ["key", "host"] {
                run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &self.text(key)]);
            }
        }
        self.put(
            "sshd_config",
            &format!(
                "HostKey {}\nAuthorizedKeysFile {}\nUsePAM yes\nStrictModes no\n\
                 PermitRootLogin yes\nInclude {}/*.conf\n",
                self.text("host"),
                self.text("key.pub"),
                self.text("root/etc/ssh/sshd_config.d"),
            ),
        );
        let mut script = String::from("set -e\nmount -t tmpfs tmpfs /run\nmkdir -p /run/sshd\n");
        for file in files {
            let from = self.text(&format!("root{file}"));
            script.push_str(&format!(
                "mkdir -p $(dirname {file}); [ -e {file} ] || touch {file}\n\
                 mount --bind {from} {file}\n"
            ));
        }
        script.push_str(&format!(
            "ssh -F none -i {} -o IdentityAgent=none -o StrictHostKeyChecking=no \
             -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o SetEnv=COLORTERM=truecolor \
             -o 'ProxyCommand={SSHD} -i -f {}' root@guest env\n",
            self.text("key"),
            self.text("sshd_config"),
        ));
        let said = run("unshare", &["--mount", "--propagation", "private", "sh", "-c", &script]);
        said.lines().map(str::to_owned).collect()
    }
}

fn run(program: &str, args: &[&str]) -> String {
    let done = Command::new(program).args(args).env_remove("A").output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{program} {args:?}: {said}");
    String::from_utf8(done.stdout).unwrap()
}

/// Whether a real session can be had here; else the case is skipped by name.
fn has_sessions(name: &str) -> bool {
    let is_root = run("id", &["-u"]).trim() == "0";
    let has = is_root && Path::new(SSHD).exists() && Path::new("/etc/environment").exists();
    if !has {
        println!("SKIP {name}: needs root, sshd and an /etc/environment");
    }
    has
}

fn value<'a>(environment: &'a [String], name: &str) -> Option<&'a str> {
    environment.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
}

const DEBIAN: &str = "account required pam_permit.so\nsession required pam_env.so\n";

#[test]
fn the_first_session_has_the_variables_and_the_next_boot_the_new_ones() {
    let name = "the_first_session_has_the_variables_and_the_next_boot_the_new_ones";
    if !has_sessions(name) {
        return;
    }
    let place = Place::new(DEBIAN);
    place
        .boot("FTP_PROXY=http://192.168.5.2:2121\nftp_proxy=http://192.168.5.2:2121\nA=\"x  y\"\n");
    let files = ["/etc/pam.d/sshd", "/etc/environment"];
    let session = place.session(&files);
    assert_eq!(value(&session, "FTP_PROXY"), Some("http://192.168.5.2:2121"));
    assert_eq!(value(&session, "ftp_proxy"), Some("http://192.168.5.2:2121"));
    assert_eq!(value(&session, "A"), Some("x  y"));
    assert_eq!(value(&session, "LANG"), Some("C.UTF-8"), "the image's own line stays");
    assert_eq!(value(&session, "COLORTERM"), Some("truecolor"));
    place.boot("FTP_PROXY=http://192.168.5.2:9999\n");
    let session = place.session(&files);
    assert_eq!(value(&session, "FTP_PROXY"), Some("http://192.168.5.2:9999"));
    assert_eq!((value(&session, "ftp_proxy"), value(&session, "A")), (None, None));
}

/// Values with all that means something to one of the readers.
const ODD: &str = "A=it's \"q\" $HOME `id` \\ ~\nB=\nC=  two  blanks \n";

/// As `nixos/modules/logins.nix` writes it.
const NIXOS: &str = "account required pam_permit.so\nsession required pam_env.so readenv=0\n\
    session optional pam_env.so conffile=/dev/null envfile=/run/nixvm-agent/environment\n";

fn nixos() -> Place {
    let place = Place::new(NIXOS);
    place.put("root/etc/NIXOS", "");
    place.boot(ODD);
    place
}

#[test]
fn a_nixos_session_has_the_variables_by_a_file_of_the_agents_own() {
    if !has_sessions("a_nixos_session_has_the_variables_by_a_file_of_the_agents_own") {
        return;
    }
    let session = nixos().session(&["/etc/pam.d/sshd", "/run/nixvm-agent/environment"]);
    assert_eq!(value(&session, "A"), Some("it's \"q\" $HOME `id` \\ ~"));
    assert_eq!(value(&session, "C"), Some("  two  blanks"));
}

#[test]
fn a_shell_reads_the_same_values() {
    let file = nixos().0.keep().join("root/run/nixvm-agent/environment.sh");
    let script = format!(". {}; printf '%s|' \"$A\" \"$B\" \"$C\"", file.display());
    assert_eq!(run("sh", &["-c", &script]), "it's \"q\" $HOME `id` \\ ~||  two  blanks|");
}

#[test]
fn the_services_of_users_get_the_same_values() {
    let name = "the_services_of_users_get_the_same_values";
    if !Path::new(GENERATOR).exists() || !has_sessions(name) {
        println!("SKIP {name}: systemd's generator is not there");
        return;
    }
    let place = nixos();
    let script = format!(
        "mount -t tmpfs tmpfs /run; mkdir /run/environment.d\n\
         cp {} /run/environment.d/; {GENERATOR}\n",
        place.text("root/run/environment.d/60-nixvm-agent.conf")
    );
    let said = run("unshare", &["--mount", "--propagation", "private", "sh", "-c", &script]);
    // What it prints is for the shell-like reader of systemd; a shell reads it the same.
    place.put("said", &said);
    let script = format!(". {}; printf '%s|' \"$A\" \"$B\" \"$C\"", place.text("said"));
    assert_eq!(run("sh", &["-c", &script]), "it's \"q\" $HOME `id` \\ ~||  two  blanks|", "{said}");
}

#[test]
fn login_shells_find_the_tools_of_the_administrator() {
    let place = Place::new(DEBIAN);
    fs::create_dir_all(place.path("root/etc/profile.d")).unwrap();
    place.boot("");
    let file = place.text("root/etc/profile.d/nixvm-path.sh");
    for (before, after) in [
        ("/usr/local/bin:/usr/bin:/bin", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"),
        ("/usr/sbin:/usr/bin:/sbin:/bin", "/usr/sbin:/usr/bin:/sbin:/bin"),
    ] {
        let script = format!("PATH={before}; . {file}; . {file}; echo $PATH");
        assert_eq!(run("sh", &["-c", &script]).trim_end(), after);
    }
}
