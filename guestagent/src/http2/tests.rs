//! Header blocks against what becomes of them, whole and cut at every byte.

use super::*;
use proptest::prelude::*;

/// The header block that Lima 2.2's host sends for `GetInfo`, up to the
/// content type: POST, http, a literal path, the empty authority.
fn lima_block() -> Vec<u8> {
    let mut block = vec![0x83, 0x86, 0x45, 21];
    block.extend(b"/GuestService/GetInfo");
    block.extend([0x81, 0x5f, 16]);
    block.extend(b"application/grpc");
    block
}

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("small").to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
    frame.extend(payload);
    frame
}

fn connection(frames: &[Vec<u8>]) -> Vec<u8> {
    [PREFACE.as_slice(), &frames.concat()].concat()
}

/// Feeds the bytes in two parts, as the socket adapter does.
fn split(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut filter = AuthorityFilter::default();
    let mut first = bytes[..at].to_vec();
    let passed = filter.rewrite(&mut first, Ahead::Possible);
    assert!(first.len() - passed <= 1, "held {} bytes", first.len() - passed);
    let mut second = [&first[passed..], &bytes[at..]].concat();
    assert_eq!(filter.rewrite(&mut second, Ahead::Nothing), second.len());
    [&first[..passed], &second].concat()
}

#[track_caller]
fn check(frames: &[Vec<u8>], expected: &[Vec<u8>]) {
    let (given, expected) = (connection(frames), connection(expected));
    for at in 0..=given.len() {
        assert_eq!(split(&given, at), expected, "cut at {at}");
    }
}

fn exchanged(block: &[u8], from: u8, to: u8) -> Vec<u8> {
    block.iter().map(|byte| if *byte == from { to } else { *byte }).collect()
}

#[test]
fn lima_request_becomes_acceptable() {
    let block = lima_block();
    let fixed = exchanged(&block, 0x81, 0x93);
    check(
        &[frame(4, 0, &[]), frame(1, 4, &block), frame(0, 1, &[0x81; 9]), frame(1, 5, &block)],
        &[frame(4, 0, &[]), frame(1, 4, &fixed), frame(0, 1, &[0x81; 9]), frame(1, 5, &fixed)],
    );
}

#[test]
fn padding_and_priority_are_stepped_over() {
    let wrap = |block: &[u8]| {
        let payload = [&[3, 0x81, 0x81, 0x81, 0x81, 0x81], block, &[0x81; 3]].concat();
        frame(1, 4 | PADDED | PRIORITY, &payload)
    };
    let block = lima_block();
    check(&[wrap(&block)], &[wrap(&exchanged(&block, 0x81, 0x93))]);
}

#[test]
fn block_goes_on_in_continuation() {
    let block = lima_block();
    let fixed = exchanged(&block, 0x81, 0x93);
    for at in 0..block.len() {
        let cut = |block: &[u8]| vec![frame(1, 0, &block[..at]), frame(9, 4, &block[at..])];
        check(&cut(&block), &cut(&fixed));
    }
}

#[test]
fn fields_are_told_apart() {
    for (name, block, expected) in [
        ("literal into the table", vec![0x41, 0, 0x83], vec![0x77, 0, 0x83]),
        ("the same in Huffman code", vec![0x41, 0x80, 0x83], vec![0x77, 0x80, 0x83]),
        ("literal outside the table", vec![0x01, 0, 0x83], vec![0x93, 0x93, 0x83]),
        ("literal never in a table", vec![0x11, 0, 0x83], vec![0x93, 0x93, 0x83]),
        ("an authority with a value", vec![0x41, 1, 0x81], vec![0x41, 1, 0x81]),
        ("81 as a value", vec![0x40, 1, 0x81, 1, 0x81, 0x81], vec![0x40, 1, 0x81, 1, 0x81, 0x93]),
        ("81 in a long index", vec![0xff, 0x81, 0x00, 0x81], vec![0xff, 0x81, 0x00, 0x93]),
        ("81 in a long name index", vec![0x7f, 0x81, 0, 0, 0x81], vec![0x7f, 0x81, 0, 0, 0x93]),
        ("81 in a table size", vec![0x3f, 0x81, 0x00, 0x81], vec![0x3f, 0x81, 0x00, 0x93]),
        ("a last lone name", vec![0x83, 0x41], vec![0x83, 0x41]),
    ] {
        println!("{name}");
        check(&[frame(1, 4, &block)], &[frame(1, 4, &expected)]);
    }
}

#[test]
fn long_strings_are_stepped_over() {
    let mut block = vec![0x45, 0x7f, 0xac, 0x02];
    block.extend([0x81; 127 + 300]);
    let mut fixed = block.clone();
    block.push(0x81);
    fixed.push(0x93);
    check(&[frame(1, 4, &block)], &[frame(1, 4, &fixed)]);
}

#[test]
fn contradictory_lengths_do_not_derail_the_next_frame() {
    let bad = frame(1, 4 | PADDED, &[200, 0x81, 0x81]);
    let short = frame(1, 4 | PRIORITY, &[0x81]);
    let empty = frame(1, 4 | PADDED, &[]);
    let good = |byte| frame(1, 4, &[byte]);
    check(
        &[bad.clone(), short.clone(), empty.clone(), good(0x81)],
        &[bad, short, empty, good(0x93)],
    );
}

#[test]
fn other_protocols_pass_untouched() {
    let mut text = *b"GET / HTTP/1.1\r\n\x81\x81";
    let mut filter = AuthorityFilter::default();
    assert_eq!(filter.rewrite(&mut text, Ahead::Possible), text.len());
    assert_eq!(&text, b"GET / HTTP/1.1\r\n\x81\x81");
}

proptest! {
    #[test]
    fn hostile_bytes_give_the_same_result_however_they_are_cut(
        frames in prop::collection::vec(
            (prop_oneof![Just(1u8), Just(9), any::<u8>()], any::<u8>(),
             prop::collection::vec(any::<u8>(), 0..40)), 0..6),
        tail in prop::collection::vec(any::<u8>(), 0..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let frames: Vec<_> = frames.iter().map(|(k, f, p)| frame(*k, *f, p)).collect();
        let bytes = [connection(&frames), tail].concat();
        let whole = split(&bytes, bytes.len());
        prop_assert_eq!(whole.len(), bytes.len());
        prop_assert_eq!(split(&bytes, cut.index(bytes.len())), whole);
    }
}
