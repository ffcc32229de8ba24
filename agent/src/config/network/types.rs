//! Checked values of a network configuration: names, addresses, words. None can hold a line end or
//! a section mark, so that whatever is rendered from them has the lines that were meant.

mod cidr;

use std::fmt;

use serde::Serialize;

pub use cidr::Cidr;

/// A network interface name: 1 to 15 bytes without `/`, `:`, blank or `%`, not `.` or `..`
/// (`dev_valid_name` of Linux, and what networkd can match literally).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct InterfaceName(String);

/// The key of an interface in the file: often its name, else a word such as `uplink`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Id(String);

/// A MAC address, lower case, divided by colons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mac(String);

/// A word of an option: letters, digits, `_ - + .`; and `*?[]!` if it is a glob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Word(String);

/// A domain of a search list: a DNS name, or one with `~` before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Domain(String);

impl InterfaceName {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte);
        if text.is_empty() || text.len() > 15 || text == "." || text == ".." {
            Err("is no interface name: 1 to 15 characters")
        } else if text.bytes().all(is_good) {
            Ok(Self(text.to_owned()))
        } else {
            Err("is no interface name: letters, digits, _ - . @")
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Id {
    /// Checks `text`: it becomes part of a file name.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(is_good) && !text.starts_with('.') {
            Ok(Self(text.to_owned()))
        } else {
            Err("is no name of an interface: 1 to 64 letters, digits, _ - . @")
        }
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Mac {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let parts: Vec<&str> = text.split([':', '-']).collect();
        let part = |part: &&str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
        if parts.len() == 6 && parts.iter().all(part) {
            Ok(Self(parts.join(":").to_ascii_lowercase()))
        } else {
            Err("is no MAC address, such as 52:55:55:aa:bb:cc")
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Word {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        Self::of(text, b"_-+.", "is no word of letters, digits, _ - + .")
    }

    /// The same, and the marks of a glob.
    pub fn glob(text: &str) -> Result<Self, &'static str> {
        Self::of(text, b"_-+.@*?[]!", "is no pattern of letters, digits, _ - . * ? []")
    }

    fn of(text: &str, others: &[u8], reason: &'static str) -> Result<Self, &'static str> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
        let is_word = (1..=64).contains(&text.len()) && text.bytes().all(is_good);
        if is_word { Ok(Self(text.to_owned())) } else { Err(reason) }
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Domain {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let name = text.strip_prefix('~').unwrap_or(text);
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if (1..=253).contains(&name.len()) && name.bytes().all(is_good) {
            Ok(Self(text.to_owned()))
        } else {
            Err("is no domain")
        }
    }

    /// The domain.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Each is shown as the text that it was checked from.
macro_rules! shown {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

shown!(InterfaceName, Id, Mac, Word, Domain);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_can_hold_a_line_of_its_own() {
        for text in ["a\nb", "a b", "", "a=b", "[x]\n", "a/b", &"a".repeat(65)] {
            assert!(Word::new(text).is_err() && Id::new(text).is_err(), "{text:?}");
            assert!(InterfaceName::new(text).is_err(), "{text:?}");
        }
        assert!(Domain::new("a b").is_err() && Domain::new("~.").is_ok());
        assert!(Word::glob("en*[0-9]").is_ok() && Word::glob("a b").is_err());
        assert!(Id::new(".hidden").is_err());
    }
}
