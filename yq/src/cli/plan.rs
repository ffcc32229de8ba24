//! What the arguments mean.

use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use super::args::{Args, usage};
use crate::{Error, Format, Options};

/// What drops all styles but quotes that keep a text a text.
const PRETTY: &str = concat!(
    r#"(... | (select(tag != "!!str"), select(tag == "!!str") | "#,
    r#"select(test("(?i)^(y|yes|n|no|on|off)$") | not))  ) style="""#
);

/// Where the input comes from.
pub(super) enum Source {
    Nothing,
    Standard,
    File(PathBuf),
}

pub(super) struct Job {
    pub(super) args: Args,
    pub(super) expression: String,
    pub(super) source: Source,
}

impl Args {
    pub(super) fn options(&self, to: Format) -> Options {
        let mut options = Options::for_format(to);
        options.indent = self.indent.unwrap_or(options.indent);
        options.unwraps = self.unwraps.unwrap_or(options.unwraps);
        options.separators = !self.no_separators;
        options
    }

    pub(super) fn with_pretty(&self, expression: &str) -> String {
        match (self.pretty, expression) {
            (false, _) => expression.to_owned(),
            (true, "") => PRETTY.to_owned(),
            (true, _) => format!("{expression} | {PRETTY}"),
        }
    }

    /// The formats: as said, else by the extension of the file; what is read decides what is written
    /// if neither is said.
    pub(super) fn formats(&self, source: &Source) -> Result<(Format, Format), Error> {
        let is_auto =
            |name: &Option<String>| matches!(name.as_deref(), None | Some("" | "auto" | "a"));
        let by_path = match source {
            Source::File(path) => Format::from_path(path),
            _ => Ok(Format::Yaml),
        };
        let from = match &self.input {
            Some(name) if !is_auto(&self.input) => Format::from_name(name)?,
            _ => by_path?,
        };
        let to = match &self.output {
            Some(name) if !is_auto(&self.output) => Format::from_name(name)?,
            _ if is_auto(&self.input) => from,
            _ => Format::Yaml,
        };
        Ok((from, to))
    }
}

fn is_file(argument: &OsStr) -> bool {
    std::fs::metadata(Path::new(argument)).is_ok_and(|found| !found.is_dir())
}

/// Which argument is the expression, and which the file.
pub(super) fn plan(
    mut args: Args,
    read: impl Fn(&Path) -> Result<String, Error>,
) -> Result<Job, Error> {
    let mut rest = std::mem::take(&mut args.rest);
    let names_file = rest.len() > 1 || rest.first().is_some_and(|first| is_file(first));
    let has_dash = rest.iter().any(|argument| argument == "-");
    if !args.null_input && !names_file && !has_dash && !std::io::stdin().is_terminal() {
        rest.push("-".into());
    }
    let mut expression = args.expression.clone().unwrap_or_default();
    if let Some(path) = &args.from_file {
        expression = read(path)?.replace("\r\n", "\n");
    }
    let is_expression = |first: &OsString| first != "-" && !is_file(first);
    if expression.is_empty() && rest.first().is_some_and(is_expression) {
        let first = rest.remove(0);
        expression = first.into_string().map_err(|_| usage("the expression is not UTF-8"))?;
    }
    if rest.len() > 1 {
        return Err(Error::unsupported("more than one file"));
    }
    let source = match rest.pop() {
        None if args.null_input => Source::Nothing,
        None => return Err(usage("no file is given")),
        Some(_) if args.null_input => return Err(usage("a file cannot be given with -n")),
        Some(path) if path == "-" => Source::Standard,
        Some(path) => Source::File(path.into()),
    };
    if args.in_place && !matches!(source, Source::File(_)) {
        return Err(usage("-i needs a file"));
    }
    Ok(Job { args, expression, source })
}
