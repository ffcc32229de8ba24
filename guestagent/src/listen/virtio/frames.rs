//! Noticing that the bytes of a session are those of the next one. Pure.
//!
//! A host can leave and another come within one wake-up of ours. The preface of
//! the new one is then in the middle of the old stream, where the bytes could as
//! well be what somebody sends through a tunnel. At the border of two frames
//! they cannot: `PRI` would be a frame of 5 MB, and we allow 16 KiB. A host that
//! was cut off inside a frame is not noticed; the HTTP/2 server then meets
//! nonsense, ends the session, and the host begins again.

const HEAD: usize = 9;
const BEGINNING: &[u8] = b"PRI";

/// Where in a frame the stream is. To be fed from behind the preface on.
#[derive(Debug, Default)]
pub struct Frames {
    head: Vec<u8>,
    payload: usize,
}

impl Frames {
    /// How many of these bytes belong to the session; the next session begins
    /// after them, with [`Self::begun`] before.
    pub fn walk(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (payload, tail) = rest.split_at(self.payload.min(rest.len()));
            self.payload -= payload.len();
            let (head, next) = tail.split_at((HEAD - self.head.len()).min(tail.len()));
            let known = self.head.len();
            self.head.extend_from_slice(head);
            if self.head.starts_with(BEGINNING) {
                self.head.truncate(known);
                return bytes.len() - tail.len();
            }
            rest = next;
            self.complete();
        }
        bytes.len()
    }

    /// Bytes that were passed on for the head of a frame and are the first ones
    /// of the next session.
    pub fn begun(&self) -> &[u8] {
        &self.head
    }

    fn complete(&mut self) {
        if let [a, b, c, _, _, _, _, _, _] = *self.head {
            self.payload = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            self.head.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::resync::PREFACE;
    use super::*;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).expect("a short payload");
        [&[0, 0, length, 0, 0, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn preface_between_frames_ends_the_session_wherever_reads_end() {
        let session = [frame(b""), frame(PREFACE), frame(b"xyz")].concat();
        let all = [session.as_slice(), PREFACE, b"next"].concat();
        for at in 0..=all.len() {
            let (first, second) = all.split_at(at);
            let mut frames = Frames::default();
            let mut passed = frames.walk(first);
            if passed == at {
                passed += frames.walk(second);
            }
            assert_eq!(passed - frames.begun().len(), session.len(), "{at}");
            let next = [frames.begun(), &all[passed..]].concat();
            assert_eq!(next, [PREFACE.as_slice(), b"next"].concat(), "{at}");
        }
    }

    #[test]
    fn preface_inside_a_frame_is_somebodys_data() {
        let bytes = frame(&[b"GET / ".as_slice(), PREFACE].concat());
        for size in 1..=bytes.len() {
            let mut frames = Frames::default();
            let passed: usize = bytes.chunks(size).map(|chunk| frames.walk(chunk)).sum();
            assert_eq!(passed, bytes.len(), "{size}");
        }
    }
}
