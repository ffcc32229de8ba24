//! The machine, fed by hand.

use super::*;
use crate::http2::frame;
use crate::http2::frame::flag;
use proptest::prelude::*;

const PATH: &[u8] = b"/GuestService/Tunnel";

fn greeted() -> (Session, Vec<u8>) {
    let mut out = Vec::new();
    let mut session = Session::new(4, &mut out);
    assert_eq!(session.receive(PREFACE, &mut out), Ok((24, None)));
    (session, Vec::new())
}

fn block() -> Vec<u8> {
    let mut block = vec![0x83, 0x86, 0x45, 20];
    block.extend(PATH);
    block.extend([0x81, 0x5f, 16]);
    block.extend(b"application/grpc");
    block
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::put(&mut bytes, kind, flags, stream, payload);
    bytes
}

fn open(stream: u32, flags: u8) -> Vec<u8> {
    frame(kind::HEADERS, flag::END_HEADERS | flags, stream, &block())
}

/// Feeds everything, in pieces; the bytes of DATA are put together.
fn feed(
    session: &mut Session,
    bytes: &[u8],
    piece: usize,
    out: &mut Vec<u8>,
) -> Result<Vec<String>, Fault> {
    let mut told: Vec<String> = Vec::new();
    let (mut start, mut end) = (0, 0);
    loop {
        let (taken, event) = session.receive(&bytes[start..end], out)?;
        match &event {
            Some(Event::Data { stream, range }) => {
                let text = String::from_utf8_lossy(&bytes[start..end][range.clone()]).into_owned();
                match told.last_mut().filter(|last| last.starts_with(&format!("{stream}:"))) {
                    Some(last) => last.push_str(&text),
                    None => told.push(format!("{stream}:{text}")),
                }
            }
            Some(Event::Request { stream, request }) => {
                told.push(format!("{stream} {}", String::from_utf8_lossy(&request.path)));
            }
            Some(event) => told.push(format!("{event:?}")),
            None => {}
        }
        start += taken;
        if taken == 0 && event.is_none() {
            if end == bytes.len() {
                return Ok(told);
            }
            end = (end + piece).min(bytes.len());
        }
    }
}

fn conversation() -> Vec<u8> {
    let whole = block();
    let (first, second) = whole.split_at(10);
    [
        frame(kind::SETTINGS, 0, 0, &[]),
        open(1, 0),
        frame(kind::DATA, 0, 1, b"hello "),
        frame(kind::PING, 0, 0, b"12345678"),
        frame(kind::DATA, flag::PADDED, 1, b"\x03world\0\0\0"),
        frame(kind::DATA, 0, 1, b""),
        frame(
            kind::HEADERS,
            flag::PADDED | flag::PRIORITY,
            3,
            &[&[2, 0, 0, 0, 0, 9], first, &[0; 2]].concat(),
        ),
        frame(kind::CONTINUATION, 0, 3, b""),
        frame(kind::CONTINUATION, flag::END_HEADERS, 3, second),
        frame(kind::DATA, flag::END_STREAM, 3, b"once"),
        frame(kind::DATA, flag::END_STREAM, 1, b""),
        frame(99, 7, 3, b"unknown"),
        open(5, flag::END_STREAM),
        frame(kind::RST_STREAM, 0, 5, &[0, 0, 0, 8]),
        frame(kind::DATA, flag::END_STREAM, 5, b"late"),
        frame(kind::RST_STREAM, 0, 5, &[0, 0, 0, 8]),
        frame(kind::GOAWAY, 0, 0, &[0; 8]),
        open(7, 0),
    ]
    .concat()
}

