//! gRPC over HTTP/2: messages with a prefix, and how a call ends.
//!
//! A message is a byte (0: not compressed), its length in four bytes, and its
//! bytes. An answer is HEADERS, messages in DATA, and HEADERS again with
//! `grpc-status`; an answer without messages may be the last one alone.

use crate::http2::frame::{self, flag, kind};

/// The size in bytes of what precedes a message.
pub const PREFIX: usize = 5;
/// The largest message that is taken, as in Lima's own agent: 4 MiB.
pub const MESSAGE: usize = 4 * 1024 * 1024;
/// The largest message of a call that collects it before it looks: paths and
/// times.
const COLLECTED: usize = 64 * 1024;
/// The most of an error's text that goes over the wire.
const TEXT: usize = 1024;

/// How a call ended. The codes are those of gRPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are those of gRPC")]
pub enum Code {
    Ok = 0,
    Unknown = 2,
    InvalidArgument = 3,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
}

/// How a call ended, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Status {
    /// The kind of end.
    pub code: Code,
    /// For people.
    pub text: String,
}

impl Status {
    /// A call that did what it was asked.
    pub fn ok() -> Self {
        Self { code: Code::Ok, text: String::new() }
    }

    /// A call that did not.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

/// Appends the answer's first frame.
pub fn put_headers(out: &mut Vec<u8>, stream: u32) {
    frame::put(out, kind::HEADERS, flag::END_HEADERS, stream, &first_fields());
}

/// Appends the answer's last frame, after [`put_headers`].
pub fn put_trailers(out: &mut Vec<u8>, stream: u32, status: &Status) {
    put_end(out, stream, Vec::new(), status);
}

/// Appends an answer that is only its end.
pub fn put_only_trailers(out: &mut Vec<u8>, stream: u32, status: &Status) {
    put_end(out, stream, first_fields(), status);
}

/// `:status 200` is index 8 of the static table; the name `content-type`,
/// index 31, does not fit into the four bits of a literal.
fn first_fields() -> Vec<u8> {
    let mut block = vec![0x88, 0x0f, 31 - 15, 16];
    block.extend(b"application/grpc");
    block
}

fn put_end(out: &mut Vec<u8>, stream: u32, mut block: Vec<u8>, status: &Status) {
    frame::put_field(&mut block, b"grpc-status", (status.code as u8).to_string().as_bytes());
    if !status.text.is_empty() {
        frame::put_field(&mut block, b"grpc-message", &percent(&status.text));
    }
    frame::put(out, kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &block);
}

/// Printable ASCII but `%` as it is, all else as `%XX`.
fn percent(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text.bytes().take(TEXT) {
        match byte {
            b'%' | ..b' ' | 0x7f.. => out.extend(format!("%{byte:02X}").bytes()),
            _ => out.push(byte),
        }
    }
    out
}

/// Reads the prefix of a message: its length in bytes.
///
/// # Errors
/// Compressed, or larger than anything that is taken.
pub fn length(prefix: [u8; PREFIX]) -> Result<usize, Status> {
    let [compressed, length @ ..] = prefix;
    if compressed != 0 {
        return Err(Status::new(Code::Unimplemented, "compressed messages are not taken"));
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > MESSAGE {
        let text = format!("received message larger than max ({length} vs. {MESSAGE})");
        return Err(Status::new(Code::ResourceExhausted, text));
    }
    Ok(length)
}

/// A message with its prefix.
pub fn message(message: &impl prost::Message) -> Vec<u8> {
    let length = message.encoded_len();
    let mut bytes = Vec::with_capacity(PREFIX + length);
    bytes.push(0);
    bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend(message.encode_to_vec());
    bytes
}

/// Collects the messages of a request.
#[derive(Debug, Default)]
pub struct Collector(Vec<u8>);

impl Collector {
    /// Takes a part of the request's body.
    ///
    /// # Errors
    /// A message that is too large for this call, or compressed.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Status> {
        self.0.extend(bytes);
        match self.0.first_chunk().copied().map(length).transpose()? {
            Some(length) if length > COLLECTED => {
                Err(Status::new(Code::ResourceExhausted, "message too large for this call"))
            }
            _ => Ok(()),
        }
    }

    /// The next whole message, if there is one that can be read.
    ///
    /// # Errors
    /// The message is not what this call takes.
    pub fn take<M: prost::Message + Default>(&mut self) -> Option<Result<M, Status>> {
        let length = length(*self.0.first_chunk()?).unwrap_or(usize::MAX);
        let end = PREFIX.checked_add(length)?;
        let message = M::decode(self.0.get(PREFIX..end)?);
        self.0.drain(..end);
        Some(message.map_err(|error| Status::new(Code::Internal, error.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Inotify;

    #[test]
    fn texts_are_plain_ascii_on_the_wire() {
        assert_eq!(
            percent("dial tcp [::1]:80: 100 %\n\u{e9}"),
            b"dial tcp [::1]:80: 100 %25%0A%C3%A9"
        );
    }

    #[test]
    fn messages_are_collected_over_pieces() {
        let one = Inotify { mount_path: "/a".into(), time: None };
        let two = Inotify { mount_path: "/bb".into(), time: None };
        let bytes = [message(&one), message(&two)].concat();
        let (mut collector, mut found) = (Collector::default(), Vec::new());
        for byte in bytes {
            collector.push(&[byte]).expect("small");
            found.extend(collector.take::<Inotify>().map(|message| message.expect("whole")));
        }
        assert_eq!(found, [one, two]);
    }

    #[test]
    fn messages_that_are_not_taken_are_refused_at_their_prefix() {
        for (prefix, code) in [
            ([1, 0, 0, 0, 0], Code::Unimplemented),
            ([0, 4, 0, 0, 0], Code::ResourceExhausted),
            ([0, 0, 1, 0, 1], Code::ResourceExhausted),
        ] {
            let refused = Collector::default().push(&prefix).expect_err("refused");
            assert_eq!(refused.code, code);
        }
        let mut collector = Collector::default();
        collector.push(&[0, 0, 0, 0, 1, 0xff]).expect("small");
        let wrong = collector.take::<Inotify>().expect("whole").expect_err("not a message");
        assert_eq!(wrong.code, Code::Internal);
    }
}
