#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
use std::time::{Duration, Instant};

use super::super::tests::{FILES, Image, tool, write};
use super::*;

/// An image of `files`, or nothing if xorriso is missing.
fn image(test: &str, options: &[&str], files: &[(&str, &[u8])]) -> Option<Image> {
    let root = tempfile::tempdir().unwrap();
    write(&root.path().join("tree"), files);
    let out = root.path().join("image");
    let mut args = vec!["-as", "mkisofs", "-quiet"];
    args.extend(options);
    args.extend(["-o", out.to_str().unwrap()]);
    let tree = root.path().join("tree");
    args.push(tree.to_str().unwrap());
    tool(test, "xorriso", &args).then(|| Image(std::fs::read(out).unwrap()))
}

fn names(iso: &Iso9660<'_>, dir: &str) -> Vec<String> {
    let mut names = iso.list(dir).unwrap().unwrap();
    names.sort();
    names
}

#[test]
fn rock_ridge_comes_before_joliet_and_plain_names() {
    let test = "rock_ridge_comes_before_joliet_and_plain_names";
    let cases: [(&[&str], Names, &str); 4] = [
        (&["-R", "-V", "cidata"], Names::RockRidge { skip: 0 }, "cidata"),
        (&["-R", "-J", "-V", "CIDATA"], Names::RockRidge { skip: 0 }, "CIDATA"),
        (&["-J", "-V", "cidata", "--norock"], Names::Joliet, "cidata"),
        (&["-U", "-iso-level", "3", "-V", "cidata", "--norock"], Names::Plain, "cidata"),
    ];
    for (options, want, label) in cases {
        let Some(image) = image(test, options, &FILES) else { return };
        let iso = Iso9660::open(&image).unwrap().unwrap();
        assert_eq!((iso.names, iso.label()), (want, label), "{options:?}");
        for (name, bytes) in FILES {
            let read = iso.read(name, 1 << 20).unwrap();
            assert_eq!(read.as_deref(), Some(bytes), "{options:?} {name}");
        }
        assert_eq!(names(&iso, "provision.system"), ["00000000"], "{options:?}");
        assert!(names(&iso, "").contains(&"boot.linux".to_owned()) == (want == Names::Plain));
        assert_eq!(iso.list("none").unwrap(), None);
        assert_eq!(iso.read("provision.system", 9).unwrap(), None);
        assert_eq!(iso.read("meta-data/x", 9).unwrap(), None);
        assert!(matches!(iso.read("meta-data", 9), Err(MediumError::TooLarge { .. })));
    }
}

#[test]
fn rock_ridge_says_who_made_the_medium() {
    let test = "rock_ridge_says_who_made_the_medium";
    let joliet: &[&str] = &["-J", "--norock"];
    for (options, want) in [(&["-R", "-uid", "1234"][..], Some(1234)), (joliet, None)] {
        let Some(image) = image(test, options, &FILES) else { return };
        assert_eq!(Iso9660::open(&image).unwrap().unwrap().owner(), want, "{options:?}");
    }
}

#[test]
fn long_names_go_on_in_continuations() {
    let long = "n".repeat(250);
    let path = format!("provision.system/{long}");
    let files: Vec<(&str, &[u8])> = vec![(&path, b"script"), ("meta-data", b"")];
    let Some(image) = image("long_names_go_on_in_continuations", &["-R"], &files) else { return };
    let iso = Iso9660::open(&image).unwrap().unwrap();
    assert_eq!(names(&iso, "provision.system"), [long]);
    assert_eq!(iso.read(&path, 99).unwrap().as_deref(), Some(&b"script"[..]));
}

#[test]
fn big_folders_and_big_files_are_read_whole() {
    let big: Vec<u8> =
        (0..3_000_000u32).flat_map(|n| n.to_le_bytes().into_iter().take(1)).collect();
    let many: Vec<String> = (0..600).map(|n| format!("provision.user/{n:08}")).collect();
    let mut files: Vec<(&str, &[u8])> = many.iter().map(|name| (&**name, &b"x"[..])).collect();
    files.push(("user-data", &big));
    let Some(image) = image("big_folders_and_big_files_are_read_whole", &["-R"], &files) else {
        return;
    };
    let iso = Iso9660::open(&image).unwrap().unwrap();
    assert_eq!(names(&iso, "provision.user").len(), 600);
    assert_eq!(iso.read("user-data", 4 << 20).unwrap(), Some(big));
}

