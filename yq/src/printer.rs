//! Results to text, document by document.

use crate::evaluate::Evaluator;
use crate::tree::{Id, Kind, Tree};
use crate::{Error, Format, OUTPUT_LIMIT, Options, ini, json, properties, toml, yaml};

pub(crate) struct Printer<'o> {
    format: Format,
    options: &'o Options,
    out: String,
    last_document: Option<u32>,
    /// Whether something else than null and false was printed.
    pub(crate) has_match: bool,
}

impl<'o> Printer<'o> {
    pub(crate) fn new(format: Format, options: &'o Options) -> Self {
        Self { format, options, out: String::new(), last_document: None, has_match: false }
    }

    pub(crate) fn into_text(self) -> String {
        self.out
    }

    /// Only YAML has aliases.
    pub(crate) fn print(
        &mut self,
        evaluator: &mut Evaluator<'_>,
        nodes: &[Id],
    ) -> Result<(), Error> {
        if self.format != Format::Yaml {
            for id in nodes {
                evaluator.explode(*id, 0)?;
            }
        }
        for id in nodes {
            self.print_one(&evaluator.tree, *id)?;
        }
        Ok(())
    }

    fn print_one(&mut self, tree: &Tree, id: Id) -> Result<(), Error> {
        let (document, node) = (tree.document(id), tree.get(id));
        let is_new = self.last_document.is_some_and(|last| last != document);
        let separates = self.format == Format::Yaml && self.options.separators;
        if is_new && separates && !yaml::starts_with_separator(&node.leading) {
            self.out.push_str("---\n");
        }
        self.last_document = Some(document);
        self.has_match |= !node.is_null() && (&*node.tag != "!!bool" || &*node.value != "false");
        let text = match self.format {
            Format::Yaml => encode_yaml(tree, id, self.options)?,
            Format::Json => json::write(tree, id, self.options.indent, self.options.unwraps)?,
            Format::Toml => toml::write(tree, id)?,
            Format::Ini => ini::write(tree, id)?,
            Format::Properties => {
                properties::write_leading(&mut self.out, &node.leading);
                properties::write(tree, id, self.options.unwraps)?
            }
        };
        self.out.push_str(&text);
        if self.out.len() > OUTPUT_LIMIT {
            return Err(Error::TooMuch { what: "the output is too long" });
        }
        Ok(())
    }
}

/// A document of YAML with what stands before it.
fn encode_yaml(tree: &Tree, id: Id, options: &Options) -> Result<String, Error> {
    let node = tree.get(id);
    let mut out = String::new();
    let leading = |out: &mut String, text: &str| {
        if options.separators {
            yaml::write_leading(out, text);
        } else {
            let lines = text.split_inclusive('\n');
            let lines = lines.filter(|line| !line.contains(yaml::SEPARATOR));
            yaml::write_leading(out, &lines.collect::<String>());
        }
    };
    leading(&mut out, &node.leading);
    if node.kind == Kind::Scalar && options.unwraps {
        out.push_str(&node.value);
        if node.leading.is_empty() || !node.value.is_empty() {
            out.push_str(if node.leading.contains("\r\n") { "\r\n" } else { "\n" });
        }
        return Ok(out);
    }
    out.push_str(&yaml::write(tree, id, options.indent)?);
    leading(&mut out, &node.foot);
    Ok(out)
}

/// A node as a YAML document by itself.
pub(crate) fn yaml_text(tree: &Tree, id: Id, options: &Options) -> Result<String, Error> {
    encode_yaml(tree, id, options)
}
