//! Options as they are typed.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::Error;

pub(super) const HELP: &str = "\
yq [eval|e] [options] [expression] [file]

  -i, --inplace            write the result to the file
  -n, --null-input         read nothing
  -p, --input-format NAME  auto, yaml, json, toml, ini, props
  -o, --output-format NAME as above
  -I, --indent NUMBER      blanks of one level (2)
  -P, --prettyPrint        drop styles
  -r, --unwrapScalar       scalars without quotes (=false: with them)
  -N, --no-doc             no `---` between documents
  -M, --no-colors          there are no colours anyway
  -e, --exit-status        fail if the result is null or false
      --from-file PATH     read the expression from a file
      --expression TEXT    the expression, whatever it looks like
";

#[derive(Default)]
pub(super) struct Args {
    pub(super) in_place: bool,
    pub(super) exit_status: bool,
    pub(super) null_input: bool,
    pub(super) pretty: bool,
    pub(super) no_separators: bool,
    pub(super) unwraps: Option<bool>,
    pub(super) indent: Option<usize>,
    pub(super) input: Option<String>,
    pub(super) output: Option<String>,
    pub(super) from_file: Option<PathBuf>,
    pub(super) expression: Option<String>,
    pub(super) rest: Vec<OsString>,
}

pub(super) fn usage(reason: impl Into<String>) -> Error {
    Error::Usage { reason: reason.into() }
}

/// The arguments; none if help is asked for.
pub(super) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Option<Args>, Error> {
    let mut args = Args::default();
    let mut all = arguments;
    let mut ends = false;
    while let Some(argument) = all.next() {
        let text = argument.to_str().unwrap_or_default();
        if ends || text == "-" || !text.starts_with('-') {
            args.rest.push(argument);
        } else if text == "--" {
            ends = true;
        } else if text == "--help" || text == "-h" {
            return Ok(None);
        } else if let Some(long) = text.strip_prefix("--") {
            args.long(long, &mut all)?;
        } else {
            args.short(text.get(1..).unwrap_or_default(), &mut all)?;
        }
    }
    if matches!(args.rest.first().and_then(|first| first.to_str()), Some("eval" | "e")) {
        args.rest.remove(0);
    }
    Ok(Some(args))
}

impl Args {
    fn long(&mut self, text: &str, all: &mut dyn Iterator<Item = OsString>) -> Result<(), Error> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let sign = match name {
            "inplace" => 'i',
            "null-input" => 'n',
            "prettyPrint" => 'P',
            "no-colors" => 'M',
            "exit-status" => 'e',
            "no-doc" => 'N',
            "unwrapScalar" => 'r',
            "input-format" => 'p',
            "output-format" => 'o',
            "indent" => 'I',
            "from-file" | "expression" => return self.text(name, value, all),
            _ => return Err(Error::unsupported(format!("--{name}"))),
        };
        if takes_value(sign) {
            return self.value(sign, value, all);
        }
        self.flag(sign, value.as_deref())
    }

    fn text(
        &mut self,
        name: &str,
        value: Option<String>,
        all: &mut dyn Iterator<Item = OsString>,
    ) -> Result<(), Error> {
        let missing = || usage(format!("--{name} needs a value"));
        let value = value.map(OsString::from).or_else(|| all.next()).ok_or_else(missing)?;
        if name == "from-file" {
            self.from_file = Some(value.into());
        } else {
            let text = value.into_string().map_err(|_| usage("the expression is not UTF-8"))?;
            self.expression = Some(text);
        }
        Ok(())
    }

    /// Several flags may stand behind one dash; the last may take what follows as its value.
    fn short(&mut self, text: &str, all: &mut dyn Iterator<Item = OsString>) -> Result<(), Error> {
        let mut rest = text.chars();
        while let Some(sign) = rest.next() {
            let after = rest.as_str();
            let value = after.strip_prefix('=').unwrap_or(after);
            if takes_value(sign) {
                let value = (!after.is_empty()).then(|| value.to_owned());
                return self.value(sign, value, all);
            }
            if after.starts_with('=') {
                return self.flag(sign, Some(value));
            }
            self.flag(sign, None)?;
        }
        Ok(())
    }

    fn flag(&mut self, sign: char, value: Option<&str>) -> Result<(), Error> {
        let value = match value {
            None | Some("true" | "1" | "t" | "T" | "TRUE" | "True") => true,
            Some("false" | "0" | "f" | "F" | "FALSE" | "False") => false,
            Some(value) => return Err(usage(format!("-{sign} is true or false, not `{value}`"))),
        };
        match sign {
            'i' => self.in_place = value,
            'n' => self.null_input = value,
            'P' => self.pretty = value,
            'M' => {}
            'e' => self.exit_status = value,
            'N' => self.no_separators = value,
            'r' => self.unwraps = Some(value),
            _ => return Err(Error::unsupported(format!("-{sign}"))),
        }
        Ok(())
    }

    fn value(
        &mut self,
        sign: char,
        value: Option<String>,
        all: &mut dyn Iterator<Item = OsString>,
    ) -> Result<(), Error> {
        let next = value.or_else(|| all.next().and_then(|next| next.into_string().ok()));
        let value = next.ok_or_else(|| usage(format!("-{sign} needs a value")))?;
        match sign {
            'p' => self.input = Some(value),
            'o' => self.output = Some(value),
            _ => {
                let number = value.parse().ok().filter(|number| *number <= 16);
                let wrong = || usage(format!("`{value}` is no indentation"));
                self.indent = Some(number.ok_or_else(wrong)?);
            }
        }
        Ok(())
    }
}

fn takes_value(sign: char) -> bool {
    matches!(sign, 'p' | 'o' | 'I')
}
