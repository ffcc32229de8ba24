//! Certificates as text: PEM (RFC 7468). A block is a header, base64, a footer; in it lies one DER
//! SEQUENCE (X.690) that fills it to its last byte. Nothing more is judged here: whom to trust is
//! the author's word.

use serde::Serialize;

use super::yaml;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
/// Base64 characters in a line (RFC 7468, section 2).
const WIDTH: usize = 64;

/// What `ca_certs` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Certificates {
    /// To be trusted, in order.
    pub trusted: Vec<Certificate>,
    /// Whether the distribution's own are not.
    pub remove_defaults: bool,
}

/// One certificate, in the plainest form: nothing before, between or behind its lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate(String);

impl Certificate {
    /// All of a text. Words around the blocks are left out, as every reader of PEM does.
    pub fn all(text: &str) -> Result<Vec<Self>, &'static str> {
        if text.contains("PRIVATE KEY-----") {
            return Err("holds a private key, which belongs to nobody but its owner");
        }
        let mut found = Vec::new();
        let mut rest = text;
        while let Some((_, behind)) = rest.split_once(BEGIN) {
            let (body, behind) = behind.split_once(END).ok_or("has no end: END CERTIFICATE")?;
            found.push(Self::from_body(body)?);
            rest = behind;
        }
        if found.is_empty() { Err("is no certificate in PEM") } else { Ok(found) }
    }

    fn from_body(body: &str) -> Result<Self, &'static str> {
        let body: String = body.split_ascii_whitespace().collect();
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        let is_whole = body.bytes().all(is_base64) && body.len().is_multiple_of(4);
        let bytes = yaml::base64::decode(&body).filter(|_| is_whole);
        if !bytes.is_some_and(|bytes| is_one_sequence(&bytes)) {
            return Err("is damaged: its base64 text holds no certificate");
        }
        let mut text = format!("{BEGIN}\n");
        let mut rest = body.as_str();
        while let Some((line, behind)) = rest.split_at_checked(WIDTH.min(rest.len())) {
            text.push_str(line);
            text.push('\n');
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        text.push_str(END);
        text.push('\n');
        Ok(Self(text))
    }

    /// The text, with a line end at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the bytes are one DER value of type SEQUENCE, no byte less or more.
fn is_one_sequence(bytes: &[u8]) -> bool {
    let Some((0x30, rest)) = bytes.split_first().map(|(tag, rest)| (*tag, rest)) else {
        return false;
    };
    let Some((&first, rest)) = rest.split_first() else { return false };
    if first < 0x80 {
        return usize::from(first) == rest.len();
    }
    let Some((length, content)) = rest.split_at_checked(usize::from(first & 0x7f)) else {
        return false;
    };
    let is_short = (1..=4).contains(&length.len());
    let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    is_short && length == content.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SEQUENCE { INTEGER 5 }.
    const BODY: &str = "MAMCAQU=";

    fn pem(body: &str) -> String {
        format!("{BEGIN}\n{body}\n{END}\n")
    }

    #[test]
    fn several_in_one_text_become_several_without_words_around() {
        let text = format!("# my root\r\n{}\nand\n  {}", pem(BODY), pem("MAMC\n  AQU="));
        let found = Certificate::all(&text).unwrap();
        assert_eq!(found, [Certificate(pem(BODY)), Certificate(pem(BODY))]);
    }

    #[test]
    fn lines_are_64_characters_long() {
        let bytes = [&[0x30, 0x81, 0x90][..], &[0; 0x90]].concat();
        let body = to_base64(&bytes);
        let found = Certificate::all(&pem(&body)).unwrap();
        let lines: Vec<usize> = found[0].as_str().lines().map(str::len).collect();
        assert_eq!(lines, [27, 64, 64, 64, 4, 25]);
    }

    #[test]
    fn what_is_damaged_is_refused_by_a_reason_without_its_text() {
        for bad in [
            "",
            "x",
            BEGIN,
            &pem(""),
            &pem("MAMCAQ"),
            &pem("MAMCAQUA"),
            &pem("MIADAQU="),
            &pem("QUJD"),
            &pem("MAM!AQU="),
            "-----BEGIN PRIVATE KEY-----\nMAMCAQU=\n-----END PRIVATE KEY-----",
        ] {
            assert!(Certificate::all(bad).is_err(), "{bad}");
        }
    }

    fn to_base64(bytes: &[u8]) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for group in bytes.chunks_exact(3) {
            let bits = group.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
            for shift in [18, 12, 6, 0] {
                text.push(char::from(LETTERS[bits >> shift & 63]));
            }
        }
        text
    }
}
