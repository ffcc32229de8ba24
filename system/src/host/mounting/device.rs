//! Devices by another name.

/// Where udev has a link for each name that a device can have, by how `mount(8)` writes the name.
const BY_NAME: &[(&str, &str)] = &[
    ("LABEL=", "/dev/disk/by-label"),
    ("UUID=", "/dev/disk/by-uuid"),
    ("PARTLABEL=", "/dev/disk/by-partlabel"),
    ("PARTUUID=", "/dev/disk/by-partuuid"),
    ("ID=", "/dev/disk/by-id"),
];

/// `LABEL=my data` is `/dev/disk/by-label/my\x20data`; every other source stays.
pub(super) fn path(source: &str) -> String {
    let named = BY_NAME
        .iter()
        .find_map(|(key, folder)| source.strip_prefix(key).map(|name| (folder, name)));
    let Some((folder, name)) = named else { return source.to_owned() };
    let name = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(name);
    format!("{folder}/{}", encoded(name))
}

/// As udev names its links (`encode_devnode_name` of systemd).
fn encoded(name: &str) -> String {
    let is_plain = |letter: char| {
        letter.is_ascii_alphanumeric() || !letter.is_ascii() || "#+-.:=@_".contains(letter)
    };
    name.chars()
        .map(|letter| match letter {
            letter if is_plain(letter) => letter.to_string(),
            letter => format!("\\x{:02x}", u32::from(letter)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_the_links_of_udev() {
        assert_eq!(path("LABEL=my data"), r"/dev/disk/by-label/my\x20data");
        assert_eq!(path("LABEL=\"a/b\""), r"/dev/disk/by-label/a\x2fb");
        assert_eq!(path("UUID=1-2"), "/dev/disk/by-uuid/1-2");
        assert_eq!(path("lima-0"), "lima-0");
    }
}
