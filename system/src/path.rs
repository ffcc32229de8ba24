//! [`GuestPath`]: an absolute path inside the guest, checked once and then trusted.

use std::fmt;

/// An absolute path below the root that is worked on: no `..`, no empty or `.` part, no NUL byte,
/// at most 4096 bytes (`PATH_MAX`). Symbolic links are not looked at here; [`crate::Files`] opens
/// every path with `RESOLVE_IN_ROOT`, so a link can never lead out of the root.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuestPath(String);

/// Why a text is not a [`GuestPath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The text does not begin with a slash.
    #[error("path is not absolute")]
    Relative,
    /// A part of the path is `..`.
    #[error("path contains \"..\"")]
    Parent,
    /// The text holds a NUL byte.
    #[error("path contains a NUL byte")]
    Nul,
    /// The text is longer than 4096 bytes.
    #[error("path is longer than 4096 bytes")]
    TooLong,
}

impl GuestPath {
    /// Checks and normalises `text`: `//` and `/./` become `/`, a trailing slash goes.
    pub fn new(text: &str) -> Result<Self, PathError> {
        if !text.starts_with('/') {
            return Err(PathError::Relative);
        }
        if text.contains('\0') {
            return Err(PathError::Nul);
        }
        if text.len() > 4096 {
            return Err(PathError::TooLong);
        }
        let mut out = String::with_capacity(text.len());
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => return Err(PathError::Parent),
                part => {
                    out.push('/');
                    out.push_str(part);
                }
            }
        }
        if out.is_empty() {
            out.push('/');
        }
        Ok(Self(out))
    }

    /// `/`.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// The path as text, absolute.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without its leading slash: `.` for the root. What `openat2` wants.
    pub fn relative(&self) -> &str {
        match self.0.trim_start_matches('/') {
            "" => ".",
            rest => rest,
        }
    }

    /// This path with `below` (parts divided by slashes) behind it.
    pub fn join(&self, below: &str) -> Result<Self, PathError> {
        Self::new(&format!("{}/{below}", self.0))
    }

    /// The folder that holds this path; the root's is the root.
    #[must_use]
    pub fn parent(&self) -> Self {
        match self.0.rsplit_once('/') {
            None | Some(("", _)) => Self::root(),
            Some((parent, _)) => Self(parent.to_owned()),
        }
    }

    /// The last part; empty for the root.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(_, name)| name)
    }

    /// What is left of this path below `base`, without a leading slash, if it is below it.
    pub fn below(&self, base: &Self) -> Option<&str> {
        if base.0 == "/" {
            return self.0.strip_prefix('/').filter(|rest| !rest.is_empty());
        }
        self.0.strip_prefix(&base.0)?.strip_prefix('/')
    }

    /// This path as it is called by somebody whose root is `root`.
    pub(crate) fn rebased(&self, root: &Self) -> Option<Self> {
        if self == root {
            return Some(Self::root());
        }
        self.below(root).map(|rest| Self(format!("/{rest}")))
    }
}

impl fmt::Display for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl serde::Serialize for GuestPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for GuestPath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_or_refused() {
        let table: &[(&str, Result<&str, PathError>)] = &[
            ("/", Ok("/")),
            ("//a//b/./c/", Ok("/a/b/c")),
            ("/a b/ü\t", Ok("/a b/ü\t")),
            ("a", Err(PathError::Relative)),
            ("", Err(PathError::Relative)),
            ("/a/../b", Err(PathError::Parent)),
            ("/a\0b", Err(PathError::Nul)),
            ("/..a", Ok("/..a")),
        ];
        for (text, want) in table {
            let got = GuestPath::new(text);
            assert_eq!(got.as_ref().map(GuestPath::as_str), want.as_ref().copied(), "{text:?}");
        }
        let long = format!("/{}", "a".repeat(4096));
        assert_eq!(GuestPath::new(&long), Err(PathError::TooLong));
    }

    #[test]
    fn parts_of_a_path() {
        let path = GuestPath::new("/home/ht/.ssh").unwrap();
        assert_eq!(path.parent().as_str(), "/home/ht");
        assert_eq!(path.name(), ".ssh");
        assert_eq!(path.relative(), "home/ht/.ssh");
        assert_eq!(path.below(&GuestPath::new("/home/ht").unwrap()), Some(".ssh"));
        assert_eq!(path.below(&GuestPath::new("/home/h").unwrap()), None);
        assert_eq!(path.below(&GuestPath::root()), Some("home/ht/.ssh"));
        assert_eq!(GuestPath::root().parent(), GuestPath::root());
        assert_eq!(GuestPath::root().relative(), ".");
        assert_eq!(GuestPath::new("/a").unwrap().parent(), GuestPath::root());
    }
}
