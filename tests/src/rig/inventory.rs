//! What a guest is, as a list of facts, and how two guests differ.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};

use super::ssh::Ssh;

const COLLECT: &str = include_str!("inventory/collect.sh");

/// Facts by area.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory(BTreeMap<String, BTreeSet<String>>);

/// A fact that only one of two guests has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// What kind of fact it is: `users`, `files`, `mounts` …
    pub area: String,
    /// `-`: only the first guest has it; `+`: only the second.
    pub side: char,
    /// The fact.
    pub fact: String,
}

impl Inventory {
    /// Takes the inventory of a guest. `user` is the guest's user; the connection may use sudo.
    pub fn of(ssh: &Ssh, user: &str) -> Result<Self> {
        let script = format!("sudo sh -s {user} <<'COLLECT'\n{COLLECT}\nCOLLECT\n");
        let inventory = Self::parse(&ssh.run(&script)?);
        let login = ssh.run("env | grep -Ev '^(_|SHLVL|SSH_|XDG_SESSION_ID|DBUS)'")?;
        let lines: String = login.lines().map(|line| format!("session\t{line}\n")).collect();
        let Self(mut areas) = inventory;
        areas.extend(Self::parse(&lines).0);
        ensure!(areas.len() > 10, "areas are missing: {:?}", areas.keys());
        Ok(Self(areas))
    }

    fn parse(text: &str) -> Self {
        let mut areas: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (area, fact) in text.lines().filter_map(|line| line.split_once('\t')) {
            areas.entry(area.to_owned()).or_default().insert(fact.trim_end().to_owned());
        }
        Self(areas)
    }

    /// What only one of the two has.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let empty = BTreeSet::new();
        let areas: BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let mut found = Vec::new();
        for area in areas {
            let (first, second) =
                (self.0.get(area).unwrap_or(&empty), other.0.get(area).unwrap_or(&empty));
            let only = |side: char,
                        a: &BTreeSet<String>,
                        b: &BTreeSet<String>|
             -> Vec<Difference> {
                let facts = a.difference(b);
                facts.map(|f| Difference { area: area.clone(), side, fact: f.clone() }).collect()
            };
            found.extend(only('-', first, second));
            found.extend(only('+', second, first));
        }
        found
    }
}

/// Differences that are on purpose: one a line, `area side pattern | name of the row of
/// docs/reference/differences.md that explains it`. In a pattern `*` stands for any text.
#[derive(Debug, Default)]
pub struct Allowed(Vec<(String, char, String, String)>);

impl Allowed {
    /// Reads the list.
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        let read = |line: &str| {
            let (what, why) = line.split_once(" | ")?;
            let (area, rest) = what.split_once(' ')?;
            let (side, pattern) = rest.split_once(' ')?;
            let side = side.chars().next()?;
            Some((area.to_owned(), side, pattern.trim().to_owned(), why.trim().to_owned()))
        };
        lines
            .map(|line| {
                read(line).with_context(|| format!("not `area side pattern | why`: {line}"))
            })
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Whether a difference is on the list.
    pub fn has(&self, one: &Difference) -> bool {
        self.0.iter().any(|(area, side, pattern, _)| {
            *area == one.area && *side == one.side && matches(pattern, &one.fact)
        })
    }

    /// The rows that the list refers to.
    pub fn reasons(&self) -> BTreeSet<&str> {
        self.0.iter().map(|(_, _, _, why)| why.as_str()).collect()
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.area, self.side, self.fact)
    }
}

/// Whether a pattern with `*` stands for the whole text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        let Some(at) = rest.find(piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(matches("a*c", "abbc") && matches("*", "") && matches("a*b*", "axbx"));
        assert!(!matches("a*c", "ab") && !matches("ab", "abc") && !matches("a*ba*", "aab"));
    }

    #[test]
    fn only_what_is_not_allowed_is_left() {
        let first = Inventory::parse("users\troot\nusers\tann\nmounts\t/\n");
        let second = Inventory::parse("users\troot\nusers\tbob\nmounts\t/\nsysctls\ta = 1\n");
        let found = first.differences(&second);
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["sysctls + a = 1", "users - ann", "users + bob"]);
        let allowed = Allowed::parse("# why\nusers - a* | names\nsysctls + a = * | a\n").unwrap();
        let left: Vec<_> = found.iter().filter(|one| !allowed.has(one)).collect();
        assert_eq!(left.len(), 1);
        assert!(Allowed::parse("users\n").is_err());
    }
}
