//! The HTTP/2 of one connection of the host (RFC 9113), without any socket.
//!
//! The primer: a client sends a 24-byte preface, then both sides send frames:
//! a head of 9 bytes (length 24 bits, type, flags, stream) and a payload. A
//! request is HEADERS on a new odd stream, perhaps with CONTINUATION, then
//! DATA; the flag `END_STREAM` ends a side's half. DATA may be sent only as far
//! as the windows of the stream and of the connection allow, which the receiver
//! opens again with `WINDOW_UPDATE`.
//!
//! Lima's host creates its client with an empty target, so every request has
//! `:authority` with an empty value. Servers made for the web refuse that; here
//! it is a field that nobody asks for.
//!
//! What is ours to decide and why it is not a general server: payloads are
//! handed on as they arrive, as ranges of the reader's buffer, so a tunnel's
//! bytes go from there to their socket without a copy; and every buffer has a
//! bound that the number of streams does not raise (`docs/decisions/0008`).

pub mod frame;
pub mod hpack;
pub mod session;
pub mod streams;
