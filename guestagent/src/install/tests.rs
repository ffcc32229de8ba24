use super::*;
use std::os::unix::fs::PermissionsExt;

/// A folder of units and a systemctl that writes down how it is called.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new(status: u8) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::create_dir(folder.path().join("units")).expect("folder");
        let script = "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\n";
        let calls = folder.path().join("calls");
        let script =
            format!("{script}echo \"$*\" >>'{}'\necho no >&2\nexit {status}\n", calls.display());
        let systemctl = folder.path().join("systemctl");
        std::fs::write(&systemctl, script).expect("script");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&systemctl, mode).expect("mode");
        Self { folder }
    }

    fn place(&self) -> Place {
        let path = self.folder.path();
        Place { folder: path.join("units"), systemctl: path.join("systemctl") }
    }

    fn install(&self, flags: &InstallSystemd) -> Result<Done, InstallError> {
        install(Path::new("/usr/local/bin/lima-guestagent"), flags, false, &self.place())
    }

    fn calls(&self) -> String {
        let calls = std::fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        calls.replace(&format!(" {UNIT}"), "").replace('\n', " ").trim().to_owned()
    }
}

#[test]
fn second_run_does_nothing_until_something_is_new() {
    let machine = Machine::new(0);
    let flags = InstallSystemd { socket_owner: "501".into(), ..InstallSystemd::default() };
    assert_eq!(machine.install(&flags).expect("installed"), Done::Started);
    assert_eq!(machine.calls(), "daemon-reload enable try-restart start");
    let unit = machine.folder.path().join("units").join(UNIT);
    let mode = std::fs::metadata(&unit).expect("unit").permissions().mode();
    assert_eq!(mode & 0o7777, 0o644);

    assert_eq!(machine.install(&flags).expect("installed"), Done::Nothing);
    assert_eq!(machine.calls(), "daemon-reload enable try-restart start");

    let updated = InstallSystemd { guestagent_updated: true, ..flags };
    assert_eq!(machine.install(&updated).expect("installed"), Done::Started);
    assert_eq!(machine.calls(), "daemon-reload enable try-restart start enable try-restart start");
    let left = std::fs::read_dir(machine.folder.path().join("units")).expect("folder").count();
    assert_eq!(left, 1, "only the unit is in the folder");
}

#[test]
fn errors_say_what_to_do() {
    let machine = Machine::new(1);
    let flags = InstallSystemd::default();
    let failed = machine.install(&flags).expect_err("failed");
    assert_eq!(failed.to_string(), "`systemctl daemon-reload`: exit status: 1: no");

    let none = Place { systemctl: machine.folder.path().join("none"), ..machine.place() };
    let error = install(Path::new("/x"), &flags, false, &none).expect_err("no systemd");
    assert!(matches!(error, InstallError::NoSystemd), "{error}");

    // Root may write anywhere but here.
    let store = Place { folder: "/proc/sys".into(), ..machine.place() };
    let error = install(Path::new("/x"), &flags, false, &store).expect_err("not writable");
    assert!(error.to_string().contains("/proc/sys/lima-guestagent.service"), "{error}");
    assert!(is_read_only(&io::ErrorKind::ReadOnlyFilesystem.into()));
}
