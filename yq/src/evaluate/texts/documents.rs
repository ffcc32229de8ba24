//! Documents in texts: `to_json`, `@json`, `to_yaml`, `from_yaml` and the like.

use super::super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::Text;
use crate::tree::{Id, Kind};

impl Evaluator<'_> {
    pub(in crate::evaluate) fn read_yaml(&mut self, text: &str) -> Result<Id, Error> {
        let mut storage = String::new();
        let mut documents = crate::yaml::Documents::new(text, &mut storage)?;
        let found = documents.next(&mut self.tree)?;
        found.ok_or_else(|| Error::evaluation("an empty text is no document"))
    }

    pub(super) fn encode(&mut self, context: &Context, format: Text, indent: usize) -> Outcome {
        self.each(context, |own, id| {
            let mut text = match format {
                Text::Yaml => {
                    let options = crate::Options { indent, ..own.options.clone() };
                    crate::printer::yaml_text(&own.tree, id, &options)?
                }
                Text::Json => {
                    own.explode(id, 0)?;
                    crate::json::write(&own.tree, id, indent, false)?
                }
            };
            let decoded = context.variable(&decoded_name(&own.tree.name(id)));
            let was_open = decoded.first().is_some_and(|id| {
                // The text that was read did not end with a line break: neither does this one.
                !own.tree.get(*id).value.ends_with('\n')
            });
            let is_one_line = format == Text::Json && indent == 0;
            if is_one_line || (was_open && ends_with_line(&text)) {
                text.truncate(text.trim_end_matches('\n').len());
            }
            Ok(Some(own.tree.replacement(id, Kind::Scalar, "!!str", text)))
        })
    }

    pub(super) fn decode(&mut self, context: &Context) -> Outcome {
        self.each(context, |own, id| {
            let name = decoded_name(&own.tree.name(id));
            context.remember(name.into(), vec![id]);
            let text = own.tree.get(id).value.clone();
            let made = own.read_yaml(&text)?;
            let (key, parent) = (own.tree.get(id).key, own.tree.get(id).parent);
            let node = own.tree.get_mut(made);
            (node.key, node.parent) = (key, parent);
            Ok(Some(made))
        })
    }
}

/// Under which a text is remembered that was read.
fn decoded_name(name: &str) -> String {
    format!("decoded: {name}")
}

/// Whether the text ends with a line that is not empty.
fn ends_with_line(text: &str) -> bool {
    text.strip_suffix('\n').is_some_and(|text| !text.is_empty() && !text.ends_with('\n'))
}