#[test]
fn a_conversation_means_the_same_in_any_pieces() {
    let expected = [
        "Unblocked",
        "1 /GuestService/Tunnel",
        "1:hello world",
        "3 /GuestService/Tunnel",
        "3:once",
        "Ended { stream: 3 }",
        "Ended { stream: 1 }",
        "5 /GuestService/Tunnel",
        "Ended { stream: 5 }",
        "Reset { stream: 5 }",
        "7 /GuestService/Tunnel",
    ];
    for piece in [1, 2, 3, 7, 10, 64, 10_000] {
        let (mut session, mut out) = greeted();
        let told = feed(&mut session, &conversation(), piece, &mut out).expect("in order");
        assert_eq!(told, expected, "pieces of {piece}");
        let mut answers = frame(kind::SETTINGS, flag::ACK, 0, &[]);
        answers.extend(frame(kind::PING, flag::ACK, 0, b"12345678"));
        assert_eq!(out, answers);
    }
}

#[test]
fn what_breaks_the_protocol_ends_the_connection() {
    let big = [&[0, 0x40, 1, 0, 0, 0, 0, 0, 1][..], &vec![0; 16385]].concat();
    for (bytes, expected) in [
        (big, "a frame above 16 KiB"),
        (frame(kind::DATA, 0, 1, b"x"), "data on a stream that never began"),
        (frame(kind::RST_STREAM, 0, 1, &[0; 4]), "a reset of a stream that never began"),
        (frame(kind::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]), "a window of a stream that never began"),
        (frame(kind::WINDOW_UPDATE, 0, 0, &[0; 4]), "a window update of nothing"),
        (frame(kind::WINDOW_UPDATE, 0, 0, &[0x7f, 255, 255, 255]), "a window above 2 GiB"),
        (frame(kind::PING, 0, 0, &[0; 7]), "a ping of a wrong form"),
        (frame(kind::SETTINGS, 0, 0, &[0; 5]), "settings of a wrong form"),
        (frame(kind::PUSH_PROMISE, 0, 1, &[0; 4]), "a promise of a client"),
        (frame(kind::CONTINUATION, 0, 1, b""), "a continuation of nothing"),
        (open(2, 0), "a request on a stream that is not the client's"),
        ([open(1, 0), open(1, 0)].concat(), "headers twice"),
        (frame(kind::HEADERS, flag::END_HEADERS, 1, &[0x80]), "a header block that cannot be read"),
        (
            [frame(kind::HEADERS, 0, 1, &block()), frame(kind::PING, 0, 0, &[0; 8])].concat(),
            "a header block that is not continued",
        ),
        (
            [open(1, 0), frame(kind::DATA, flag::PADDED, 1, b"\x05x")].concat(),
            "padding above the frame",
        ),
    ] {
        let (mut session, mut out) = greeted();
        let fault = feed(&mut session, &bytes, usize::MAX >> 1, &mut out).expect_err(expected);
        assert_eq!(fault.reason, expected);
    }
    let mut out = Vec::new();
    let fault = Session::new(4, &mut out).receive(b"GET / HTTP/1.1\r\n", &mut out);
    assert_eq!(fault.expect_err("not HTTP/2").reason, "the peer does not speak HTTP/2");
}

#[test]
fn a_header_block_has_a_limit() {
    let (mut session, mut out) = greeted();
    let mut bytes = frame(kind::HEADERS, 0, 1, &vec![0; 16384]);
    bytes.extend(frame(kind::CONTINUATION, 0, 1, &[0; 1]));
    let fault = feed(&mut session, &bytes, 100_000, &mut out).expect_err("too large");
    assert_eq!(fault.code, Code::EnhanceYourCalm);
}

#[test]
fn a_stream_above_the_limit_is_refused_and_may_come_again() {
    let (mut session, mut out) = greeted();
    for stream in [1, 3, 5, 7] {
        feed(&mut session, &open(stream, 0), 100, &mut out).expect("open");
    }
    feed(&mut session, &open(9, 0), 100, &mut out).expect("refused");
    assert_eq!(out, frame(kind::RST_STREAM, 0, 9, &[0, 0, 0, 7]));
    session.finish(1, &mut out);
    let told = feed(&mut session, &open(11, 0), 100, &mut out).expect("open");
    assert_eq!(told, ["11 /GuestService/Tunnel"]);
}

