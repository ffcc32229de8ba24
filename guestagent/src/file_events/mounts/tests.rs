//! Tables of mounts as text.

use super::*;

const TYPES: &[&str] = &["9p", "virtiofs", "fuse.sshfs"];

const TABLE: &[u8] = b"\
    20 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
    30 20 0:40 / /Users/me rw,relatime shared:1 - virtiofs mount0 rw\n\
    31 20 0:41 / /mnt/a\\040b rw - 9p mount1 rw,trans=virtio\n\
    32 30 0:42 / /Users/me/tmp rw - tmpfs tmpfs rw\n\
    34 33 0:44 / /over rw - tmpfs x rw\n\
    33 20 0:43 / /over rw - 9p x rw\n\
    36 35 0:46 / /under rw master:1 propagate_from:2 - fuse.sshfs :/x rw\n\
    35 20 0:45 / /under rw - tmpfs x rw\n\
    37 20 0:47 / /fixed ro,relatime - virtiofs x rw\n\
    38 20 0:48 / /sealed rw - virtiofs x ro,foo\n\
    39 20 0:49 / /ro-named rw - virtiofs ro rw,root=ro\n";

fn find(path: &str) -> Result<Option<(u64, PathBuf)>, &'static str> {
    let found = Table::parse(TABLE, TYPES).find(Path::new(path));
    let found = found.map_err(|reason| reason.code())?;
    Ok(found.map(|(share, relative)| (share.id, relative)))
}

#[test]
fn only_paths_on_writable_shares_are_found() {
    for (path, id, relative) in [
        ("/Users/me/src/main.rs", 30, "src/main.rs"),
        ("/Users/me//src/./main.rs", 30, "src/main.rs"),
        ("/Users/me", 30, ""),
        ("/mnt/a b/file", 31, "file"),
        ("/under/file", 36, "file"),
        ("/ro-named/file", 39, "file"),
    ] {
        assert_eq!(find(path), Ok(Some((id, relative.into()))), "{path}");
    }
    for path in ["/fixed/file", "/sealed/file"] {
        assert_eq!(find(path), Ok(None), "{path}");
    }
    for path in ["/Users/meme/file", "/Users/me/tmp/file", "/over/file", "/etc/shadow", "/"] {
        assert_eq!(find(path), Err("path-not-shared"), "{path}");
    }
    let long = format!("/Users/me/{}", "a/".repeat(2_050));
    for path in ["/Users/me/../../etc/shadow", "Users/me/file", "", "/Users/me/a\0b", &long] {
        assert_eq!(find(path), Err("path-not-absolute"), "{path}");
    }
}

#[test]
fn broken_lines_are_no_mounts() {
    for line in [
        "",
        "20",
        "20 1 8:1 / /x rw",
        "20 1 8:1 / /x rw -",
        "20 1 8:1 / /x rw - 9p a",
        "x 1 8:1 / /x rw - 9p a rw",
        "20 1 8:1 /  rw - 9p a rw",
    ] {
        assert_eq!(Table::parse(line.as_bytes(), TYPES), Table::default(), "{line}");
    }
    // An escape that is none stays as it is.
    let odd = Table::parse(b"1 0 0:1 / /a\\04 rw - 9p a rw", TYPES);
    let (share, _) = odd.find(Path::new("/a\\04/b")).expect("found").expect("writable");
    assert_eq!(share.point, Path::new("/a\\04"));
}

#[test]
fn a_ring_of_mounts_has_no_holder() {
    let ring = b"1 2 0:1 / /x rw - 9p a rw\n2 1 0:2 / /x rw - 9p a rw";
    assert!(Table::parse(ring, TYPES).find(Path::new("/x/y")).is_err());
}

#[test]
fn the_table_of_this_thread_is_read_once() {
    let mut mounts = Mounts::new(&["proc"]);
    let table = mounts.table().expect("table");
    table.find(Path::new("/proc/version")).expect("proc is mounted");
    assert!(!has_changed(mounts.file.as_ref().expect("open")).expect("polled"));
}
