//! Packages: which tools Lima wants in a guest, and how each family of distributions installs them.
//!
//! A tool is known by its command, so nothing is installed that is there already, however it came
//! there.

use serde::Serialize;

use crate::config::lima::Lima;

/// Distributions by their package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Debian, Ubuntu.
    Apt,
    /// Fedora, and Enterprise Linux, whose sshfs is in EPEL.
    Dnf(Option<Epel>),
    /// openSUSE.
    Zypper,
    /// Arch.
    Pacman,
    /// Alpine.
    Apk,
}

/// The package that names the EPEL repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Epel {
    /// Of most rebuilds.
    Plain,
    /// Of Oracle Linux, with its release.
    Oracle(u8),
}

/// Something that Lima wants to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// Mounts by reverse-sshfs.
    Sshfs,
    /// containerd's networks.
    Iptables,
    /// User namespaces of rootless containerd, and a bus for its services.
    Uidmap,
    /// File systems of rootless containerd.
    Fuse3,
    /// `limactl copy` and `limactl shell --sync`.
    Rsync,
    /// Unpacks containerd.
    Tar,
}

/// A command: program and arguments.
pub type Line = (&'static str, Vec<String>);

/// How long a package manager waits for another one, in seconds.
const LOCK: &str = "120";

/// What each family is called in os-release(5).
const NAMES: &[(&str, &str)] = &[
    ("debian", "apt-get"),
    ("ubuntu", "apt-get"),
    ("fedora", "dnf"),
    ("rhel", "dnf"),
    ("centos", "dnf"),
    ("suse", "zypper"),
    ("opensuse", "zypper"),
    ("arch", "pacman"),
    ("alpine", "apk"),
];

impl Tool {
    /// What this seed wants.
    pub fn wanted(lima: &Lima) -> impl Iterator<Item = Self> {
        let wish = &lima.packages;
        let shares = lima.mount_type == "reverse-sshfs" && !lima.mount_points.is_empty();
        [
            (Self::Sshfs, shares),
            (Self::Iptables, wish.containerd()),
            (Self::Uidmap, wish.containerd_user),
            (Self::Fuse3, wish.containerd_user),
            (Self::Rsync, true),
            (Self::Tar, true),
        ]
        .into_iter()
        .filter_map(|(tool, is_wanted)| is_wanted.then_some(tool))
    }

    /// The command that it is known by.
    pub fn command(self) -> &'static str {
        match self {
            Self::Sshfs => "sshfs",
            Self::Iptables => "iptables",
            Self::Uidmap => "newuidmap",
            Self::Fuse3 => "fusermount3",
            Self::Rsync => "rsync",
            Self::Tar => "tar",
        }
    }

    fn packages(self, family: Family) -> &'static [&'static str] {
        match (self, family) {
            (Self::Sshfs, Family::Dnf(_)) => &["fuse-sshfs"],
            (Self::Sshfs, _) => &["sshfs"],
            (Self::Uidmap, Family::Apt) => &["uidmap", "dbus-user-session"],
            (Self::Uidmap, Family::Dnf(_)) => &["shadow-utils"],
            (Self::Uidmap, Family::Apk) => &["shadow-uidmap"],
            (Self::Uidmap, _) => &["shadow"],
            (Self::Iptables, _) => &["iptables"],
            (Self::Fuse3, _) => &["fuse3"],
            (Self::Rsync, _) => &["rsync"],
            (Self::Tar, _) => &["tar"],
        }
    }
}

impl Family {
    /// By os-release(5), since openSUSE has an `apt-get` and Debian a `dnf`; else by what is there.
    pub fn of(os_release: &str, has: impl Fn(&str) -> bool) -> Option<Self> {
        let field = |name: &str| {
            let mut lines = os_release.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            value.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
        };
        let (id, like, version) = (field("ID"), field("ID_LIKE"), field("VERSION_ID"));
        let words: Vec<&str> =
            [&id, &like].into_iter().flat_map(|it| it.split(['-', ' '])).collect();
        let named = NAMES.iter().filter(|(name, _)| words.contains(name)).map(|(_, tool)| *tool);
        let any = ["apt-get", "dnf", "zypper", "pacman", "apk"];
        match named.chain(any).find(|program| has(program))? {
            "apt-get" => Some(Self::Apt),
            "dnf" => Some(Self::Dnf(epel(&id, &words, &version))),
            "zypper" => Some(Self::Zypper),
            "pacman" => Some(Self::Pacman),
            _ => Some(Self::Apk),
        }
    }

    /// The commands that install these tools.
    pub fn install(self, tools: &[Tool]) -> Vec<Line> {
        let before = match self {
            Self::Dnf(Some(epel)) if tools.contains(&Tool::Sshfs) => Some(epel.line()),
            Self::Apt | Self::Apk => Some(self.update()),
            Self::Dnf(_) | Self::Zypper | Self::Pacman => None,
        };
        let (program, mut args) = match self {
            Self::Apt => apt(&["--no-upgrade", "--no-install-recommends", "install"]),
            Self::Dnf(_) => line("dnf", &["-y", "--setopt=install_weak_deps=False", "install"]),
            Self::Zypper => line("zypper", &["--non-interactive", "install", "--no-recommends"]),
            Self::Pacman => line("pacman", &["-Sy", "--noconfirm", "--needed"]),
            Self::Apk => line("apk", &["--wait", LOCK, "add"]),
        };
        let names = tools.iter().flat_map(|tool| tool.packages(self));
        args.extend(names.map(|&name| name.to_owned()));
        before.into_iter().chain([(program, args)]).collect()
    }

