//! [`Secret`]: a value that no log, error or report can print.

use std::fmt;

/// Holds a secret. There is no `Display` and no `Serialize`, and `Debug` shows only `[redacted]`;
/// [`Secret::reveal`] is the one way to the value, so a search for it finds every use.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps `value`.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, to be handed to a tool's standard input or a file of mode 0600.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_value() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "[redacted]");
        assert_eq!(secret.reveal(), &"hunter2");
    }
}
