//! A small, exact subset of [yq](https://github.com/mikefarah/yq) version 4.
//!
//! It edits YAML, JSON, TOML, INI and properties files with yq's expressions, and gives byte for byte
//! what yq gives, or an error that names what is missing here. Lima's provisioning of mode `yq` needs
//! it in the guest.
//!
//! ```text
//! text -> reader of the format -> nodes -> expression -> nodes -> writer of the format -> text
//! ```
//!
//! [`evaluate`] is pure: no file, no process, no environment but what it is given. Depth, memory and
//! steps are bounded, so that no input makes it run away. [`run`] is the command line.

mod cli;
mod error;
mod evaluate;
mod expression;
mod format;
mod ini;
mod json;
mod number;
mod ordered;
mod printer;
mod properties;
mod scalar;
mod toml;
mod tree;
mod yaml;

pub use cli::{is_called_as_yq, run};
pub use error::Error;
pub use format::Format;

use crate::evaluate::Evaluator;
use crate::printer::Printer;
use crate::tree::{Id, Node};

/// Bytes of one input.
const INPUT_LIMIT: usize = 8 << 20;
/// Bytes of all output.
const OUTPUT_LIMIT: usize = 64 << 20;

/// How results are written.
#[derive(Clone, Debug)]
pub struct Options {
    /// Blanks of one level, in YAML and JSON.
    pub indent: usize,
    /// A scalar by itself is written without quotes and comments.
    pub unwraps: bool,
    /// `---` between documents.
    pub separators: bool,
}

impl Options {
    /// What yq does without options.
    pub fn for_format(format: Format) -> Self {
        let unwraps = matches!(format, Format::Yaml | Format::Properties);
        Self { indent: 2, unwraps, separators: true }
    }
}

/// The text that an expression makes of a text.
pub fn evaluate(
    expression: &str,
    input: &str,
    from: Format,
    to: Format,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Error> {
    let options = Options::for_format(to);
    let input = Some((input, from));
    evaluate_with(expression, input, to, &options, environment).map(|result| result.text)
}

/// What an expression gives.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The results, one after the other.
    pub text: String,
    /// Whether one of them is neither null nor false.
    pub has_match: bool,
}

/// Like [`evaluate`], with options; without an input, the expression starts from nothing.
pub fn evaluate_with(
    expression: &str,
    input: Option<(&str, Format)>,
    to: Format,
    options: &Options,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Evaluated, Error> {
    let expr = expression::parse(expression)?;
    let mut printer = Printer::new(to, options);
    let mut evaluator = Evaluator::new(environment, options.clone());
    let mut documents = 0;
    if let Some((text, from)) = input {
        if text.len() > INPUT_LIMIT {
            return Err(Error::TooMuch { what: "the input is too long" });
        }
        documents = each_document(&mut evaluator, text, from, &mut |evaluator, id| {
            let found = evaluator.run(expr.as_deref(), id)?;
            printer.print(evaluator, &found)
        })?;
    }
    if documents == 0 {
        let id = evaluator.tree.add(Node::null(""));
        let found = evaluator.run(expr.as_deref(), id)?;
        printer.print(&mut evaluator, &found)?;
    }
    let has_match = printer.has_match;
    Ok(Evaluated { text: printer.into_text(), has_match })
}

type Visit<'v, 'e> = &'v mut dyn FnMut(&mut Evaluator<'e>, Id) -> Result<(), Error>;

/// Hands on each document; the number of them.
fn each_document<'e>(
    evaluator: &mut Evaluator<'e>,
    text: &str,
    from: Format,
    visit: Visit<'_, 'e>,
) -> Result<u32, Error> {
    if from == Format::Yaml {
        return each_yaml(evaluator, text, visit);
    }
    let found: Vec<Id> = match from {
        Format::Json => json::read(&mut evaluator.tree, text)?,
        Format::Ini => vec![ini::read(&mut evaluator.tree, text)?],
        Format::Toml => toml::read(evaluator, text)?.into_iter().collect(),
        _ => properties::read(evaluator, text)?.into_iter().collect(),
    };
    let mut count = 0;
    for id in found {
        evaluator.tree.get_mut(id).document = count;
        visit(evaluator, id)?;
        count += 1;
    }
    Ok(count)
}

fn each_yaml<'e>(
    evaluator: &mut Evaluator<'e>,
    text: &str,
    visit: Visit<'_, 'e>,
) -> Result<u32, Error> {
    let mut storage = String::new();
    let mut documents = yaml::Documents::new(text, &mut storage)?;
    let mut count = 0;
    while let Some(id) = documents.next(&mut evaluator.tree)? {
        evaluator.tree.get_mut(id).document = count;
        visit(evaluator, id)?;
        count += 1;
    }
    Ok(count)
}
