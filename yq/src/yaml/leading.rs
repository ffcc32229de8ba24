//! What stands before the first document: comments, blank lines, `---` and `%YAML` lines.
//!
//! yq takes it off before the text is parsed, since the parser would lose part of it.

/// What stands for a `---` line in the leading text.
pub(crate) const SEPARATOR: &str = "$yqDocSeparator$";

/// The leading text, and the rest.
pub(super) fn take(text: &str) -> (String, String) {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut leading = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (line, ending, after) = split_line(rest);
        let trimmed = line.trim();
        if trimmed == "---" {
            leading.push_str(SEPARATOR);
            leading.push_str(ending);
        } else if let Some(content) = after_separator(line) {
            leading.push_str(SEPARATOR);
            leading.push_str(if ending.is_empty() { "\n" } else { ending });
            rest = rest.get(line.len() - content.len()..).unwrap_or_default();
            // What follows on the same line loses the line's end with the separator.
            return continue_after(leading, content, rest.get(content.len() + ending.len()..));
        } else if is_comment(line) || is_directive(line) || trimmed.is_empty() {
            leading.push_str(line);
            leading.push_str(ending);
        } else {
            break;
        }
        rest = after;
    }
    (leading, rest.to_owned())
}

/// The content after `--- ` is put in front of the next line, as it is.
fn continue_after(mut leading: String, content: &str, after: Option<&str>) -> (String, String) {
    let joined = format!("{content}{}", after.unwrap_or_default());
    let (more, rest) = take(&joined);
    leading.push_str(&more);
    (leading, rest)
}

/// A line, its ending, and what follows.
fn split_line(text: &str) -> (&str, &str, &str) {
    let Some((line, after)) = text.split_once('\n') else { return (text, "", "") };
    match line.strip_suffix('\r') {
        Some(line) => (line, "\r\n", after),
        None => (line, "\n", after),
    }
}

fn unindented(line: &str) -> &str {
    line.trim_start_matches([' ', '\t', '\r', '\x0C'])
}

fn is_comment(line: &str) -> bool {
    unindented(line).starts_with('#')
}

fn is_directive(line: &str) -> bool {
    unindented(line).starts_with("%YAML")
}

/// What follows `--- ` on its line.
fn after_separator(line: &str) -> Option<&str> {
    let after = unindented(line).strip_prefix("---")?;
    let content = unindented(after);
    (content.len() < after.len()).then_some(content)
}

/// Writes a leading text; lines that are no comments become ones.
pub(crate) fn write_leading(out: &mut String, leading: &str) {
    let mut lines = leading.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        if line.contains(SEPARATOR) {
            out.push_str(if line.ends_with("\r\n") { "---\r\n" } else { "---\n" });
        } else {
            if line != "\n" && !line.starts_with('%') && !is_comment(line) {
                out.push_str("# ");
            }
            out.push_str(line);
        }
        if lines.peek().is_none() && !line.ends_with('\n') {
            out.push('\n');
        }
    }
}
