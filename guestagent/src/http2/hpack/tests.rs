//! Blocks of RFC 7541 appendix C, of Lima's host, and of nobody.

use super::*;
use proptest::prelude::*;

fn read(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<String>, Malformed> {
    let mut fields = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    decoder.decode(block, |name, value| {
        fields.push(format!("{}={}", text(name), text(value)));
    })?;
    Ok(fields)
}

#[test]
fn requests_of_the_standard_share_a_table() {
    let mut decoder = Decoder::default();
    // C.4: with Huffman code, the second and third refer to the first.
    let first = [
        0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90,
        0xf4, 0xff,
    ];
    let expected = [":method=GET", ":scheme=http", ":path=/", ":authority=www.example.com"];
    assert_eq!(read(&mut decoder, &first).expect("first"), expected);
    let second = [0x82, 0x86, 0x84, 0xbe, 0x58, 0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf];
    let last = "cache-control=no-cache".to_owned();
    assert_eq!(read(&mut decoder, &second).expect("second").last(), Some(&last));
    assert_eq!(read(&mut decoder, &[0xbe]).expect("third"), [last]);
}

#[test]
fn the_hosts_empty_authority_is_a_field_like_others() {
    let mut block = vec![0x83, 0x86, 0x45, 21];
    block.extend(b"/GuestService/GetInfo");
    block.extend([0x81, 0x5f, 16]);
    block.extend(b"application/grpc");
    let fields = read(&mut Decoder::default(), &block).expect("block");
    let expected = [
        ":method=POST",
        ":scheme=http",
        ":path=/GuestService/GetInfo",
        ":authority=",
        "content-type=application/grpc",
    ];
    assert_eq!(fields, expected);
}

#[test]
fn entries_leave_the_table_when_it_is_full_or_made_smaller() {
    let mut decoder = Decoder::default();
    let long = |name: u8, length: usize| {
        let mut block = vec![0x40, 1, name, 0x7f];
        let rest = length - 127;
        block.extend([u8::try_from(rest & 0x7f).expect("7 bits") | 0x80]);
        block.push(u8::try_from(rest >> 7).expect("short"));
        block.extend(vec![b'x'; length]);
        block
    };
    for name in *b"abc" {
        read(&mut decoder, &long(name, 1500)).expect("literal");
    }
    assert_eq!((decoder.entries.len(), decoder.size), (2, 2 * 1533));
    // Index 62 is the newest, 63 the older one, 64 has gone.
    assert!(read(&mut decoder, &[0xbf]).expect("older")[0].starts_with("b="));
    assert_eq!(read(&mut decoder, &[0xc0]), Err(Malformed));
    read(&mut decoder, &[0x20]).expect("size 0");
    assert_eq!((decoder.entries.len(), decoder.size), (0, 0));
    assert_eq!(read(&mut decoder, &[0x3f, 0xe2, 0x1f]), Err(Malformed), "size 4097");
}

#[test]
fn blocks_that_are_cut_or_wrong_are_refused() {
    for block in [
        &[0x80][..],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        &[0x40, 5, b'x'],
        &[0x40],
        &[0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0xbe],
        &[0x44, 0x81, 0x00],
    ] {
        assert_eq!(read(&mut Decoder::default(), block), Err(Malformed), "{block:x?}");
    }
}

#[test]
fn a_small_block_cannot_become_a_large_list() {
    let mut decoder = Decoder::default();
    let mut block = vec![0x40, 1, b'a', 0x7f, 0x81, 0x16];
    block.extend(vec![b'x'; 127 + 0x81 - 0x80 + (0x16 << 7)]);
    read(&mut decoder, &block).expect("literal");
    assert_eq!(read(&mut decoder, &[0xbe; 1000]), Err(Malformed));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(blocks in prop::collection::vec(any::<Vec<u8>>(), 1..4)) {
        let mut decoder = Decoder::default();
        for block in blocks {
            let _ = read(&mut decoder, &block);
            prop_assert!(decoder.size <= TABLE);
            prop_assert_eq!(decoder.size, decoder.entries.iter().map(Field::cost).sum::<usize>());
        }
    }
}