/// DATA frames of so many bytes in all.
fn data(stream: u32, mut length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while length > 0 {
        let part = length.min(16_384);
        bytes.extend(frame(kind::DATA, 0, stream, &vec![b'x'; part]));
        length -= part;
    }
    bytes
}

const ACK: &[u8] = b"\0\0\0\x04\x01\0\0\0\0";

#[test]
fn a_stream_has_the_first_window_until_the_host_confirms_ours() {
    let (mut session, mut out) = greeted();
    feed(&mut session, &[open(1, 0), data(1, 65_535)].concat(), 100_000, &mut out).expect("first");
    assert_eq!(out, [0; 0]);
    let told = feed(&mut session, &data(1, 1), 100, &mut out).expect("goes on");
    assert_eq!(told, ["Reset { stream: 1 }"]);
    assert_eq!(out, frame(kind::RST_STREAM, 0, 1, &[0, 0, 0, 3]));

    out.clear();
    let bytes = [&open(3, 0)[..], ACK, &data(3, 2 << 20)].concat();
    feed(&mut session, &bytes, 1 << 20, &mut out).expect("wide");
    assert_eq!((session.held(), session.hog()), (2 << 20, Some(3)));
    session.release(3, (1 << 20) - 1, &mut out);
    assert_eq!(out, [0; 0]);
    session.release(3, 1, &mut out);
    assert_eq!(out, frame(kind::WINDOW_UPDATE, 0, 3, &(1_u32 << 20).to_be_bytes()));
    assert_eq!(session.held(), 1 << 20);
}

#[test]
fn windows_are_narrow_while_much_is_held() {
    let (mut session, mut out) = greeted();
    feed(&mut session, ACK, 100, &mut out).expect("confirmed");
    for stream in [1, 3, 5, 7] {
        feed(&mut session, &[open(stream, 0), data(stream, 2 << 20)].concat(), 1 << 20, &mut out)
            .expect("wide");
    }
    assert_eq!(out, frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]), "64 KiB");
    feed(&mut session, ACK, 100, &mut out).expect("confirmed");
    out.clear();
    for stream in [1, 3, 5] {
        session.reset(stream, Code::None, &mut out);
    }
    session.release(7, 1, &mut out);
    assert!(out.ends_with(&frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 32, 0, 0])), "2 MiB");
    assert_eq!(session.held(), (2 << 20) - 1);
}

#[test]
fn sending_keeps_to_the_windows_of_the_host() {
    let (mut session, mut out) = greeted();
    feed(&mut session, &open(1, 0), 100, &mut out).expect("open");
    assert_eq!(session.room(1), 65_535);
    session.sent(1, 65_000);
    assert_eq!(session.room(1), 535);
    let smaller = frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 100]);
    feed(&mut session, &smaller, 100, &mut out).expect("settings");
    assert_eq!(session.room(1), 0);
    feed(&mut session, &frame(kind::WINDOW_UPDATE, 0, 1, &70_000_u32.to_be_bytes()), 100, &mut out)
        .expect("window");
    assert_eq!(session.room(1), 535, "the connection's own window");
    assert_eq!(session.room(3), 0, "no such stream");
}

#[test]
fn after_goaway_no_request_begins() {
    let (mut session, mut out) = greeted();
    feed(&mut session, &open(1, 0), 100, &mut out).expect("open");
    session.goaway(Code::None, &mut out);
    assert_eq!(out, frame(kind::GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]));
    assert_eq!(feed(&mut session, &open(3, 0), 100, &mut out), Ok(vec![]));
    assert_eq!(session.open(), 1);
}

proptest! {
    #[test]
    fn any_bytes_are_taken_or_refused(bytes: Vec<u8>, piece in 1_usize..50) {
        let (mut session, mut out) = greeted();
        let _ = feed(&mut session, &bytes, piece, &mut out);
    }

    #[test]
    fn changed_conversations_end_in_order(at in 0_usize..600, byte: u8, piece in 1_usize..50) {
        let (mut session, mut out) = greeted();
        let mut bytes = conversation();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = feed(&mut session, &bytes, piece, &mut out);
        prop_assert!(session.open() <= 4);
    }
}
