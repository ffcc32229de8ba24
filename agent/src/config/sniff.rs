//! What a part of user-data is, by its first characters, and two clean-ups of parts.

use std::borrow::Cow;

/// The kinds of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartType {
    /// `#cloud-config`: YAML.
    CloudConfig,
    /// `#cloud-config-archive`: a YAML list of parts.
    CloudConfigArchive,
    /// `#cloud-config-jsonp`: a JSON patch (RFC 6902).
    CloudConfigJsonp,
    /// `#!`: a script, run late.
    ShellScript,
    /// A script for every boot; only declared in MIME.
    ShellScriptPerBoot,
    /// A script for each instance; only declared in MIME.
    ShellScriptPerInstance,
    /// A script that runs once ever; only declared in MIME.
    ShellScriptPerOnce,
    /// `#cloud-boothook`: a script that runs at once, every boot.
    Boothook,
    /// `#include`: URLs of further parts.
    Include,
    /// `#include-once`: the same, fetched once for an instance.
    IncludeOnce,
    /// `## template: jinja`: a template of one of the others.
    Jinja2,
    /// `#part-handler`: Python code, which this agent does not run.
    PartHandler,
}

/// First characters in lower case. A longer one stands before its own beginning.
const PREFIXES: [(&str, PartType); 9] = [
    ("#cloud-config-archive", PartType::CloudConfigArchive),
    ("#cloud-config-jsonp", PartType::CloudConfigJsonp),
    ("#cloud-config", PartType::CloudConfig),
    ("#cloud-boothook", PartType::Boothook),
    ("#include-once", PartType::IncludeOnce),
    ("#include", PartType::Include),
    ("#part-handler", PartType::PartHandler),
    ("## template: jinja", PartType::Jinja2),
    ("#!", PartType::ShellScript),
];

/// The type that the beginning of a part tells. Blanks before it and upper case do not matter, a
/// byte order mark does, and no end of word is asked for: `#cloud-configX` is a cloud-config.
pub fn sniff(text: &[u8]) -> Option<PartType> {
    let head = text.trim_ascii_start();
    let head = String::from_utf8_lossy(head.get(..256).unwrap_or(head)).to_ascii_lowercase();
    // Python also counts the four separators of ASCII as blanks.
    let head =
        head.trim_start_matches(|c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c));
    PREFIXES.iter().find(|(prefix, _)| head.starts_with(prefix)).map(|&(_, kind)| kind)
}

impl PartType {
    const ALL: [Self; 12] = [
        Self::CloudConfig,
        Self::CloudConfigArchive,
        Self::CloudConfigJsonp,
        Self::ShellScript,
        Self::ShellScriptPerBoot,
        Self::ShellScriptPerInstance,
        Self::ShellScriptPerOnce,
        Self::Boothook,
        Self::Include,
        Self::IncludeOnce,
        Self::Jinja2,
        Self::PartHandler,
    ];

    /// The MIME type that a multipart message declares for it.
    pub fn mime(&self) -> &'static str {
        match self {
            Self::CloudConfig => "text/cloud-config",
            Self::CloudConfigArchive => "text/cloud-config-archive",
            Self::CloudConfigJsonp => "text/cloud-config-jsonp",
            Self::ShellScript => "text/x-shellscript",
            Self::ShellScriptPerBoot => "text/x-shellscript-per-boot",
            Self::ShellScriptPerInstance => "text/x-shellscript-per-instance",
            Self::ShellScriptPerOnce => "text/x-shellscript-per-once",
            Self::Boothook => "text/cloud-boothook",
            Self::Include => "text/x-include-url",
            Self::IncludeOnce => "text/x-include-once-url",
            Self::Jinja2 => "text/jinja2",
            Self::PartHandler => "text/part-handler",
        }
    }

    /// The type that a MIME type (lower case, no parameters) declares.
    pub fn from_mime(mime: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.mime() == mime)
    }
}

/// The name under which a part is kept: `/` becomes `_`, and only `A-Za-z0-9_.()-` stay. The result
/// can be empty.
pub fn part_file_name(name: &str) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '(' | ')' | '-');
    name.chars().map(|c| if c == '/' { '_' } else { c }).filter(allowed).collect()
}

/// A script with the line ends of Unix: if its first line ends in CR LF, all CR LF become LF.
pub fn unix_line_ends(script: &[u8]) -> Cow<'_, [u8]> {
    let first = script.split(|&byte| byte == b'\n').next().unwrap_or_default();
    if first.len() == script.len() || first.last() != Some(&b'\r') {
        return Cow::Borrowed(script);
    }
    let mut out = Vec::with_capacity(script.len());
    let mut bytes = script.iter().peekable();
    while let Some(&byte) = bytes.next() {
        if byte != b'\r' || bytes.peek() != Some(&&b'\n') {
            out.push(byte);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_by_their_beginning() {
        let table: &[(&str, Option<PartType>)] = &[
            ("#cloud-config\nusers: []\n", Some(PartType::CloudConfig)),
            (" \r\n\t#CLOUD-config-Archive", Some(PartType::CloudConfigArchive)),
            ("\u{a0}\u{1c}#include-once\n", Some(PartType::IncludeOnce)),
            ("#include http://x/", Some(PartType::Include)),
            ("#!/bin/sh", Some(PartType::ShellScript)),
            ("## template: jinja\n#cloud-config", Some(PartType::Jinja2)),
            ("# cloud-config", None),
            ("\u{feff}#cloud-config", None),
            ("", None),
        ];
        for (text, want) in table {
            assert_eq!(sniff(text.as_bytes()), *want, "{text:?}");
        }
        assert_eq!(sniff(&[0xff, 0xfe, b'#', b'!']), None);
    }

    #[test]
    fn mime_types_name_one_type_each() {
        for kind in PartType::ALL {
            assert_eq!(PartType::from_mime(kind.mime()), Some(kind));
        }
        assert_eq!(PartType::from_mime("text/plain"), None);
    }

    #[test]
    fn line_ends_follow_the_first_line() {
        assert_eq!(&*unix_line_ends(b"#!/bin/sh\r\na\rb\r\n"), b"#!/bin/sh\na\rb\n");
        assert_eq!(&*unix_line_ends(b"a\nb\r\n"), b"a\nb\r\n");
        assert_eq!(&*unix_line_ends(b"a\r"), b"a\r");
        assert_eq!(&*unix_line_ends(b""), b"");
    }
}
