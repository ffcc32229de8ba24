//! `test`, `match`, `capture`, `sub`.

use regex_lite::{Captures, Regex};

use super::super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::{Expr, Op};
use crate::tree::{Id, Kind, Node};

/// Bytes of a pattern when it is compiled.
const SIZE_LIMIT: usize = 1 << 20;

impl Evaluator<'_> {
    pub(super) fn patterns(&mut self, context: &Context, expr: &Expr) -> Outcome {
        if matches!(expr.op, Op::Substitute) {
            return self.substitute(context, expr.rhs.as_deref());
        }
        let (regex, is_global) = self.arguments(context, expr.rhs.as_deref())?;
        let mut results = Vec::new();
        for id in context.nodes.iter() {
            let text = self.text_of(*id, "match")?;
            if matches!(expr.op, Op::Test) {
                results.push(self.boolean(Some(*id), regex.is_match(&text)));
                continue;
            }
            let limit = if is_global { usize::MAX } else { 1 };
            for found in regex.captures_iter(&text).take(limit) {
                results.push(match expr.op {
                    Op::Match => self.found(*id, &regex, &found),
                    _ => self.captured(*id, &regex, &found),
                });
            }
            self.tree.check()?;
        }
        Ok(context.child(results))
    }

    /// The pattern, and whether all matches are wanted.
    fn arguments(
        &mut self,
        context: &Context,
        expr: Option<&Expr>,
    ) -> Result<(Regex, bool), Error> {
        let mut pattern = expr;
        let mut is_global = false;
        if let Some(block) = expr.filter(|expr| matches!(expr.op, Op::Block)) {
            pattern = block.lhs.as_deref();
            let flags = self.parameter(context, block.rhs.as_deref())?;
            is_global = flags.contains('g');
            if flags.chars().any(|flag| flag != 'g') {
                return Err(Error::evaluation(format!("unknown flags `{flags}` of a pattern")));
            }
        }
        let pattern = self.parameter(&context.read_only(), pattern)?;
        Ok((compile(&pattern)?, is_global))
    }

    fn substitute(&mut self, context: &Context, block: Option<&Expr>) -> Outcome {
        // A comma does as well as the semicolon.
        let Some(block) = block else { return Ok(context.clone()) };
        let pattern = self.parameter(&context.read_only(), block.lhs.as_deref())?;
        let text = self.parameter(context, block.rhs.as_deref())?;
        let regex = compile(&pattern)?;
        self.each(context, |own, id| {
            let value = own.text_of(id, "sub")?;
            let value = regex.replace_all(&value, &*text).into_owned();
            Ok(Some(own.tree.replacement(id, Kind::Scalar, "!!str", value)))
        })
    }

    fn add_entry(&mut self, mapping: Id, key: &str, value: Node) {
        let (key, value) = (self.tree.add(Node::text(key)), self.tree.add(value));
        self.tree.adopt_pair(mapping, key, value);
    }

    fn describe(&mut self, mapping: Id, span: Option<(usize, &str)>, name: Option<&str>) {
        let number = |number: String| Node::new(Kind::Scalar, "!!int", number);
        let text = span.map_or(Node::null("null"), |(_, text)| Node::text(text));
        self.add_entry(mapping, "string", text);
        let start = span.map_or("-1".to_owned(), |(start, _)| start.to_string());
        self.add_entry(mapping, "offset", number(start));
        let length = span.map_or(0, |(_, text)| text.len());
        self.add_entry(mapping, "length", number(length.to_string()));
        if let Some(name) = name {
            self.add_entry(mapping, "name", Node::text(name));
        }
    }

    fn found(&mut self, id: Id, regex: &Regex, found: &Captures<'_>) -> Id {
        let captures = self.tree.add(Node::new(Kind::Sequence, "", ""));
        for (at, name) in regex.capture_names().enumerate().skip(1) {
            let capture = self.tree.add(Node::new(Kind::Mapping, "", ""));
            let span = found.get(at).map(|part| (part.start(), part.as_str()));
            self.describe(capture, span, name);
            self.tree.adopt_item(captures, capture);
        }
        let new = self.tree.replacement(id, Kind::Mapping, "!!map", "");
        let whole = found.get(0).map(|part| (part.start(), part.as_str()));
        self.describe(new, whole, None);
        let key = self.tree.add(Node::text("captures"));
        self.tree.adopt_pair(new, key, captures);
        new
    }

    fn captured(&mut self, id: Id, regex: &Regex, found: &Captures<'_>) -> Id {
        let new = self.tree.replacement(id, Kind::Mapping, "!!map", "");
        for (at, name) in regex.capture_names().enumerate().skip(1) {
            let part = found.get(at).map(|part| Node::text(part.as_str()));
            self.add_entry(new, name.unwrap_or_default(), part.unwrap_or(Node::null("null")));
        }
        new
    }
}

/// Case folding beyond ASCII and classes of Unicode are not there.
fn compile(pattern: &str) -> Result<Regex, Error> {
    let is_folded = pattern.contains("(?") && !pattern.is_ascii();
    for (part, is_used) in [
        ("(?i) beyond ASCII", is_folded),
        ("(?x)", pattern.contains("(?x")),
        ("\\p in a pattern", pattern.contains("\\p") || pattern.contains("\\P")),
        ("\\Q in a pattern", pattern.contains("\\Q")),
    ] {
        if is_used {
            return Err(Error::unsupported(part));
        }
    }
    let regex = regex_lite::RegexBuilder::new(pattern).size_limit(SIZE_LIMIT).build();
    regex.map_err(|error| Error::evaluation(format!("the pattern `{pattern}`: {error}")))
}
