//! Texts: interpolation, the environment, joining, splitting, patterns, documents in texts.

mod documents;
mod patterns;

use std::rc::Rc;

use super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::{Expr, Op};
use crate::number::{parse_float, parse_int};
use crate::scalar::guess_tag;
use crate::tree::{Id, Kind, Node, Style};

impl Evaluator<'_> {
    pub(super) fn texts(&mut self, context: &Context, expr: &Expr) -> Outcome {
        match &expr.op {
            Op::Interpolate(text) => self.interpolate_all(context, text),
            Op::Env { name, is_text } => self.env(context, name, *is_text),
            Op::Join => self.join(context, expr.rhs.as_deref()),
            Op::Split => self.split_all(context, expr.rhs.as_deref()),
            Op::Trim => self.each(context, |own, id| {
                own.changed(id, "trim", |text| text.trim().to_owned()).map(Some)
            }),
            Op::ChangeCase { to_upper: true } => {
                self.each(context, |own, id| own.changed(id, "upcase", str::to_uppercase).map(Some))
            }
            Op::ChangeCase { .. } => self
                .each(context, |own, id| own.changed(id, "downcase", str::to_lowercase).map(Some)),
            Op::ToText => self.each(context, Self::as_text),
            Op::ToNumber => self.each(context, Self::as_number),
            Op::Encode { format, indent } => self.encode(context, *format, *indent),
            Op::Decode => self.decode(context),
            _ => self.patterns(context, expr),
        }
    }

    /// A text, or an error that names the operator.
    pub(super) fn text_of(&self, id: Id, what: &str) -> Result<Rc<str>, Error> {
        let node = self.tree.get(id);
        if guess_tag(node) == "!!str" {
            return Ok(node.value.clone());
        }
        Err(Error::evaluation(format!("`{what}` needs a text, not {}", node.tag)))
    }

    fn changed(&mut self, id: Id, what: &str, change: fn(&str) -> String) -> Result<Id, Error> {
        let value = change(&self.text_of(id, what)?);
        let (tag, style) = (self.tree.get(id).tag.clone(), self.tree.get(id).style);
        let new = self.tree.replacement(id, Kind::Scalar, &tag, value);
        self.tree.get_mut(new).style = style;
        Ok(new)
    }

    fn interpolate_all(&mut self, context: &Context, text: &str) -> Outcome {
        if context.nodes.is_empty() {
            let value = self.interpolate(context, text)?;
            let id = self.tree.add(Node::text(value));
            return Ok(context.single(id));
        }
        self.each(context, |own, id| {
            let value = own.interpolate(&context.single(id), text)?;
            Ok(Some(own.tree.add(Node::text(value))))
        })
    }

    /// `\(...)` is an expression; `\\` is a backslash.
    fn interpolate(&mut self, context: &Context, text: &str) -> Result<String, Error> {
        let mut out = String::new();
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match (character, characters.peek()) {
                ('\\', Some('(')) => {
                    characters.next();
                    let Some(inner) = inside_brackets(&mut characters) else {
                        // Without an end it is plain text.
                        return Ok(text.to_owned());
                    };
                    out.push_str(&self.inner_value(context, &inner)?);
                }
                ('\\', Some('\\')) => {
                    characters.next();
                    out.push('\\');
                }
                _ => out.push(character),
            }
        }
        Ok(out)
    }

    fn inner_value(&mut self, context: &Context, text: &str) -> Result<String, Error> {
        let expr = crate::expression::parse(text)?;
        let Some(id) = self.eval(context, expr.as_deref())?.first() else {
            return Ok(String::new());
        };
        let node = self.tree.get(id);
        if node.kind == Kind::Scalar {
            return Ok(node.value.to_string());
        }
        self.yaml_text(id).map(|text| text.trim_end_matches('\n').into())
    }

    fn env(&mut self, context: &Context, name: &str, is_text: bool) -> Outcome {
        let value = (self.environment)(name).unwrap_or_default();
        if is_text {
            let id = self.tree.add(Node::text(value));
            return Ok(context.single(id));
        }
        if value.is_empty() {
            return Err(Error::evaluation(format!("the variable `{name}` is not set")));
        }
        let id = self.read_yaml(&value)?;
        Ok(context.single(id))
    }

    /// The value of the right side, or nothing.
    pub(super) fn parameter(
        &mut self,
        context: &Context,
        expr: Option<&Expr>,
    ) -> Result<Rc<str>, Error> {
        let found = self.eval(context, expr)?.first();
        Ok(found.map_or_else(|| "".into(), |id| self.tree.get(id).value.clone()))
    }

    fn join(&mut self, context: &Context, by: Option<&Expr>) -> Outcome {
        let by = self.parameter(&context.read_only(), by)?;
        self.each(context, |own, id| {
            let node = own.tree.get(id);
            if node.kind != Kind::Sequence {
                return Err(Error::evaluation(format!("`join` needs an array, not {}", node.tag)));
            }
            let text = |id: &Id| {
                let node = own.tree.get(*id);
                if node.is_null() { "".into() } else { node.value.clone() }
            };
            let texts: Vec<Rc<str>> = node.content.iter().map(text).collect();
            let value = texts.join(&by);
            Ok(Some(own.tree.replacement(id, Kind::Scalar, "!!str", value)))
        })
    }

    fn split_all(&mut self, context: &Context, by: Option<&Expr>) -> Outcome {
        let by = self.parameter(&context.read_only(), by)?;
        self.each(context, |own, id| {
            if own.tree.get(id).is_null() {
                return Ok(None);
            }
            let parts = split(&own.text_of(id, "split")?, &by);
            let new = own.tree.replacement(id, Kind::Sequence, "!!seq", "");
            Ok(Some(own.fill_with_texts(new, parts)))
        })
    }

    /// Makes a node an array of texts.
    pub(super) fn fill_with_texts(&mut self, id: Id, texts: Vec<String>) -> Id {
        let node = self.tree.get_mut(id);
        (node.kind, node.tag) = (Kind::Sequence, "!!seq".into());
        for text in texts {
            let item = self.tree.add(Node::text(text));
            self.tree.adopt_item(id, item);
        }
        id
    }

    fn as_text(&mut self, id: Id) -> Result<Option<Id>, Error> {
        let node = self.tree.get(id);
        let is_text = &*node.tag == "!!str";
        let value = if is_text || node.kind == Kind::Scalar {
            node.value.clone()
        } else {
            let text = self.yaml_text(id)?;
            text.trim_end_matches('\n').into()
        };
        let new = self.tree.replacement(id, Kind::Scalar, "!!str", value);
        if !is_text {
            self.tree.get_mut(new).style = Style::DOUBLE;
        }
        Ok(Some(new))
    }

    fn as_number(&mut self, id: Id) -> Result<Option<Id>, Error> {
        let node = self.tree.get(id);
        if matches!(&*node.tag, "!!int" | "!!float") && node.kind == Kind::Scalar {
            return Ok(Some(id));
        }
        let value = node.value.clone();
        let tag = if node.kind != Kind::Scalar {
            None
        } else if parse_int(&value).is_ok() {
            Some("!!int")
        } else {
            parse_float(&value).is_ok().then_some("!!float")
        };
        let Some(tag) = tag else {
            return Err(Error::evaluation(format!("`{value}` is no number")));
        };
        Ok(Some(self.tree.replacement(id, Kind::Scalar, tag, value)))
    }
}

/// What is up to the bracket that closes; none if there is none.
fn inside_brackets(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let (mut inner, mut open) = (String::new(), 0);
    while let Some(character) = characters.next() {
        match character {
            ')' if open == 0 => return Some(inner),
            ')' => open -= 1,
            '(' => open += 1,
            '\\' => {
                if let Some(next) = characters.next_if(|next| matches!(next, ')' | '\\')) {
                    inner.push(next);
                    continue;
                }
            }
            _ => {}
        }
        inner.push(character);
    }
    None
}

/// The parts of a text; without a separator, its characters.
pub(super) fn split(text: &str, by: &str) -> Vec<String> {
    if text.is_empty() {
        return vec![];
    }
    if by.is_empty() {
        return text.chars().map(String::from).collect();
    }
    text.split(by).map(str::to_owned).collect()
}
