//! An example: a folder `cidata` with the files of a seed, in which `@NAME@` stands for a value that
//! is known only when the guest is started.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// What placeholders stand for.
#[derive(Clone, Debug)]
pub struct Values {
    /// `@IID@`
    pub iid: String,
    /// `@USER@`
    pub user: String,
    /// `@UID@`
    pub uid: u32,
    /// `@SSH_KEY@`
    pub ssh_key: String,
    /// `@MAC@`
    pub mac: String,
    /// `@SHARE_TAG@`
    pub share_tag: String,
}

impl Values {
    /// The guest's user has the name and the id of the user here, as with Lima, so that files in the
    /// shared folder belong to the same user on both sides. Root is not for guests: `guest`, 1000.
    pub fn for_this_user(ssh_key: &str, now: u64) -> Result<Self> {
        let uid = rustix::process::getuid().as_raw();
        let name = std::env::var("USER").unwrap_or_default();
        let (user, uid) = match uid {
            0 => ("guest".to_owned(), 1000),
            uid if name.is_empty() => bail!("no USER in the environment, for the user {uid}"),
            uid => (name, uid),
        };
        Ok(Self {
            iid: format!("iid-{now}"),
            user,
            uid,
            ssh_key: ssh_key.trim().to_owned(),
            mac: "52:55:55:00:00:01".to_owned(),
            share_tag: "lima-0000000000000001".to_owned(),
        })
    }

    fn of(&self, name: &str) -> Option<String> {
        Some(match name {
            "IID" => self.iid.clone(),
            "USER" => self.user.clone(),
            "UID" => self.uid.to_string(),
            "SSH_KEY" => self.ssh_key.clone(),
            "MAC" => self.mac.clone(),
            "SHARE_TAG" => self.share_tag.clone(),
            _ => return None,
        })
    }
}

/// The files of a seed, placeholders in them.
pub struct Example {
    files: Vec<(PathBuf, String)>,
}

impl Example {
    /// Reads `FOLDER/cidata`.
    pub fn read(folder: &Path) -> Result<Self> {
        let root = folder.join("cidata");
        let mut files = Vec::new();
        collect(&root, Path::new(""), &mut files)?;
        Ok(Self { files })
    }

    /// Writes the seed into a new folder.
    pub fn render(&self, values: &Values, into: &Path) -> Result<()> {
        for (path, text) in &self.files {
            let to = into.join(path);
            let text = fill(text, values).with_context(|| path.display().to_string())?;
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent)
                    .with_context(|| format!("creating {}", parent.display()))?;
            }
            fs::write(&to, text).with_context(|| format!("writing {}", to.display()))?;
        }
        Ok(())
    }
}

fn collect(root: &Path, below: &Path, files: &mut Vec<(PathBuf, String)>) -> Result<()> {
    let folder = root.join(below);
    let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else {
            let text = fs::read_to_string(root.join(&path));
            files.push((path.clone(), text.with_context(|| path.display().to_string())?));
        }
    }
    Ok(())
}

/// Exchanges placeholders. An unknown one is a spelling mistake, so it is an error.
fn fill(text: &str, values: &Values) -> Result<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('@') {
        filled.push_str(before);
        match after.split_once('@') {
            Some((name, tail)) if is_name(name) => {
                filled +=
                    &values.of(name).with_context(|| format!("unknown placeholder @{name}@"))?;
                rest = tail;
            }
            _ => {
                filled.push('@');
                rest = after;
            }
        }
    }
    Ok(filled + rest)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// Makes the folder that is shared where no other was asked for.
pub fn shared_folder(path: &Path) -> Result<PathBuf> {
    fs::create_dir(path).with_context(|| format!("creating {}", path.display()))?;
    // The guest's user has another id than root here.
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).context("opening the folder")?;
    fs::write(path.join("hello.txt"), "hello from the host\n").context("writing a greeting")?;
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        Values {
            iid: "iid-1".into(),
            user: "ada".into(),
            uid: 501,
            ssh_key: "ssh-ed25519 AAAA".into(),
            mac: "52:55:55:00:00:01".into(),
            share_tag: "lima-1".into(),
        }
    }

    #[test]
    fn placeholders_are_filled_and_other_signs_stay() {
        let filled = fill("u: @USER@ <a@b.c> @UID@@IID@ $@ \"$@\" @", &values()).unwrap();
        assert_eq!(filled, "u: ada <a@b.c> 501iid-1 $@ \"$@\" @");
    }

    #[test]
    fn an_unknown_placeholder_is_an_error() {
        let error = fill("@USR@", &values()).unwrap_err();
        assert_eq!(error.to_string(), "unknown placeholder @USR@");
    }

    #[test]
    fn the_example_of_the_readme_can_be_rendered() {
        let dir = tempfile::tempdir().unwrap();
        let example = Example::read(&nixvm_e2e::rig::workspace::root().join("examples/hello"));
        example.unwrap().render(&values(), dir.path()).unwrap();
        let text = fs::read_to_string(dir.path().join("user-data")).unwrap();
        assert!(text.contains("\"ssh-ed25519 AAAA\"") && text.contains("name: \"ada\""), "{text}");
    }
}
