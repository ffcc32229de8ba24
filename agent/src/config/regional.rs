//! Keyboard and language: names that go into files of `NAME="value"` lines, so what could end such
//! a value is refused.

use nixvm_system::GuestPath;
use serde::Serialize;

/// `keyboard`, in the words of X: xkeyboard-config(7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Keyboard {
    /// For example `de`, or `us,ru`.
    pub layout: KeyboardName,
    /// For example `pc105`.
    pub model: KeyboardName,
    /// For example `nodeadkeys`; may be empty.
    pub variant: KeyboardName,
    /// For example `compose:ralt`; may be empty.
    pub options: KeyboardName,
}

/// A name of a layout, model, variant or option, or several with commas between.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeyboardName(String);

impl KeyboardName {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-,.:()+".contains(&byte);
        if text.len() <= 256 && text.bytes().all(is_good) {
            Ok(Self(text.to_owned()))
        } else {
            Err("is no name of a keyboard layout, model, variant or option")
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `locale`, and the file that is to hold it, if it is not the usual one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Locale {
    /// The name.
    pub name: LocaleName,
    /// `locale_configfile`.
    pub file: Option<GuestPath>,
}

/// A locale such as `de_DE.UTF-8` or `C.UTF-8`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LocaleName(String);

impl LocaleName {
    /// Checks the form; whether the locale is there only the machine knows.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte);
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
        if begins && text.len() <= 64 && text.bytes().all(is_good) {
            Ok(Self(text.to_owned()))
        } else {
            Err("is no name of a locale, such as de_DE.UTF-8")
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the C library has it by itself (Debian's has `C.UTF-8`).
    pub fn is_built_in(&self) -> bool {
        let name = self.0.to_ascii_lowercase().replace('-', "");
        matches!(name.as_str(), "c" | "posix" | "c.utf8")
    }

    /// Its character set as `locale.gen` names it, where the name says it.
    pub fn charset(&self) -> &str {
        let name = self.0.split('@').next().unwrap_or_default();
        match name.split_once('.') {
            Some((_, set)) if set.eq_ignore_ascii_case("utf8") => "UTF-8",
            Some((_, set)) => set,
            None => "ISO-8859-1",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_the_value_that_holds_it() {
        for bad in ["a\"b", "a b", "$(x)", "a\nb", "`x`", "a\\"] {
            assert!(KeyboardName::new(bad).is_err(), "{bad}");
            assert!(LocaleName::new(bad).is_err(), "{bad}");
        }
        assert!(KeyboardName::new("us,ru").is_ok());
        assert!(LocaleName::new("../x").is_err());
    }

    #[test]
    fn character_sets_of_locales() {
        for (name, set) in [
            ("de_DE.UTF-8", "UTF-8"),
            ("de_DE.utf8", "UTF-8"),
            ("sr_RS.UTF-8@latin", "UTF-8"),
            ("de_DE.ISO-8859-15@euro", "ISO-8859-15"),
            ("de_DE", "ISO-8859-1"),
        ] {
            assert_eq!(LocaleName::new(name).unwrap().charset(), set, "{name}");
        }
        assert!(LocaleName::new("C.utf8").unwrap().is_built_in());
    }
}
