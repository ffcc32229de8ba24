//! The hash of a password as crypt(5) keeps it: SHA-512, `$6$SALT$HASH`, 5000 rounds. Every libc and
//! every PAM of the last fifteen years reads it; yescrypt, which Debian's own tools write, not all do.

use nixvm_system::Secret;
use sha_crypt::{Params, sha512_crypt};

const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Hashes `password`. Of `salt` 96 bits are used: 16 letters, the most that the format takes.
pub fn sha512(password: &Secret<String>, salt: [u8; 12]) -> String {
    let salt: String = salt.chunks(3).map(|group| letters(group.iter().copied(), 4)).collect();
    let hash = sha512_crypt(password.reveal().as_bytes(), salt.as_bytes(), Params::RECOMMENDED);
    format!("$6${salt}${}", ordered(&hash))
}

/// The format mixes the bytes: of three thirds one byte each makes four letters, and with each step
/// the third that comes first changes. The last byte stands alone.
fn ordered(hash: &[u8; 64]) -> String {
    let byte = |at: usize| hash.get(at).copied().unwrap_or_default();
    let mut text = String::with_capacity(86);
    for step in 0..21 {
        let mut group = [step, step + 21, step + 42];
        group.rotate_left(step % 3);
        text.push_str(&letters(group.into_iter().map(byte), 4));
    }
    text.push_str(&letters([0, 0, byte(63)].into_iter(), 2));
    text
}

/// `count` letters of six bits each, the lowest bits first.
fn letters(bytes: impl Iterator<Item = u8>, count: u32) -> String {
    let bits = bytes.fold(0_usize, |bits, byte| bits << 8 | usize::from(byte));
    let letter = |at: u32| LETTERS.get(bits >> (6 * at) & 63).copied().map_or('.', char::from);
    (0..count).map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answers are glibc's, by Python's `crypt.crypt(text, "$6$/2E./2E./2E./2E.")`.
    #[test]
    fn the_hash_is_the_one_of_the_c_library() {
        for (text, hash) in [
            (
                "Hello world!".to_owned(),
                "$6$/2E./2E./2E./2E.$7gaEM4WcaiU.JxlbVB1.5BuKefSM.Hwu9AEOnj33z3BNljX.3wowjz5nbq0Pw8IsjMDqbq4GZLGWHcNs0upnB0",
            ),
            (
                "0102030405060708".to_owned(),
                "$6$/2E./2E./2E./2E.$qFiwsz71m9KapKz8rkFdqlvpUJBmeApuiQyqwYxWhNI8rAfDcz682yfysZnG5CWIeEysH4/atZxtfWX8gKeJc/",
            ),
            (
                String::new(),
                "$6$/2E./2E./2E./2E.$g5.J2VONzoJS.MN2rVOoCcX.2p5tfrQHP9NgffiGaO2Yy74r7sJkz7CrO9DtHinFxs05q9qHl4mdka8edlSlG0",
            ),
            (
                "x".repeat(70),
                "$6$/2E./2E./2E./2E.$iRfSv5q3zVzp/fDHuz7aMPbUh.Coo1X1UHF6yt3Jb8BFReSF9KRDAf2DX0BjUSQFr2sAMF.LYuBmYEi0zvLcG0",
            ),
        ] {
            assert_eq!(sha512(&Secret::new(text), [1; 12]), hash);
        }
    }
}
