#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
use std::time::{Duration, Instant};

use super::super::tests::{FILES, Image, tool, write};
use super::*;

/// A FAT image with `files`; nothing if the tools are missing.
fn image(test: &str, width: &str, kib: &str, files: &[(&str, &[u8])]) -> Option<Image> {
    let root = tempfile::tempdir().unwrap();
    write(&root.path().join("tree"), files);
    let image = root.path().join("image");
    let image = image.to_str().unwrap();
    if !tool(test, "mkfs.vfat", &["-F", width, "-s", "1", "-n", "CIDATA", "-C", image, kib]) {
        return None;
    }
    let mut args = vec!["-i".to_owned(), image.to_owned(), "-s".to_owned()];
    for entry in std::fs::read_dir(root.path().join("tree")).unwrap() {
        args.push(entry.unwrap().path().to_str().unwrap().to_owned());
    }
    args.push("::".to_owned());
    let args: Vec<&str> = args.iter().map(|arg| &**arg).collect();
    tool(test, "mcopy", &args).then(|| Image(std::fs::read(image).unwrap()))
}

const WIDTHS: [(&str, &str, Width); 3] =
    [("12", "512", Width::Bits12), ("16", "4400", Width::Bits16), ("32", "34000", Width::Bits32)];

#[test]
fn every_width_of_the_table_is_read() {
    let big: Vec<u8> = (0..100_000u32).map(|n| n.to_le_bytes()[1]).collect();
    let mut files = FILES.to_vec();
    files.push(("vendor-data", &big));
    for (width, kib, want) in WIDTHS {
        let test = "every_width_of_the_table_is_read";
        let Some(image) = image(test, width, kib, &files) else { return };
        let fat = Fat::open(&image).unwrap().unwrap();
        assert_eq!((fat.geometry.width, fat.label()), (want, "CIDATA"));
        let labels = Labels { root: "CIDATA".to_owned(), boot: "CIDATA".to_owned() };
        assert_eq!(fat.labels(), labels);
        for (name, bytes) in &files {
            let read = fat.read(name, 1 << 20).unwrap();
            assert_eq!(read.as_deref(), Some(*bytes), "FAT{width} {name}");
        }
        assert_eq!(fat.list("provision.system").unwrap().unwrap(), ["00000000"]);
        assert_eq!(fat.read("META-DATA", 99).unwrap().as_deref(), Some(FILES[0].1));
        assert_eq!(fat.list("none").unwrap(), None);
        assert_eq!(fat.read("none/x", 9).unwrap(), None);
        assert!(matches!(fat.read("vendor-data", 99), Err(MediumError::TooLarge { .. })));
    }
}

#[test]
fn short_names_are_shown_in_lower_case() {
    let files: [(&str, &[u8]); 2] = [("LIMA.ENV", b"a"), ("meta-data", b"")];
    let Some(image) = image("short_names_are_shown_in_lower_case", "12", "512", &files) else {
        return;
    };
    let fat = Fat::open(&image).unwrap().unwrap();
    let mut names = fat.list("").unwrap().unwrap();
    names.sort();
    assert_eq!(names, ["lima.env", "meta-data"]);
}

#[test]
fn a_file_loses_itself_with_its_chain() {
    let big = vec![7; 9000];
    let files: [(&str, &[u8]); 2] = [("user-data", &big), ("meta-data", b"m")];
    let test = "a_file_loses_itself_with_its_chain";
    let Some(Image(mut bytes)) = image(test, "16", "4400", &files) else { return };
    let fat = Image(bytes.clone());
    let fat = Fat::open(&fat).unwrap().unwrap();
    let first = fat.find("user-data").unwrap().unwrap().cluster;
    for table in 0..2 {
        let size = usize::from(le16(&bytes, 22).unwrap()) * 512;
        let at = usize::try_from(fat.geometry.table_at).unwrap() + table * size;
        let at = at + usize::try_from(first).unwrap() * 2;
        bytes[at..at + 2].copy_from_slice(&[0xff, 0xff]);
    }
    let image = Image(bytes);
    let fat = Fat::open(&image).unwrap().unwrap();
    let error = fat.read("user-data", 1 << 20).unwrap_err();
    assert_eq!(error.to_string(), "reading user-data: its chain of clusters ends early");
    assert_eq!(fat.read("meta-data", 9).unwrap().as_deref(), Some(&b"m"[..]));
}

#[test]
fn a_folder_in_a_ring_of_clusters_ends() {
    let test = "a_folder_in_a_ring_of_clusters_ends";
    let Some(Image(mut bytes)) = image(test, "32", "34000", &FILES) else { return };
    let fat = Image(bytes.clone());
    let fat = Fat::open(&fat).unwrap().unwrap();
    let (root, table) = (fat.geometry.root_cluster, fat.geometry.table_at);
    let at = usize::try_from(table + u64::from(root) * 4).unwrap();
    bytes[at..at + 4].copy_from_slice(&root.to_le_bytes());
    let image = Image(bytes);
    let fat = Fat::open(&image).unwrap().unwrap();
    assert!(fat.list("").unwrap_err().to_string().contains("form a ring"));
}

#[test]
fn damaged_images_neither_panic_nor_hang() {
    for (width, kib, _) in WIDTHS {
        let test = "damaged_images_neither_panic_nor_hang";
        let Some(Image(whole)) = image(test, width, kib, &FILES) else { return };
        let whole = &whole[..whole.len().min(1 << 20)];
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random & 0xffff_ffff).unwrap()
        };
        let interesting: Vec<usize> =
            (0..whole.len()).filter(|&at| at < 90 || whole[at] != 0).collect();
        let mut bytes = whole.to_vec();
        for _ in 0..2000 {
            let mut undo = Vec::new();
            for _ in 0..=(next() % 4) {
                let range = if next() % 2 == 0 { 90 } else { interesting.len() };
                let at = interesting[next() % range];
                undo.push((at, bytes[at]));
                bytes[at] = [0, 1, 0x7f, 0xff, u8::try_from(next() % 256).unwrap()][next() % 5];
            }
            let image = Image(bytes);
            let start = Instant::now();
            if let Ok(Some(fat)) = Fat::open(&image) {
                let _ = super::super::medium::gather(&fat);
            }
            assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
            bytes = image.0;
            for (at, byte) in undo.into_iter().rev() {
                bytes[at] = byte;
            }
        }
    }
}

#[test]
fn other_first_sectors_are_none() {
    let mut mbr = vec![0; 512];
    mbr[510..].copy_from_slice(&[0x55, 0xaa]);
    let mut ntfs = mbr.clone();
    ntfs[..11].copy_from_slice(b"\xeb\x52\x90NTFS    ");
    ntfs[11..14].copy_from_slice(&[0, 2, 8]);
    ntfs[21] = 0xf8;
    for bytes in [vec![], vec![0; 511], vec![0xff; 512], mbr, ntfs] {
        assert!(Fat::open(&Image(bytes)).unwrap().is_none());
    }
}
