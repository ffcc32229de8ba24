//! Texts of programs that go into a report, which anybody may read.

use crate::config::env_file::Variables;

/// Most characters of a line that is quoted.
const LENGTH: usize = 200;
/// Shorter values are no secrets, and hiding them would hide every letter.
const SHORTEST: usize = 4;
/// Variables that everybody knows, besides Lima's own.
const KNOWN: &[&str] =
    &["HOME", "INSTANCE_ID", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "XDG_RUNTIME_DIR"];

/// Values that may not be shown.
pub(super) struct Secrets<'a>(Vec<&'a str>);

impl<'a> Secrets<'a> {
    /// Parameters and what `etc_environment` sets, which may hold a password for a proxy.
    pub fn of(env: &'a Variables) -> Self {
        let is_open = |name: &str| name.starts_with("LIMA_") || KNOWN.contains(&name);
        let hidden = env.iter().filter(|(name, _)| !is_open(name)).map(|(_, value)| value.as_str());
        let mut values: Vec<&str> = hidden.filter(|value| value.len() >= SHORTEST).collect();
        // One may be a part of another.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self(values)
    }

    /// The text without them.
    pub fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "[hidden]"))
    }

    /// The last line of an output that says something, fit for a terminal.
    pub fn last_line(&self, output: &str) -> Option<String> {
        let line = output.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
        let line: String = self.hide(line).chars().filter(|c| !c.is_control()).collect();
        let short: String = line.chars().take(LENGTH).collect();
        Some(if short.len() < line.len() { format!("{short}...") } else { short })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_line_shows_no_secret_and_moves_no_cursor() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let env = vec![
            pair("PARAM_token", "s3cr3t"),
            pair("PARAM_long", "s3cr3t-and-more"),
            pair("PARAM_n", "1"),
            pair("LIMA_CIDATA_USER", "lima"),
        ];
        let secrets = Secrets::of(&env);
        let table: &[(&str, Option<&str>)] = &[
            ("", None),
            ("\n \n", None),
            ("first\nlast 1 for lima\n\n", Some("last 1 for lima")),
            ("+ curl -u s3cr3t-and-more s3cr3t\n", Some("+ curl -u [hidden] [hidden]")),
            ("\x1b[31mred\x07\r\n", Some("[31mred")),
        ];
        for (output, want) in table {
            assert_eq!(secrets.last_line(output).as_deref(), *want, "{output:?}");
        }
        assert!(secrets.last_line(&"x".repeat(999)).unwrap().ends_with("x..."));
    }
}