#[test]
fn a_symbolic_link_is_not_an_empty_file() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), &[("tree/user-data", b"u")]);
    std::os::unix::fs::symlink("user-data", root.path().join("tree/meta-data")).unwrap();
    let (out, tree) = (root.path().join("image"), root.path().join("tree"));
    let args =
        ["-as", "mkisofs", "-quiet", "-R", "-o", out.to_str().unwrap(), tree.to_str().unwrap()];
    if !tool("a_symbolic_link_is_not_an_empty_file", "xorriso", &args) {
        return;
    }
    let image = Image(std::fs::read(out).unwrap());
    let iso = Iso9660::open(&image).unwrap().unwrap();
    let error = iso.read("meta-data", 99).unwrap_err();
    assert_eq!(error.to_string(), "reading meta-data: it is a symbolic link");
}

#[test]
fn a_truncated_image_loses_only_what_is_gone() {
    let test = "a_truncated_image_loses_only_what_is_gone";
    let Some(Image(whole)) = image(test, &["-R", "-V", "cidata", "-no-pad"], &FILES) else {
        return;
    };
    let mut readable = Vec::new();
    for end in (0..whole.len()).step_by(512).chain([whole.len()]) {
        let image = Image(whole[..end].to_vec());
        let Ok(Some(iso)) = Iso9660::open(&image) else { continue };
        let count = FILES.iter().filter(|(name, bytes)| {
            let read = iso.read(name, 99);
            read.is_ok_and(|read| read.is_some_and(|read| read == **bytes))
        });
        readable.push(count.count());
    }
    assert!(readable.is_sorted(), "{readable:?}");
    assert_eq!(readable.last(), Some(&FILES.len()));
    assert!(readable.iter().any(|count| (1..FILES.len()).contains(count)), "{readable:?}");
}

/// Everything that can be asked of an image, bounded in time.
fn exercise(image: &Image) {
    let start = Instant::now();
    if let Ok(Some(iso)) = Iso9660::open(image) {
        let _ = super::super::medium::gather(&iso);
    }
    assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
}

#[test]
fn a_folder_that_contains_itself_ends() {
    let Some(Image(bytes)) = image("a_folder_that_contains_itself_ends", &["-R"], &FILES) else {
        return;
    };
    let iso_root = |bytes: &[u8]| le32(bytes, 16 * 2048 + 158).unwrap();
    let root = iso_root(&bytes);
    let folder = usize::try_from(root).unwrap() * 2048;
    let mut hostile = bytes.clone();
    // Each record of the root folder leads to the root folder.
    let mut at = folder;
    while hostile[at] > 0 {
        hostile[at + 2..at + 6].copy_from_slice(&root.to_le_bytes());
        hostile[at + 10..at + 14].copy_from_slice(&2048u32.to_le_bytes());
        hostile[at + 25] = 2;
        at += usize::from(hostile[at]);
    }
    let image = Image(hostile);
    let iso = Iso9660::open(&image).unwrap().unwrap();
    assert!(iso.list("provision.system/provision.system/provision.system").is_ok());
    exercise(&image);
}

#[test]
fn damaged_images_neither_panic_nor_hang() {
    let test = "damaged_images_neither_panic_nor_hang";
    for options in [&["-R"][..], &["-J", "--norock"]] {
        let Some(Image(whole)) = image(test, options, &FILES) else { return };
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random & 0xffff_ffff).unwrap()
        };
        let interesting: Vec<usize> =
            (16 * 2048..whole.len()).filter(|&at| whole[at] != 0).collect();
        for _ in 0..2000 {
            let mut bytes = whole.clone();
            for _ in 0..=(next() % 6) {
                let at = interesting[next() % interesting.len()];
                bytes[at] = [0, 1, 0x7f, 0xff, u8::try_from(next() % 256).unwrap()][next() % 5];
            }
            exercise(&Image(bytes));
        }
    }
}

#[test]
fn what_is_no_iso_is_none() {
    for bytes in [vec![], vec![0; 2048], vec![0; 40_000], b"\x01CD001".repeat(9000)] {
        assert!(Iso9660::open(&Image(bytes)).unwrap().is_none());
    }
    let mut bytes = vec![0; 20 * 2048];
    bytes[16 * 2048..][..6].copy_from_slice(b"\x01CD001");
    assert!(Iso9660::open(&Image(bytes)).is_err());
}
