//! The command line of yq, as far as it is needed.

mod args;
mod plan;
mod replace;

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::{Error, Evaluated, evaluate_with};
use args::Args;
use plan::{Job, Source};

/// Bytes of an expression in a file.
const EXPRESSION_LIMIT: u64 = 1 << 20;
const INPUT_LIMIT: u64 = crate::INPUT_LIMIT as u64;

/// Whether a program was called by the name `yq`, as in `yq` or `yq.linux`.
pub fn is_called_as_yq(program: &OsStr) -> bool {
    let name = Path::new(program).file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.split('.').next() == Some("yq")
}

/// Runs yq with the arguments behind the name of the program.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match try_run(arguments) {
        Ok(code) => code,
        Err(error) => {
            let cause = std::error::Error::source(&error);
            let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
            // There is nowhere left to tell if standard error is gone.
            let _ = writeln!(std::io::stderr(), "Error: {error}{cause}");
            ExitCode::FAILURE
        }
    }
}

fn try_run(arguments: impl Iterator<Item = OsString>) -> Result<ExitCode, Error> {
    let Some(args) = args::parse(arguments)? else {
        say(args::HELP)?;
        return Ok(ExitCode::SUCCESS);
    };
    let Job { args, expression, source } = plan::plan(args, |path| read(path, EXPRESSION_LIMIT))?;
    let input = match &source {
        Source::Nothing => None,
        Source::Standard => Some(read_standard()?),
        Source::File(path) => Some(read(path, INPUT_LIMIT)?),
    };
    let (from, to) = args.formats(&source)?;
    let result = evaluate_with(
        &args.with_pretty(&expression),
        input.as_deref().map(|text| (text, from)),
        to,
        &args.options(to),
        &environment,
    )?;
    deliver(&args, &source, &result)
}

/// Without a match, nothing is written in place.
fn deliver(args: &Args, source: &Source, result: &Evaluated) -> Result<ExitCode, Error> {
    let lacks_match = args.exit_status && !result.has_match;
    match source {
        Source::File(_) if args.in_place && lacks_match => {}
        Source::File(path) if args.in_place => replace::replace(path, result.text.as_bytes())?,
        _ => say(&result.text)?,
    }
    if lacks_match {
        return Err(Error::evaluation("no matches found"));
    }
    Ok(ExitCode::SUCCESS)
}

fn environment(name: &str) -> Option<String> {
    // What is not UTF-8 cannot be in the output: it counts as not set.
    std::env::var(name).ok()
}

fn say(text: &str) -> Result<(), Error> {
    let wrong = |source| Error::File { action: "writing", path: "standard output".into(), source };
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(wrong)
}

fn read(path: &Path, limit: u64) -> Result<String, Error> {
    let wrong =
        |source| Error::File { action: "reading", path: path.display().to_string(), source };
    let file = std::fs::File::open(path).map_err(wrong)?;
    read_limited(file, limit).map_err(wrong)
}

fn read_standard() -> Result<String, Error> {
    let wrong = |source| Error::File { action: "reading", path: "standard input".into(), source };
    read_limited(std::io::stdin().lock(), INPUT_LIMIT).map_err(wrong)
}

/// One byte more than the limit is enough to see that it is too much.
fn read_limited(from: impl Read, limit: u64) -> std::io::Result<String> {
    let mut text = String::new();
    from.take(limit + 1).read_to_string(&mut text)?;
    if text.len() as u64 > limit {
        return Err(std::io::Error::other("more than this can take"));
    }
    Ok(text)
}
