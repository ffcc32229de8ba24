//! `lima.env`, `param.env` and `etc_environment`.
//!
//! The first two are lines `NAME=value` without any quoting: Lima's reader takes the rest of the
//! line as it is, without blanks around it. `etc_environment` is read as `pam_env` reads
//! `/etc/environment`: `#` begins a comment anywhere, `export ` may stand in front, one pair of
//! quotes around the value is dropped.

use super::finding::Finding;

/// `NAME=value` lines in order.
pub type Variables = Vec<(String, String)>;

/// Reads `lima.env` or `param.env`.
pub fn plain(file: &str, text: &[u8], findings: &mut Vec<Finding>) -> Variables {
    read(file, text, findings, |line| line.split_once('='))
}

/// Reads `etc_environment`.
pub fn pam(file: &str, text: &[u8], findings: &mut Vec<Finding>) -> Variables {
    read(file, text, findings, |line| {
        let line = line.split_once('#').map_or(line, |(before, _)| before).trim_end();
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let (name, value) = line.split_once('=')?;
        let unquoted = value.strip_prefix(['"', '\'']);
        Some((name, unquoted.map_or(value, |rest| rest.strip_suffix(['"', '\'']).unwrap_or(rest))))
    })
}

fn read<'a>(
    file: &str,
    text: &'a [u8],
    findings: &mut Vec<Finding>,
    divide: impl Fn(&'a str) -> Option<(&'a str, &'a str)>,
) -> Variables {
    let mut variables = Variables::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let bad = |message: &str| {
            Finding::error("bad-line", file, message)
                .line(index + 1)
                .hint("write NAME=value, the name of letters, digits and _")
        };
        let Ok(line) = std::str::from_utf8(line) else {
            findings.push(bad("is not UTF-8 text; the line is ignored"));
            continue;
        };
        let line = line.trim_matches([' ', '\t', '\r']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match divide(line) {
            Some((name, value)) if is_name(name) && !value.contains('\0') => {
                variables.retain(|(other, _)| other != name);
                variables.push((name.to_owned(), value.to_owned()));
            }
            _ => findings.push(bad("is not NAME=value; the line is ignored")),
        }
    }
    variables
}

fn is_name(name: &str) -> bool {
    name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(variables: &Variables) -> String {
        variables.iter().map(|(name, value)| format!("[{name}={value}]")).collect()
    }

    #[test]
    fn plain_values_are_taken_as_they_are() {
        let mut findings = Vec::new();
        let text = b"A=1\n  B= x \"y\"='z' \nEMPTY=\n\nno sign\n9=x\nA=2\nC=# no comment\nLAST=1";
        let got = plain("lima.env", text, &mut findings);
        assert_eq!(show(&got), "[B= x \"y\"='z'][EMPTY=][A=2][C=# no comment][LAST=1]");
        let lines: Vec<_> = findings.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [5, 6]);
    }

    #[test]
    fn etc_environment_is_read_as_pam_does() {
        let mut findings = Vec::new();
        let text = b"#LIMA-START\n export A=\"x y\"\nB='q\nC=v # note\n#LIMA-END\nbad\xff=1\n";
        let got = pam("etc_environment", text, &mut findings);
        assert_eq!(show(&got), "[A=x y][B=q][C=v]");
        assert_eq!(findings.len(), 1);
    }
}
