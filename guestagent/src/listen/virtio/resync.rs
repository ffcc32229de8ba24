//! Finding where a session begins in a stream of bytes. Pure.

/// What every HTTP/2 client sends first (RFC 9113 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The frame that makes a client begin a new connection (RFC 9113 6.8): 8 bytes
/// of type 7 on stream 0; no stream was processed, no error.
pub const GOAWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// More than a host sends before it hears of us.
const FULL: usize = 64 * 1024;

/// Looks for the preface, across the borders of reads.
#[derive(Debug, Default)]
pub struct Resync {
    /// Before the beginning is found: the last bytes, fewer than a preface.
    /// After: all from the beginning on.
    bytes: Vec<u8>,
    found: bool,
    lost: bool,
}

impl Resync {
    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.found {
            return;
        }
        let at = self.bytes.windows(PREFACE.len()).position(|window| window == PREFACE);
        self.found = at.is_some();
        let discard = at.unwrap_or_else(|| self.bytes.len() - self.hopeful());
        self.lost = !self.found && (self.lost || discard > 0);
        self.bytes.drain(..discard);
    }

    /// How many of the last bytes may be the beginning of a preface.
    fn hopeful(&self) -> usize {
        let longest = self.bytes.len().min(PREFACE.len() - 1);
        let starts =
            |length: &usize| PREFACE.starts_with(self.bytes.split_at(self.bytes.len() - length).1);
        (0..=longest).rev().find(starts).unwrap_or(0)
    }

    /// Whether a session has begun.
    pub fn has_begun(&self) -> bool {
        self.found
    }

    /// Whether it should go on before more is read.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= FULL
    }

    /// The first bytes of a session, from the preface on. What comes next is
    /// not looked at until it is over.
    pub fn begun(&mut self) -> Vec<u8> {
        std::mem::take(self).bytes
    }

    /// Whether bytes came that belong to no session.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Forgets what came so far, unless a session has begun with it.
    pub fn forget(&mut self) {
        if !self.found {
            self.reset();
        }
    }

    /// Forgets all.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn session(parts: &[&[u8]]) -> (Option<Vec<u8>>, bool) {
        let mut resync = Resync::default();
        for part in parts {
            resync.feed(part);
        }
        let lost = resync.is_lost();
        (resync.has_begun().then(|| resync.begun()), lost)
    }

    #[test]
    fn preface_is_found_wherever_reads_end() {
        let all = [b"left over PRI * HTPRI".as_slice(), PREFACE, b"rest"].concat();
        let expected = [PREFACE.as_slice(), b"rest"].concat();
        for at in 0..=all.len() {
            let (first, second) = all.split_at(at);
            assert_eq!(session(&[first, second]), (Some(expected.clone()), false), "{at}");
        }
    }

    #[test]
    fn bytes_of_another_session_are_noticed_and_a_beginning_is_not_one() {
        assert_eq!(session(&[b"PRI * HTTP/2.0"]), (None, false));
        assert_eq!(session(&[b"xPRI"]), (None, true));
        assert_eq!(session(&[b"PRI", b"x"]), (None, true));
    }

    proptest! {
        #[test]
        fn little_is_kept_of_what_is_discarded(parts in prop::collection::vec(any::<Vec<u8>>(), 0..9)) {
            let mut resync = Resync::default();
            for part in &parts {
                resync.feed(part);
                prop_assert!(resync.bytes.len() < PREFACE.len());
            }
        }
    }
}
