//! Checked values: what has one of these types needs no further check.

use nixvm_system::GuestPath;
use serde::Serialize;

use super::yaml::Mark;

/// A host name that the kernel takes: 1 to 64 bytes, labels of letters, digits and inner hyphens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hostname(String);

impl Hostname {
    /// Checks `text`. Lima's instance names may be 76 characters, so a name can be too long.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if text.len() > 64 {
            Err("is longer than the 64 bytes that the kernel allows")
        } else if text.split('.').all(label) {
            Ok(Self(text.to_owned()))
        } else {
            Err("is no host name: letters, digits and inner hyphens, divided by dots")
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A time zone name such as `Europe/Berlin`: a relative path below the zone database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Timezone(String);

impl Timezone {
    /// Checks the form of `text`; whether the zone exists only the machine knows.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let part = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-+".contains(&byte))
        };
        if text.split('/').all(part) && text.len() < 128 {
            Ok(Self(text.to_owned()))
        } else {
            Err("is no name of a time zone, such as Europe/Berlin")
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A login name: what `useradd` takes, and a dot, which Lima allows too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UserName(String);

impl UserName {
    /// Checks `text`: 1 to 32 bytes, a letter or underscore first, then also digits, `-`, `.`.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        let other = |byte: u8| first(byte) || byte.is_ascii_digit() || b"-.".contains(&byte);
        let is_good = text.bytes().next().is_some_and(first) && text.bytes().all(other);
        match (is_good, text.len()) {
            (true, ..=32) => Ok(Self(text.to_owned())),
            (true, _) => Err("is longer than 32 bytes"),
            (false, _) => Err("is no user name: a letter or _ first, then letters, digits, _ - ."),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user that the seed wants.
#[derive(Clone, Debug, Serialize)]
pub struct User {
    /// Login name.
    pub name: UserName,
    /// User id; `None`: the first free one from 1000 on.
    pub uid: Option<u32>,
    /// Comment field, without `:` and line ends.
    pub gecos: String,
    /// Home; `None`: `/home/NAME`.
    pub home: Option<GuestPath>,
    /// Login shell; `None`: the system's.
    pub shell: Option<GuestPath>,
    /// Rules for sudo, without the user name before them.
    pub sudo: Vec<String>,
    /// `lock_passwd`: no password login. Keys still work.
    pub lock_password: bool,
    /// Lines for `authorized_keys`.
    pub keys: Vec<AuthorizedKey>,
    /// Where it stands.
    #[serde(skip)]
    pub mark: Mark,
}

/// One line of `authorized_keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuthorizedKey {
    line: String,
    #[serde(skip)]
    blob: String,
}

impl AuthorizedKey {
    /// Checks that `line` is `[options] type base64 [comment]`.
    pub fn new(line: &str) -> Result<Self, &'static str> {
        let line = line.trim();
        if line.contains(['\n', '\r', '\0']) {
            return Err("is more than one line");
        }
        let blob = blob_of(line).ok_or("is no public key: type, base64 text, comment")?;
        Ok(Self { line: line.to_owned(), blob: blob.to_owned() })
    }

    /// The line.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The base64 text that makes two lines the same key.
    pub fn blob(&self) -> &str {
        &self.blob
    }
}

/// The base64 text of an `authorized_keys` line: the word behind the key's type. Options come
/// first and may hold quoted blanks.
pub fn blob_of(line: &str) -> Option<&str> {
    let mut words = Vec::new();
    let (mut quoted, mut start) = (false, 0);
    for (index, byte) in line.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b' ' | b'\t' if !quoted => {
                words.push(line.get(start..index)?);
                start = index + 1;
            }
            _ => {}
        }
    }
    words.push(line.get(start..)?);
    let mut words = words.into_iter().filter(|word| !word.is_empty());
    words.find(|word| is_key_type(word))?;
    let blob = words.next()?;
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    (blob.len() >= 16 && blob.bytes().all(is_base64)).then_some(blob)
}

fn is_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"].iter().any(|start| word.starts_with(start))
}

/// One entry of `mounts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MountEntry {
    /// Device or mount tag.
    pub source: String,
    /// Mount point.
    pub target: GuestPath,
    /// File system type.
    pub fstype: String,
    /// Options of `mount(8)`, comma separated.
    pub options: String,
    /// Where it stands.
    #[serde(skip)]
    pub mark: Mark,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names() {
        for good in ["a", "lima-default", "a.b-c.d9", &"a".repeat(63)] {
            assert!(Hostname::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a..b", "a_b", "ü", "a b", &"a".repeat(64), &"a.".repeat(40)] {
            assert!(Hostname::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn time_zones_cannot_leave_the_zone_folder() {
        for good in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+1"] {
            assert!(Timezone::new(good).is_ok(), "{good}");
        }
        for bad in ["", "../../etc/shadow", "/etc/passwd", "a//b", "a b"] {
            assert!(Timezone::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn user_names() {
        for good in ["ht", "_x", "john.doe", "a-1"] {
            assert!(UserName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "1a", "-a", "a:b", "a b", "a\n", "ü", "..", &"a".repeat(33)] {
            assert!(UserName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_is_known_by_its_blob() {
        let blob = "AAAAC3NzaC1lZDI1NTE5AAAAIJ";
        for line in [
            format!("ssh-ed25519 {blob} me@host"),
            format!("  ssh-ed25519 \t{blob}  "),
            format!("command=\"echo ssh-rsa x\",no-pty ssh-ed25519 {blob} a b"),
            format!("sk-ssh-ed25519@openssh.com {blob}"),
        ] {
            assert_eq!(AuthorizedKey::new(&line).unwrap().blob(), blob, "{line}");
        }
        for bad in ["", "ssh-ed25519", "ssh-ed25519 short", "x y", "ssh-rsa ****************"] {
            assert!(AuthorizedKey::new(bad).is_err(), "{bad}");
        }
        assert!(AuthorizedKey::new(&format!("ssh-rsa {blob}\nssh-rsa {blob}")).is_err());
    }
}