    /// The command that makes the index new.
    pub fn update(self) -> Line {
        match self {
            Self::Apt => apt(&["update"]),
            Self::Dnf(_) => line("dnf", &["-y", "makecache"]),
            Self::Zypper => line("zypper", &["--non-interactive", "refresh"]),
            Self::Pacman => line("pacman", &["-Sy", "--noconfirm"]),
            Self::Apk => line("apk", &["--wait", LOCK, "update"]),
        }
    }

    /// The command that makes all packages new.
    pub fn upgrade(self) -> Line {
        match self {
            Self::Apt => apt(&["--with-new-pkgs", "upgrade"]),
            Self::Dnf(_) => line("dnf", &["-y", "upgrade"]),
            Self::Zypper => line("zypper", &["--non-interactive", "update"]),
            Self::Pacman => line("pacman", &["-Syu", "--noconfirm"]),
            Self::Apk => line("apk", &["--wait", LOCK, "upgrade"]),
        }
    }
}

impl Epel {
    fn line(self) -> Line {
        let package = match self {
            Self::Plain => "epel-release".to_owned(),
            Self::Oracle(release) => format!("oracle-epel-release-el{release}"),
        };
        ("dnf", vec!["-y".to_owned(), "install".to_owned(), package])
    }
}

fn epel(id: &str, words: &[&str], version: &str) -> Option<Epel> {
    let release = version.split('.').next().and_then(|release| release.parse().ok());
    match (id, release) {
        ("fedora", _) => None,
        ("ol", Some(release)) => Some(Epel::Oracle(release)),
        _ if words.contains(&"rhel") || words.contains(&"centos") => Some(Epel::Plain),
        _ => None,
    }
}

fn line(program: &'static str, args: &[&str]) -> Line {
    (program, args.iter().map(|&arg| arg.to_owned()).collect())
}

/// A question about a configuration file is answered with the one that is there.
fn apt(args: &[&str]) -> Line {
    let settings = [
        "DPkg::Lock::Timeout=120",
        "Acquire::Retries=3",
        "Dpkg::Options::=--force-confdef",
        "Dpkg::Options::=--force-confold",
    ];
    let options: Vec<&str> = settings.into_iter().flat_map(|setting| ["-o", setting]).collect();
    line("apt-get", &[["-y", "-q"].as_slice(), &options, args].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_family_is_what_the_system_calls_itself() {
        let plain = Family::Dnf(Some(Epel::Plain));
        let oracle = Family::Dnf(Some(Epel::Oracle(9)));
        let table: &[(&str, Family)] = &[
            ("ID=debian\n", Family::Apt),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Family::Apt),
            ("ID=fedora\nVERSION_ID=42\n", Family::Dnf(None)),
            ("ID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\n", plain),
            ("ID=ol\nID_LIKE=fedora\nVERSION_ID=\"9.4\"\n", oracle),
            ("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n", Family::Zypper),
            ("ID=arch\n", Family::Pacman),
            ("ID=alpine\n", Family::Apk),
            ("", Family::Apt),
        ];
        for (text, want) in table {
            assert_eq!(Family::of(text, |_| true), Some(*want), "{text}");
            assert_eq!(Family::of(text, |_| false), None, "{text}");
        }
        let only_apk = |program: &str| program == "apk";
        assert_eq!(Family::of("ID=debian", only_apk), Some(Family::Apk));
    }

    #[test]
    fn each_family_installs_by_lines_that_ask_nothing() {
        let lines = |family: Family| -> Vec<String> {
            let lines = family.install(&[Tool::Sshfs, Tool::Uidmap, Tool::Rsync]);
            lines.iter().map(|(program, args)| format!("{program} {}", args.join(" "))).collect()
        };
        let apt = lines(Family::Apt);
        assert!(apt[0].ends_with(" update"), "{apt:?}");
        assert!(apt[1].ends_with(" install sshfs uidmap dbus-user-session rsync"), "{apt:?}");
        let dnf = "dnf -y --setopt=install_weak_deps=False install fuse-sshfs shadow-utils rsync";
        assert_eq!(lines(Family::Dnf(None)), [dnf]);
        let epel = "dnf -y install oracle-epel-release-el9";
        assert_eq!(lines(Family::Dnf(Some(Epel::Oracle(9)))), [epel, dnf]);
        let zypper = "zypper --non-interactive install --no-recommends sshfs shadow rsync";
        assert_eq!(lines(Family::Zypper), [zypper]);
        assert_eq!(lines(Family::Pacman), ["pacman -Sy --noconfirm --needed sshfs shadow rsync"]);
        let apk = ["apk --wait 120 update", "apk --wait 120 add sshfs shadow-uidmap rsync"];
        assert_eq!(lines(Family::Apk), apk);
    }
}
