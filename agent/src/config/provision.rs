//! Provisioning: scripts of mode `boot`, files of mode `data` and `yq`, and packages.
//!
//! The text of a file is `provision.MODE/NUMBER`, what is to become of it stands in `lima.env`, in
//! variables that hold the number too.

use nixvm_system::{GuestPath, Secret};
use nixvm_yq::Format;
use serde::Serialize;

use super::env_file::Variables;
use super::finding::Finding;
use super::yaml::Mark;
use crate::source::Seed;

/// A script of mode `boot`.
#[derive(Clone, Debug, Serialize)]
pub struct BootScript {
    /// Its number: the place in `bootcmd`, 8 digits.
    pub name: String,
    /// Its text, which holds the parameters.
    #[serde(skip)]
    pub text: Secret<Vec<u8>>,
    /// Where it stands.
    #[serde(skip)]
    pub mark: Mark,
}

/// A file that is to be written or edited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProvidedFile {
    /// Its number, 8 digits.
    pub name: String,
    /// What is done.
    pub method: Method,
    /// The file.
    pub path: GuestPath,
    /// Its owner.
    pub owner: FileOwner,
    /// Its permission bits.
    pub mode: u32,
}

/// How a file gets its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// It is the content; a file that is there stays.
    Create,
    /// It is the content.
    Replace,
    /// It is an expression of yq; the format by its name.
    Edit(String),
}

impl Method {
    /// The mode, as Lima calls it.
    pub fn name(&self) -> &'static str {
        if matches!(self, Self::Edit(_)) { "yq" } else { "data" }
    }
}

/// Owner of a file, by name or number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileOwner {
    /// User.
    pub user: String,
    /// Group; `None`: the one that the file has.
    pub group: Option<String>,
}

impl FileOwner {
    fn new(text: &str) -> Option<Self> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group.to_owned())),
            None => (text, None),
        };
        let is_word = |text: &str| !text.is_empty() && !text.contains([':', '/', ' ']);
        (is_word(user) && group.as_deref().is_none_or(is_word))
            .then(|| Self { user: user.to_owned(), group })
    }
}

/// What Lima wants to be installed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PackageWish {
    /// A `dependency` script sees to it.
    pub skip: bool,
    /// containerd for the whole machine.
    pub containerd_system: bool,
    /// containerd for the user.
    pub containerd_user: bool,
    /// Where containerd goes.
    pub prefix: String,
    /// Its archive on the medium.
    pub archive: String,
}

impl PackageWish {
    /// Whether there is to be any containerd.
    pub fn containerd(&self) -> bool {
        self.containerd_system || self.containerd_user
    }
}

/// What the user-data says about the packages that are there.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Upgrade {
    /// The index is to be made new.
    pub update: bool,
    /// All are to be made new.
    pub upgrade: bool,
    /// Then the machine is to be rebooted if they ask for it.
    pub reboot: bool,
}

/// Files of mode `data`, then those of mode `yq`. A bad one is lost by itself.
pub fn files(seed: &Seed, variables: &Variables, findings: &mut Vec<Finding>) -> Vec<ProvidedFile> {
    let mut files = Vec::new();
    for (mode, prefix) in [("data", "DATAFILE_"), ("yq", "YQ_PROVISION_")] {
        let folder = format!("provision.{mode}/");
        for name in seed.files.keys().filter_map(|path| path.strip_prefix(&folder)) {
            match file(mode, &format!("{prefix}{name}"), name, variables) {
                Ok(file) => files.push(file),
                Err(fault) => findings.push(*fault),
            }
        }
    }
    files
}

fn file(
    mode: &str,
    prefix: &str,
    name: &str,
    variables: &Variables,
) -> Result<ProvidedFile, Box<Finding>> {
    let origin = format!("provision.{mode}/{name}");
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Box::new(Finding::error("bad-name", &origin, "is no number of a provision")));
    }
    let key = |key: &str| format!("LIMA_CIDATA_{prefix}_{key}");
    let get = |name: &str| {
        let value = variables.iter().find(|(full, _)| *full == key(name));
        value.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let bad = |code: &str, name: &str, message: String| {
        let mut finding = Finding::error(code, "lima.env", message);
        finding.key = key(name);
        Box::new(finding.hint(format!("{origin} is not applied")))
    };
    let path = get("PATH").ok_or_else(|| bad("missing-key", "PATH", "is not there".into()))?;
    let path = GuestPath::new(path).map_err(|error| bad("bad-value", "PATH", error.to_string()))?;
    let owner = get("OWNER").unwrap_or("root:root");
    let owner = FileOwner::new(owner)
        .ok_or_else(|| bad("bad-value", "OWNER", format!("{owner:?} is not user or user:group")))?;
    let text = get("PERMISSIONS").unwrap_or("644");
    let mode_bits = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
    let mode_bits = mode_bits.ok_or_else(|| {
        bad("bad-value", "PERMISSIONS", format!("{text:?} is no octal number up to 7777"))
    })?;
    let method = match mode {
        "data" if get("OVERWRITE") == Some("false") => Method::Create,
        "data" => Method::Replace,
        _ => Method::Edit(
            format(get("FORMAT").unwrap_or("auto"), &path)
                .map_err(|error| bad("unsupported-format", "FORMAT", error.to_string()))?,
        ),
    };
    Ok(ProvidedFile { name: name.to_owned(), method, path, owner, mode: mode_bits })
}

/// The name of the format, if it is one that `nixvm-yq` has.
fn format(name: &str, path: &GuestPath) -> Result<String, nixvm_yq::Error> {
    if name != "auto" {
        return Format::from_name(name).map(|_| name.to_owned());
    }
    let extension = path.name().rsplit_once('.').map_or("yaml", |(_, extension)| extension);
    Format::from_path(path.as_str().as_ref())?;
    // What says nothing known is YAML.
    let name = extension.to_lowercase();
    Ok(if Format::from_name(&name).is_ok() { name } else { "yaml".to_owned() })
}

/// What `lima.env` says about packages.
pub fn packages(variables: &Variables) -> PackageWish {
    let get = |name: &str| {
        let value =
            variables.iter().find(|(full, _)| full.strip_prefix("LIMA_CIDATA_") == Some(name));
        value.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    PackageWish {
        skip: get("SKIP_DEFAULT_DEPENDENCY_RESOLUTION") == "1",
        containerd_system: get("CONTAINERD_SYSTEM") == "1",
        containerd_user: get("CONTAINERD_USER") == "1",
        prefix: Some(get("GUEST_INSTALL_PREFIX"))
            .filter(|it| !it.is_empty())
            .unwrap_or("/usr/local")
            .to_owned(),
        archive: get("CONTAINERD_ARCHIVE").to_owned(),
    }
}

/// The interpreter in the first line of a script.
pub fn interpreter(text: &[u8]) -> Option<&str> {
    let line = text.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    line.split([' ', '\t']).find(|word| !word.is_empty()).map(str::trim_end)
}
