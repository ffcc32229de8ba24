//! A row of JSON objects, cut apart while it arrives.
//!
//! `kubectl` writes one event a line, and other versions may write it over
//! several lines, so objects are found by their braces. What is not complete
//! yet is kept, up to a limit: an object of more than 10 MiB is none of ours.

/// No service is longer: the API itself takes at most 3 MiB.
const LONGEST: usize = 10 << 20;
/// Room that is kept between objects.
const KEPT: usize = 64 << 10;

/// The bytes of objects, whole or not yet.
#[derive(Debug, Default)]
pub struct Objects {
    bytes: Vec<u8>,
    /// How far the bytes have been looked at.
    seen: usize,
    depth: u32,
    inside: Inside,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inside {
    /// Braces count.
    #[default]
    Structure,
    /// Braces are text.
    Text,
    /// The next byte is text, whatever it is.
    Escape,
}

/// Why the row cannot be followed further.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// Too long.
    #[error("an object of more than {} MiB", LONGEST >> 20)]
    TooLong,
    /// No object.
    #[error("something that is no JSON object")]
    NoObject,
}

impl Objects {
    /// Takes more bytes, and hands over each object that is whole now.
    ///
    /// # Errors
    /// An object is too long, or there is something else.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), StreamError> {
        self.bytes.extend_from_slice(bytes);
        let mut start = 0;
        while let Some(byte) = self.bytes.get(self.seen).copied() {
            self.seen += 1;
            if self.step(byte)? {
                each(self.bytes.get(start..self.seen).unwrap_or_default());
                start = self.seen;
            }
        }
        self.bytes.drain(..start);
        if self.depth == 0 {
            // Only blanks.
            self.bytes.clear();
        }
        self.seen = self.bytes.len();
        if self.bytes.is_empty() {
            self.bytes.shrink_to(KEPT);
        }
        if self.bytes.len() > LONGEST { Err(StreamError::TooLong) } else { Ok(()) }
    }

    /// Whether this byte is the last one of an object.
    fn step(&mut self, byte: u8) -> Result<bool, StreamError> {
        match (self.inside, byte) {
            (Inside::Text, b'\\') => self.inside = Inside::Escape,
            (Inside::Text, b'"') => self.inside = Inside::Structure,
            (Inside::Structure, b'{') => self.depth = self.depth.saturating_add(1),
            (Inside::Structure, b' ' | b'\t' | b'\r' | b'\n') | (Inside::Text, _) => {}
            (Inside::Structure, _) if self.depth == 0 => return Err(StreamError::NoObject),
            (Inside::Escape, _) | (Inside::Structure, b'"') => self.inside = Inside::Text,
            (Inside::Structure, b'}') => {
                self.depth -= 1;
                return Ok(self.depth == 0);
            }
            (Inside::Structure, _) => {}
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(bytes: &[u8], size: usize) -> Result<Vec<String>, StreamError> {
        let (mut objects, mut found) = (Objects::default(), Vec::new());
        for piece in bytes.chunks(size) {
            objects
                .push(piece, |object| found.push(String::from_utf8_lossy(object).trim().into()))?;
        }
        Ok(found)
    }

    #[test]
    fn objects_are_found_in_pieces_of_any_size() {
        let text = "{\"a\":\"}{\\\"\"}\n{\n  \"b\": [{}]\n}\n{}{\"c\"";
        for size in 1..text.len() {
            let expected = ["{\"a\":\"}{\\\"\"}", "{\n  \"b\": [{}]\n}", "{}"];
            assert_eq!(cut(text.as_bytes(), size).expect("objects"), expected);
        }
    }

    #[test]
    fn what_is_no_object_or_too_long_ends_it() {
        assert_eq!(cut(b"{} No resources found", 5), Err(StreamError::NoObject));
        assert_eq!(cut(b"}", 5), Err(StreamError::NoObject));
        let long = [b"{\"a\":\"".to_vec(), vec![b'x'; LONGEST]].concat();
        assert_eq!(cut(&long, 16 << 10), Err(StreamError::TooLong));
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300), size in 1..40_usize) {
            let in_pieces = cut(&bytes, size);
            prop_assert_eq!(in_pieces, cut(&bytes, 300));
        }
    }
}
