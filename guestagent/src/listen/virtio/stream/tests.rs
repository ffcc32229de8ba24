use super::super::port::tests::pair;
use super::super::resync::PREFACE;
use super::super::{Line, VirtioEndpoint};
use super::*;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const FRAME: &[u8] = b"\0\0\x02\0\0\0\0\0\x01ab";

/// An endpoint whose device is a socket pair, and the host's end of it.
async fn endpoint() -> (VirtioEndpoint, UnixStream) {
    let endpoint = VirtioEndpoint::new("test");
    let (port, host) = pair();
    *endpoint.line.lock().await = Line { port: Some(port), ..Line::default() };
    (endpoint, host)
}

async fn accept(endpoint: &VirtioEndpoint) -> VirtioStream {
    let accepted = tokio::time::timeout(Duration::from_secs(5), endpoint.accept()).await;
    accepted.expect("a session in time").expect("a session").0
}

#[tokio::test]
async fn session_begins_with_its_preface_and_goes_both_ways() {
    let (endpoint, mut host) = endpoint().await;
    host.write_all(&[b"rubbish", PREFACE.as_slice(), FRAME].concat()).expect("sent");
    let mut session = accept(&endpoint).await;
    host.write_all(FRAME).expect("sent");
    let expected = [PREFACE.as_slice(), FRAME, FRAME].concat();
    let mut read = vec![0; expected.len()];
    session.read_exact(&mut read).await.expect("read");
    assert_eq!(read, expected);
    session.write_all(b"answer").await.expect("sent");
    let mut answer = [0; 6];
    host.read_exact(&mut answer).expect("answer");
    assert_eq!(&answer, b"answer");
}

#[tokio::test]
async fn next_session_follows_whether_its_beginning_came_early_or_late() {
    for cut in 0..=PREFACE.len() {
        let (endpoint, mut host) = endpoint().await;
        let (first, second) = PREFACE.split_at(cut);
        host.write_all(&[PREFACE.as_slice(), FRAME, first].concat()).expect("sent");
        let mut session = accept(&endpoint).await;
        host.write_all(&[second, FRAME].concat()).expect("sent");
        let mut old = Vec::new();
        session.read_to_end(&mut old).await.expect("the end");
        // Up to two bytes may have passed for the head of a frame.
        let expected = [PREFACE.as_slice(), FRAME].concat();
        assert!(old.starts_with(&expected) && old.len() <= expected.len() + 2, "{cut}");
        let refused = session.write(b"x").await.expect_err("over");
        assert_eq!(refused.kind(), ErrorKind::BrokenPipe);
        drop(session);
        let mut next = vec![0; expected.len()];
        accept(&endpoint).await.read_exact(&mut next).await.expect("read");
        assert_eq!(next, expected, "{cut}");
    }
}

#[tokio::test]
async fn hang_up_ends_the_session_for_reader_and_writer() {
    let (endpoint, mut host) = endpoint().await;
    host.write_all(PREFACE).expect("sent");
    let mut session = accept(&endpoint).await;
    drop(host);
    let mut read = Vec::new();
    session.read_to_end(&mut read).await.expect("the end");
    assert_eq!(read, PREFACE);
    assert!(session.write(b"x").await.is_err());
}

#[tokio::test]
async fn there_is_one_session_at_a_time() {
    let (endpoint, mut host) = endpoint().await;
    host.write_all(PREFACE).expect("sent");
    let session = accept(&endpoint).await;
    let waited = tokio::time::timeout(Duration::from_millis(50), endpoint.accept()).await;
    assert!(waited.is_err());
    drop(session);
    host.write_all(PREFACE).expect("sent");
    accept(&endpoint).await;
}

#[tokio::test(start_paused = true)]
async fn host_in_a_session_that_is_over_is_told() {
    let (endpoint, mut host) = endpoint().await;
    host.write_all(FRAME).expect("sent");
    let accepting = tokio::spawn(async move { accept(&endpoint).await });
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut told = [0; 17];
    host.read_exact(&mut told).expect("a frame");
    assert_eq!(told, super::super::resync::GOAWAY);
    accepting.abort();
}
