//! One name in `/etc/hosts`; everything else in the file stays byte for byte.

use nixvm_system::{Change, GuestPath, System};

use super::Fault;
use crate::step::network::HostsLine;

const PATH: &str = "/etc/hosts";
const LIMIT: u64 = 16 << 20;

pub(super) fn write(system: &mut dyn System, line: &HostsLine) -> Result<Change, Fault> {
    let now = system.read(&GuestPath::new(PATH)?, LIMIT)?.unwrap_or_default();
    let text = with(&now, &line.address.to_string(), line.name.as_str());
    super::write(system, PATH, &text, 0o644)
}

/// The file with the line: where the name stood first, or else at the end.
fn with(now: &[u8], address: &str, name: &str) -> Vec<u8> {
    let wanted = format!("{address}\t{name}\n").into_bytes();
    let mut text = Vec::with_capacity(now.len() + wanted.len());
    let mut is_written = false;
    for line in now.split_inclusive(|byte| *byte == b'\n') {
        let Some(rest) = without(line, name.as_bytes()) else {
            text.extend(line);
            continue;
        };
        text.extend(rest);
        if !is_written {
            text.extend(&wanted);
            is_written = true;
        }
    }
    if !is_written {
        if !text.is_empty() && !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        text.extend(wanted);
    }
    text
}

/// What is left of a line without the name: nothing, if it was its only one; `None`, if it has not
/// got the name.
fn without(line: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let (entry, comment) =
        line.split_at(line.iter().position(|b| *b == b'#').unwrap_or(line.len()));
    let mut words = entry.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let address = words.next()?;
    let names: Vec<&[u8]> = words.collect();
    let others: Vec<&[u8]> =
        names.iter().filter(|it| !it.eq_ignore_ascii_case(name)).copied().collect();
    if others.len() == names.len() {
        return None;
    }
    if others.is_empty() {
        return Some(Vec::new());
    }
    let mut left = [address, b"\t", &others.join(&b' ')].concat();
    if comment.is_empty() {
        left.push(b'\n');
    } else {
        left.push(b' ');
        left.extend(comment);
    }
    Some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_changes() {
        let table: &[(&str, &str)] = &[
            ("", "1.2.3.4\th\n"),
            ("127.0.0.1 localhost", "127.0.0.1 localhost\n1.2.3.4\th\n"),
            ("# h\n::1  a\tb\r\n", "# h\n::1  a\tb\r\n1.2.3.4\th\n"),
            ("9.9.9.9 h\n::1 a\n5.5.5.5\tH\n", "1.2.3.4\th\n::1 a\n"),
            ("9.9.9.9 a h b # old\n::1 a\n", "9.9.9.9\ta b # old\n1.2.3.4\th\n::1 a\n"),
            ("9.9.9.9 hh h.x\n", "9.9.9.9 hh h.x\n1.2.3.4\th\n"),
            ("1.2.3.4\th\n\n\n", "1.2.3.4\th\n\n\n"),
        ];
        for (before, after) in table {
            let text = with(before.as_bytes(), "1.2.3.4", "h");
            assert_eq!(String::from_utf8(text.clone()).unwrap(), *after, "{before:?}");
            assert_eq!(with(&text, "1.2.3.4", "h"), text, "a second time: {before:?}");
        }
    }
}
