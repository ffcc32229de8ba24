//! Text to lines: comments, headers and pairs.

use std::rc::Rc;

use super::values::Value;
use super::wrong;
use crate::Error;

pub(super) type Path = Vec<Rc<str>>;

/// A key, its value, and the comment behind.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) path: Path,
    pub(super) value: Value,
    pub(super) comment: Option<String>,
}

#[derive(Debug)]
pub(super) enum Line {
    Comment(String),
    Table(Path),
    ArrayTable(Path),
    Pair(Pair),
}

pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    has_started: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, has_started: false }
    }

    pub(super) fn wrong(&self, reason: &str) -> Error {
        let before = self.text.get(..self.at).unwrap_or_default();
        wrong(before.matches('\n').count() + 1, reason)
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest().bytes().next()
    }

    pub(super) fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    /// Takes a text if it comes next.
    pub(super) fn takes(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    pub(super) fn expect(&mut self, sign: &str) -> Result<(), Error> {
        if self.takes(sign) {
            return Ok(());
        }
        Err(self.wrong(&format!("`{sign}` is missing")))
    }

    pub(super) fn line_break(&mut self) -> Result<(), Error> {
        if self.takes("\n") || self.takes("\r\n") {
            return Ok(());
        }
        Err(self.wrong("text behind the end of a value"))
    }

    pub(super) fn comment(&mut self) -> Result<String, Error> {
        let rest = self.rest();
        let comment = rest.split('\n').next().unwrap_or_default();
        let bare = comment.strip_suffix('\r').filter(|_| comment.len() < rest.len());
        if bare.unwrap_or(comment).contains(|c: char| c.is_ascii_control() && c != '\t') {
            return Err(self.wrong("a control character in a comment"));
        }
        self.at += comment.len();
        Ok(comment.to_owned())
    }

    /// The next line that is not empty.
    pub(super) fn next(&mut self) -> Result<Option<Line>, Error> {
        loop {
            if self.rest().is_empty() {
                return Ok(None);
            }
            if self.has_started {
                self.line_break()?;
            }
            self.skip_blanks();
            self.has_started = true;
            match self.peek() {
                None => return Ok(None),
                Some(b'\n' | b'\r') => {}
                Some(b'#') => return Ok(Some(Line::Comment(self.comment()?))),
                Some(b'[') => return self.header().map(Some),
                Some(_) => {
                    let (path, value) = self.pair(0)?;
                    let comment = self.trailing()?;
                    return Ok(Some(Line::Pair(Pair { path, value, comment })));
                }
            }
        }
    }

    fn trailing(&mut self) -> Result<Option<String>, Error> {
        self.skip_blanks();
        if self.peek() == Some(b'#') { self.comment().map(Some) } else { Ok(None) }
    }

    fn header(&mut self) -> Result<Line, Error> {
        self.expect("[")?;
        let is_array = self.takes("[");
        self.skip_blanks();
        let path = self.path()?;
        self.skip_blanks();
        self.expect("]")?;
        if is_array {
            self.expect("]")?;
        }
        self.trailing()?;
        Ok(if is_array { Line::ArrayTable(path) } else { Line::Table(path) })
    }

    pub(super) fn pair(&mut self, depth: usize) -> Result<(Path, Value), Error> {
        let path = self.path()?;
        self.skip_blanks();
        self.expect("=")?;
        self.skip_blanks();
        Ok((path, self.value(depth)?))
    }

    fn path(&mut self) -> Result<Path, Error> {
        let mut path = vec![self.key()?];
        loop {
            self.skip_blanks();
            if !self.takes(".") {
                return Ok(path);
            }
            self.skip_blanks();
            path.push(self.key()?);
        }
    }

    fn key(&mut self) -> Result<Rc<str>, Error> {
        match self.peek() {
            Some(b'"') => self.basic().map(Rc::from),
            Some(b'\'') => self.literal().map(Rc::from),
            _ => {
                let rest = self.rest();
                let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
                let length = rest.find(|c| !is_bare(c)).unwrap_or(rest.len());
                if length == 0 {
                    return Err(self.wrong("a key is missing"));
                }
                self.at += length;
                Ok(rest.get(..length).unwrap_or_default().into())
            }
        }
    }
}
