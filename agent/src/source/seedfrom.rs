//! `seedfrom`: a key of the meta-data that says where the rest of the seed is.

use nixvm_system::GuestPath;

/// Whether the value is a URL that needs the network.
pub(super) fn is_remote(value: &str) -> bool {
    ["http://", "https://", "ftp://", "ftps://"].iter().any(|prefix| value.starts_with(prefix))
}

/// The path of a value that begins with `/` or `file://`.
pub(super) fn local_path(value: &str) -> Option<&str> {
    let path = value.strip_prefix("file://").unwrap_or(value);
    path.starts_with('/').then_some(path)
}

/// The folder of a local value, if its path can be used.
pub(super) fn folder(value: &str) -> Option<GuestPath> {
    GuestPath::new(local_path(value)?).ok()
}
