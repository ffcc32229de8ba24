//! A small set of types, the kernel's own, and any bytes.

use super::*;
use proptest::prelude::*;

/// Writes types as the kernel would.
#[derive(Default)]
struct Writer {
    types: Vec<u8>,
    texts: Vec<u8>,
}

impl Writer {
    fn text(&mut self, text: &str) -> u32 {
        if self.texts.is_empty() {
            self.texts.push(0);
        }
        if text.is_empty() {
            return 0;
        }
        let place = u32::try_from(self.texts.len()).expect("short");
        self.texts.extend(text.bytes().chain([0]));
        place
    }

    fn add(&mut self, name: &str, kind: u32, value: u32, words: &[u32]) {
        let name = self.text(name);
        for word in [&[name, kind << 24, value], words].concat() {
            self.types.extend(word.to_ne_bytes());
        }
    }

    /// Parts are name, type, offset in bits, bits of a bit field.
    fn structure(&mut self, name: &str, kind: u32, parts: &[(&str, u32, u32, u32)]) {
        let words: Vec<u32> = parts
            .iter()
            .flat_map(|(name, kind, offset, bits)| [self.text(name), *kind, bits << 24 | offset])
            .collect();
        let count = u32::try_from(parts.len()).expect("few");
        let name = self.text(name);
        for word in [&[name, 1 << 31 | kind << 24 | count, 64], words.as_slice()].concat() {
            self.types.extend(word.to_ne_bytes());
        }
    }

    fn file(&self) -> Vec<u8> {
        let [types, texts] = [&self.types, &self.texts].map(|part| part.len().to_le_bytes());
        let mut bytes = MAGIC.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        bytes.extend(24_u32.to_ne_bytes());
        bytes.extend(0_u32.to_ne_bytes());
        for length in [&types, &types, &texts] {
            bytes.extend(&length[..4]);
        }
        bytes.extend(&self.types);
        bytes.extend(&self.texts);
        bytes
    }
}

fn written() -> Vec<u8> {
    let mut writer = Writer::default();
    writer.add("u16", INTEGER, 2, &[16]);
    writer.add("port", 8, 1, &[]);
    writer.structure("", STRUCTURE, &[("dport", 2, 0, 0), ("num", 2, 16, 0)]);
    writer.structure("", UNION, &[("pair", 6, 0, 0), ("", 3, 0, 0)]);
    writer.structure("common", STRUCTURE, &[("", 4, 96, 0), ("flag", 1, 131, 4)]);
    writer.add("", POINTER, 5, &[]);
    writer.structure("sock", STRUCTURE, &[]);
    writer.structure("sock", STRUCTURE, &[("before", 6, 0, 0), ("inner", 5, 64, 0)]);
    // Itself within itself, which no kernel has.
    writer.structure("round", STRUCTURE, &[("", 9, 0, 0)]);
    writer.file()
}

#[test]
fn fields_are_found_through_nameless_parts_and_other_names_of_types() {
    let bytes = written();
    let btf = Btf::parse(&bytes).expect("types");
    for (path, size, expected) in [
        (["inner", "num"].as_slice(), 2, Some(22)),
        (&["inner", "dport"], 2, Some(20)),
        (&["inner", "pair"], 8, Some(20)),
        (&["before"], 8, Some(0)),
        (&["inner", "num"], 4, None),
        (&["inner", "flag"], 2, None),
        (&["inner", "none"], 2, None),
        (&["before", "num"], 2, None),
    ] {
        assert_eq!(btf.offset("sock", path, size), expected, "{path:?} {size}");
    }
    assert_eq!(btf.offset("round", &["x"], 2), None);
    assert_eq!(btf.offset("soc", &["before"], 8), None);
}

#[test]
fn a_file_that_is_cut_is_none() {
    let bytes = written();
    for length in 0..bytes.len() {
        assert!(Btf::parse(&bytes[..length]).is_none(), "{length}");
    }
}

#[test]
fn this_kernel_has_what_we_need() {
    match std::fs::read(FILE) {
        Ok(bytes) => {
            let btf = Btf::parse(&bytes).expect("types");
            let common = |name, size| btf.offset("sock", &["__sk_common", name], size);
            // These have not moved since Linux 3.13.
            assert_eq!(common("skc_num", 2), Some(14));
            assert_eq!(common("skc_family", 2), Some(16));
        }
        Err(error) => println!("SKIP this_kernel_has_what_we_need: {FILE}: {error}"),
    }
}

proptest! {
    #[test]
    fn any_bytes_end(flips in proptest::collection::vec((0_usize..600, any::<u8>()), 0..20)) {
        let mut bytes = written();
        for (at, byte) in flips {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        if let Some(btf) = Btf::parse(&bytes) {
            btf.offset("sock", &["inner", "num"], 2);
            btf.offset("round", &["x"], 2);
        }
    }
}
