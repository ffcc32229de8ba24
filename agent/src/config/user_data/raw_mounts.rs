//! Lima's own lines of `mounts`, read as they are written.
//!
//! Lima puts a mount point into a YAML list as it is, without quotes: `/a, b`, `/a #b`, `/a]` or
//! `/a: b` make another list of it, or no YAML at all. The rest of such a line has a fixed form, so it
//! can be read from both ends, and what is left in the middle is the mount point, whatever it holds:
//!
//! ```text
//! - [lima-0123456789abcdef, /Users/ht/a, b #c], virtiofs, "rw,nofail", "0", "0"]
//! ```
//!
//! These lines are taken out of the text before YAML sees it; blank lines in their place keep every
//! mark right.

use nixvm_system::GuestPath;

use super::FILE;
use crate::config::finding::Finding;
use crate::config::types::MountEntry;
use crate::config::yaml::Mark;

/// Takes them out of `text`.
pub fn lift(text: &[u8], findings: &mut Vec<Finding>) -> (Vec<u8>, Vec<MountEntry>) {
    let (mut rest, mut mounts) = (Vec::new(), Vec::new());
    let mut is_inside = false;
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if index > 0 {
            rest.push(b'\n');
        }
        if !line.starts_with(b"-") && !line.trim_ascii().is_empty() {
            is_inside = line.trim_ascii_end() == b"mounts:";
        }
        let found = if is_inside { entry(line, index + 1) } else { None };
        match found {
            None => rest.extend(line),
            Some(Ok(mount)) => mounts.push(mount),
            Some(Err(message)) => {
                let mut finding = Finding::error("bad-value", FILE, message).line(index + 1);
                "mounts".clone_into(&mut finding.key);
                findings.push(finding.hint("this mount is lost; the others are kept"));
            }
        }
    }
    (rest, mounts)
}

/// `None`: the line has another form, and is left to YAML.
fn entry(line: &[u8], number: usize) -> Option<Result<MountEntry, String>> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let inner = line.strip_prefix(b"- [")?.strip_suffix(b", \"0\", \"0\"]")?;
    let Ok(inner) = std::str::from_utf8(inner) else {
        return Some(Err("has a mount point that is not UTF-8 text".to_owned()));
    };
    let (inner, options) = options(inner)?;
    let (inner, fstype) = inner.rsplit_once(", ")?;
    let (source, target) = inner.split_once(", ")?;
    let is_word = |word: &str| !word.is_empty() && !word.contains(['"', '\'', '[', ' ']);
    if !target.starts_with('/') || !is_word(source) || !is_word(fstype) {
        return None;
    }
    let line = u32::try_from(number).unwrap_or(u32::MAX);
    Some(
        GuestPath::new(target)
            .map(|path| MountEntry {
                source: source.to_owned(),
                target: path,
                fstype: fstype.to_owned(),
                options: options.to_owned(),
                mark: Mark { line, column: 1 },
            })
            .map_err(|error| format!("mount point {target:?}: {error}")),
    )
}

/// The last field: in quotes, or for Rosetta one word.
fn options(inner: &str) -> Option<(&str, &str)> {
    match inner.strip_suffix('"') {
        Some(inner) => inner.rsplit_once(", \""),
        None => inner.rsplit_once(", "),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(targets: &[&str]) -> String {
        let lines: String = targets
            .iter()
            .map(|target| {
                format!("- [lima-00, {target}, 9p, \"rw,cache=mmap,nofail\", \"0\", \"0\"]\n")
            })
            .collect();
        format!("#cloud-config\nmounts:\n{lines}users:\n- [not, /ours, x, \"y\", \"0\", \"0\"]\n")
    }

    fn targets(text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        let (_, mounts) = lift(text.as_bytes(), &mut findings);
        assert_eq!(findings, []);
        mounts.iter().map(|mount| mount.target.to_string()).collect()
    }

    #[test]
    fn a_mount_point_may_hold_what_yaml_takes_for_its_own() {
        let odd =
            ["/a, b", "/a #b", "/a]", "/a: b", "/a 'b\"", "/{a}", "/a, 9p, \"x\"", "/\u{7}", "/a "];
        assert_eq!(targets(&text(&odd)), odd);
    }

    #[test]
    fn what_is_left_has_the_same_lines() {
        let text = text(&["/a]"]);
        let (rest, mounts) = lift(text.as_bytes(), &mut Vec::new());
        let rest = String::from_utf8(rest).unwrap();
        assert_eq!(rest.lines().nth(2), Some(""));
        assert_eq!(rest.lines().nth(3), Some("users:"));
        assert_eq!((mounts[0].mark.line, mounts[0].options.as_str()), (3, "rw,cache=mmap,nofail"));
    }

    #[test]
    fn quoted_fields_and_other_forms_are_left_to_yaml() {
        let text = "mounts:\n- [t, \"/a b\", 9p, \"rw\", \"0\", \"0\"]\n- [t, /a]\n";
        let (rest, mounts) = lift(text.as_bytes(), &mut Vec::new());
        assert_eq!((rest, mounts.len()), (text.as_bytes().to_vec(), 0));
    }

    #[test]
    fn a_mount_point_that_is_no_path_loses_itself() {
        let mut findings = Vec::new();
        let mut text = text(&["/a/../b", "/c"]).into_bytes();
        text.extend(b"mounts:\n- [t, /\xff, 9p, \"rw\", \"0\", \"0\"]\n");
        let (_, mounts) = lift(&text, &mut findings);
        assert_eq!(mounts.len(), 1);
        assert_eq!(findings.iter().map(|it| it.line).collect::<Vec<_>>(), [3, 8]);
    }

    proptest! {
        #[test]
        fn any_mount_point_comes_back(name in "[^/\n\r\0]{1,40}") {
            prop_assume!(!matches!(name.as_str(), "." | ".."));
            let target = format!("/Users/{name}");
            prop_assert_eq!(targets(&text(&[&target])), [target]);
        }
    }
}
