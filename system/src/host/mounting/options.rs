//! The options of `mount(8)`, divided by who reads them: the mount, the file system, or nobody here.

use rustix::mount::{MountAttrFlags as Attr, OpenTreeFlags};

/// One option of the file system: its name, and its value if it has one.
pub(super) type Parameter<'a> = (&'a str, Option<&'a str>);

/// What the options of one mount say.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Divided<'a> {
    /// What holds for this mount only.
    pub(super) attrs: u32,
    /// What the file system reads.
    pub(super) parameters: Vec<Parameter<'a>>,
    /// Whether a folder is shown at a second place, alone or with what is mounted below it.
    pub(super) bind: Option<Bind>,
    /// Whether an option asks for what only `mount(8)` does: a device made of a file, for example.
    pub(super) is_for_tool: bool,
}

/// How much a bind mount shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bind {
    /// The file system of the folder only.
    Folder,
    /// What is mounted below it too.
    Tree,
}

impl Bind {
    pub(super) fn flags(self) -> OpenTreeFlags {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        match self {
            Self::Folder => flags,
            Self::Tree => flags | OpenTreeFlags::AT_RECURSIVE,
        }
    }
}

/// What only `mount(8)`, systemd and cloud-init know, and what is so anyhow.
const NOBODYS: &[&str] = &[
    "", "_netdev", "async", "auto", "defaults", "dev", "exec", "group", "noauto", "nofail",
    "nouser", "owner", "rw", "suid", "user", "users",
];

/// Divides them. A comma in quotes divides nothing; the quotes are `mount(8)`'s and go, as in
/// `context="system_u:object_r:nfs_t:s0:c1,c2"`.
pub(super) fn divide(options: &str) -> Divided<'_> {
    let mut divided = Divided::default();
    for option in pieces(options) {
        match option {
            "ro" => {
                divided.attrs |= Attr::MOUNT_ATTR_RDONLY.bits();
                // Also of the file system: another mount of it cannot be written either.
                divided.parameters.push(("ro", None));
            }
            "bind" => divided.bind = Some(Bind::Folder),
            "rbind" => divided.bind = Some(Bind::Tree),
            "loop" => divided.is_for_tool = true,
            name if name.starts_with("loop=") || name.starts_with("X-mount.") => {
                divided.is_for_tool = true;
            }
            name if is_nobodys(name) => {}
            name => match attr(name) {
                Some(attr) => divided.attrs |= attr.bits(),
                None => divided.parameters.push(parameter(name)),
            },
        }
    }
    divided
}

fn is_nobodys(option: &str) -> bool {
    NOBODYS.contains(&option)
        || option.starts_with("x-")
        || option.starts_with("X-")
        || option.starts_with("comment=")
}

fn attr(option: &str) -> Option<Attr> {
    Some(match option {
        "noexec" => Attr::MOUNT_ATTR_NOEXEC,
        "nosuid" => Attr::MOUNT_ATTR_NOSUID,
        "nodev" => Attr::MOUNT_ATTR_NODEV,
        "noatime" => Attr::MOUNT_ATTR_NOATIME,
        "relatime" => Attr::MOUNT_ATTR_RELATIME,
        "strictatime" => Attr::MOUNT_ATTR_STRICTATIME,
        "nodiratime" => Attr::MOUNT_ATTR_NODIRATIME,
        "nosymfollow" => Attr::MOUNT_ATTR_NOSYMFOLLOW,
        _ => return None,
    })
}

fn parameter(option: &str) -> Parameter<'_> {
    match option.split_once('=') {
        Some((name, value)) => {
            let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            (name, Some(bare.unwrap_or(value)))
        }
        None => (option, None),
    }
}

fn pieces(options: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    options
        .split(move |letter| {
            is_quoted ^= letter == '"';
            letter == ',' && !is_quoted
        })
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(options: &str) -> String {
        let Divided { attrs, parameters, bind, is_for_tool } = divide(options);
        let words = parameters.iter().map(|(name, value)| match value {
            Some(value) => format!("[{name}={value}]"),
            None => format!("[{name}]"),
        });
        format!("{attrs:x} {bind:?} {is_for_tool} {}", words.collect::<String>())
    }

    #[test]
    fn each_option_goes_to_its_reader() {
        let table = [
            ("rw,nofail", "0 None false "),
            (
                "ro,trans=virtio,version=9p2000.L,msize=131072,cache=fscache,nofail",
                "1 None false [ro][trans=virtio][version=9p2000.L][msize=131072][cache=fscache]",
            ),
            ("defaults,comment=cloudconfig,x-systemd.automount", "0 None false "),
            (
                "ro,mode=0700,overriderockperm,exec,uid=0",
                "1 None false [ro][mode=0700][overriderockperm][uid=0]",
            ),
            ("nosuid,nodev,noexec,noatime", "1e None false "),
            ("rbind,ro", "1 Some(Tree) false [ro]"),
            ("loop,ro", "1 None true [ro]"),
            ("bind,X-mount.idmap=b:0:1:1", "0 Some(Folder) true "),
            ("context=\"a:s0:c1,c2\",rw", "0 None false [context=a:s0:c1,c2]"),
        ];
        for (options, expected) in table {
            assert_eq!(show(options), expected, "{options}");
        }
    }
}
