//! Anchors, aliases and tags.

use super::super::chars::{byte, is_anchor, is_blank_or_end, is_tag, is_word, width};
use super::{Mark, Scanner, Token, TokenKind};
use crate::Error;
use crate::yaml::fault;

/// The prefix of the tags of YAML itself.
const OWN: &str = "!!";

impl Scanner<'_> {
    pub(super) fn fetch_anchor(&mut self, kind: TokenKind) -> Result<(), Error> {
        self.save_key()?;
        self.may_be_key = false;
        let start = self.cursor.mark;
        self.cursor.skip();
        let mut name = String::new();
        while is_anchor(self.cursor.looking_at(0)) {
            self.cursor.read(&mut name);
        }
        let (text, at) = (self.cursor.text, self.cursor.at);
        let ends = is_blank_or_end(text, at) || b"?:,]}%@`".contains(&byte(text, at));
        if name.is_empty() || !ends {
            return Err(fault(start.line, "the name of an anchor or alias is not plain text"));
        }
        self.push(Token { value: name, ..Token::new(kind, start, self.cursor.mark) });
        Ok(())
    }

    /// `!suffix`, `!!suffix`, `!<uri>` or `!`. Tags of YAML itself come out as `!!suffix`.
    pub(super) fn fetch_tag(&mut self) -> Result<(), Error> {
        self.save_key()?;
        self.may_be_key = false;
        let start = self.cursor.mark;
        let value = if self.cursor.looking_at(1) == b'<' {
            self.scan_verbatim_tag(start)?
        } else {
            self.scan_short_tag(start)?
        };
        if !is_blank_or_end(self.cursor.text, self.cursor.at) {
            return Err(fault(start.line, "a tag must end with a blank"));
        }
        self.push(Token { value, ..Token::new(TokenKind::Tag, start, self.cursor.mark) });
        Ok(())
    }

    fn scan_verbatim_tag(&mut self, start: Mark) -> Result<String, Error> {
        self.cursor.skip_many(2);
        let uri = self.scan_uri(true, start)?;
        if uri.is_empty() || self.cursor.looking_at(0) != b'>' {
            return Err(fault(start.line, "a tag in `!<` must end with `>`"));
        }
        self.cursor.skip();
        Ok(uri.strip_prefix("tag:yaml.org,2002:").map_or(uri.clone(), |own| format!("{OWN}{own}")))
    }

    fn scan_short_tag(&mut self, start: Mark) -> Result<String, Error> {
        let mut handle = String::new();
        self.cursor.read(&mut handle);
        while is_word(self.cursor.looking_at(0)) {
            self.cursor.read(&mut handle);
        }
        if self.cursor.looking_at(0) != b'!' {
            let rest = self.scan_uri(false, start)?;
            return Ok(handle + &rest);
        }
        self.cursor.read(&mut handle);
        if handle != OWN {
            return Err(fault(start.line, "the handle of a tag is not defined"));
        }
        let suffix = self.scan_uri(false, start)?;
        if suffix.is_empty() {
            return Err(fault(start.line, "a tag without name"));
        }
        Ok(handle + &suffix)
    }

    fn scan_uri(&mut self, is_verbatim: bool, start: Mark) -> Result<String, Error> {
        let mut uri = String::new();
        while is_tag(self.cursor.looking_at(0), is_verbatim) {
            if self.cursor.looking_at(0) == b'%' {
                self.scan_escape(&mut uri, start)?;
            } else {
                self.cursor.read(&mut uri);
            }
        }
        Ok(uri)
    }

    /// The octets of one character, each as `%` and two digits.
    fn scan_escape(&mut self, uri: &mut String, start: Mark) -> Result<(), Error> {
        let wrong = || fault(start.line, "a bad `%` in a tag");
        let mut octets = Vec::new();
        loop {
            let digits = [self.cursor.looking_at(1), self.cursor.looking_at(2)];
            let digits = std::str::from_utf8(&digits).map_err(|_| wrong())?;
            if self.cursor.looking_at(0) != b'%' || digits.starts_with('+') {
                return Err(wrong());
            }
            octets.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
            self.cursor.skip_many(3);
            if octets.len() >= octets.first().map_or(1, |first| width(*first)) {
                break;
            }
        }
        uri.push_str(std::str::from_utf8(&octets).map_err(|_| wrong())?);
        Ok(())
    }
}
