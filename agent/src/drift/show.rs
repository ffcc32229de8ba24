//! Differences as text for people, without what not everybody may read.

use std::fmt::Write;

use nixvm_system::{Difference, Form, Item};

use super::{Drift, State};
use crate::report::show::{Colour, DIM, GREEN, RED, YELLOW};

/// Most lines that are shown of each side of a file.
const MOST: usize = 6;
/// Most characters of such a line.
const LENGTH: usize = 160;
/// Files that hold secrets on every machine.
const SECRET_FILES: &[&str] = &["/etc/shadow", "/etc/gshadow"];

/// The comparison, a block for each step that is not as it should be.
pub fn all(all: &[Drift], colour: Colour) -> String {
    let mut text = String::new();
    for one in all {
        let (word, code, reason) = match &one.state {
            State::Same => continue,
            State::Drifted => ("drifted", RED, None),
            State::ToDo => ("to do", YELLOW, None),
            State::Failed(reason) => ("failed", RED, Some(reason.as_str())),
            State::Skipped(reason) => ("skipped", DIM, Some(reason.as_str())),
            State::NotComparable(why) => ("unknown", DIM, Some(*why)),
            State::Unknown(reason) => ("unknown", YELLOW, Some(reason.as_str())),
        };
        let word = colour.paint(code, &format!("{word:<9}"));
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        let _ = writeln!(text, "{word} {}{reason}", one.title);
        for line in &one.differences {
            let _ = writeln!(text, "{:<9} {line}", "");
        }
    }
    let same = all.iter().filter(|one| one.state == State::Same).count();
    let word = colour.paint(GREEN, &format!("{:<9}", "same"));
    let _ = writeln!(text, "{word} {same} of {} steps", all.len());
    text
}

/// A difference in lines: `-` is there, `+` is wanted.
pub(super) fn lines(difference: &Difference, is_secret: bool) -> Vec<String> {
    let (path, now, wanted) = match difference {
        Difference::Effect(text) => return vec![text.clone()],
        Difference::Place { path, now, wanted } => (path, now.as_ref(), wanted.as_ref()),
    };
    let (now, wanted) = match (now, wanted) {
        (None, Some(_)) => return vec![format!("{path} is not there")],
        (Some(_), None) => return vec![format!("{path} is there and should not be")],
        (Some(now), Some(wanted)) => (now, wanted),
        (None, None) => return Vec::new(),
    };
    let mut lines = attributes(path.as_str(), now, wanted);
    match (&now.form, &wanted.form) {
        (now, wanted) if now == wanted => {}
        (Form::File(old), Form::File(new)) => {
            lines.push(format!("{path}: its text differs"));
            let is_open = |item: &Item| item.attrs.mode & 0o004 != 0;
            if is_secret
                || SECRET_FILES.contains(&path.as_str())
                || !is_open(now)
                || !is_open(wanted)
            {
                lines.push("  (not shown: it may hold secrets)".to_owned());
            } else {
                lines.extend(text(old, new));
            }
        }
        (now, wanted) => lines.push(format!("{path} is {}, not {}", name(now), name(wanted))),
    }
    lines
}

fn attributes(path: &str, now: &Item, wanted: &Item) -> Vec<String> {
    let mut lines = Vec::new();
    if matches!(now.form, Form::Link(_)) || matches!(wanted.form, Form::Link(_)) {
        return lines;
    }
    let (old, new) = (now.attrs, wanted.attrs);
    if old.mode != new.mode {
        lines.push(format!("{path}: its mode is {:04o}, not {:04o}", old.mode, new.mode));
    }
    if old.owner != new.owner {
        let (old, new) = (old.owner, new.owner);
        lines.push(format!(
            "{path}: its owner is {}:{}, not {}:{}",
            old.uid, old.gid, new.uid, new.gid
        ));
    }
    lines
}

fn name(form: &Form) -> String {
    match form {
        Form::File(_) => "a file".to_owned(),
        Form::Dir => "a folder".to_owned(),
        Form::Link(target) => format!("a link to {target}"),
        Form::Other => "neither file nor folder".to_owned(),
    }
}

/// The lines between the first and the last that differ.
fn text(old: &[u8], new: &[u8]) -> Vec<String> {
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    let (mut old, mut new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let equal = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    old.drain(..equal);
    new.drain(..equal);
    let equal = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    old.truncate(old.len() - equal);
    new.truncate(new.len() - equal);
    let mut lines = side('-', &old);
    lines.extend(side('+', &new));
    if lines.is_empty() {
        lines.push("  (in its line ends)".to_owned());
    }
    lines
}

fn side(sign: char, lines: &[&str]) -> Vec<String> {
    let short = |line: &&str| -> String {
        let line = line
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(LENGTH)
            .collect::<String>();
        format!("  {sign} {line}")
    };
    let mut shown: Vec<String> = lines.iter().take(MOST).map(short).collect();
    if lines.len() > MOST {
        shown.push(format!("  {sign} ... {} lines more", lines.len() - MOST));
    }
    shown
}

#[cfg(test)]
mod tests {
    use nixvm_system::{Attrs, GuestPath};

    use super::*;

    fn check(path: &str, now: (&str, u32), wanted: (&str, u32), is_secret: bool, want: &str) {
        let item = |(text, mode): (&str, u32)| {
            Some(Item { form: Form::File(text.into()), attrs: Attrs::root(mode) })
        };
        let path = GuestPath::new(path).unwrap();
        let difference = Difference::Place { path, now: item(now), wanted: item(wanted) };
        assert_eq!(lines(&difference, is_secret).join("\n"), want);
    }

    #[test]
    fn only_lines_that_differ_are_shown() {
        let want = "/a: its text differs\n  - two\n  + 2\n  + and";
        check("/a", ("one\ntwo\nlast\n", 0o644), ("one\n2\nand\nlast\n", 0o644), false, want);
        let want = "/a: its mode is 0600, not 0644";
        check("/a", ("x", 0o600), ("x", 0o644), false, want);
        check(
            "/a",
            ("x\r\n", 0o644),
            ("x\n", 0o644),
            false,
            "/a: its text differs\n  (in its line ends)",
        );
    }

    #[test]
    fn what_not_everybody_may_read_is_not_shown() {
        let hidden = "its text differs\n  (not shown: it may hold secrets)";
        check("/a", ("s3cr3t", 0o640), ("x", 0o640), false, &format!("/a: {hidden}"));
        check(
            "/etc/shadow",
            ("s3cr3t", 0o644),
            ("x", 0o644),
            false,
            &format!("/etc/shadow: {hidden}"),
        );
        check("/a", ("s3cr3t", 0o644), ("x", 0o644), true, &format!("/a: {hidden}"));
        let both = format!("/a: its mode is 0600, not 0644\n/a: {hidden}");
        check("/a", ("s3cr3t", 0o600), ("x", 0o644), false, &both);
    }
}
