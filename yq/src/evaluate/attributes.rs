//! Tags, styles, comments, anchors.

use super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::{CommentKind, Expr, Op};
use crate::tree::{Id, Kind, Style};

const STYLES: [(&str, Style); 7] = [
    ("", Style::PLAIN),
    ("tagged", Style::TAGGED),
    ("double", Style::DOUBLE),
    ("single", Style::SINGLE),
    ("literal", Style::LITERAL),
    ("folded", Style::FOLDED),
    ("flow", Style::FLOW),
];

impl Evaluator<'_> {
    pub(super) fn attributes(&mut self, context: &Context, expr: &Expr) -> Outcome {
        match expr.op {
            Op::AssignStyle { updates }
            | Op::AssignTag { updates }
            | Op::AssignAnchor { updates }
            | Op::AssignAlias { updates }
            | Op::AssignComment { updates, .. } => self.assign_attribute(context, expr, updates),
            Op::Explode => self.explode_all(context, expr.rhs.as_deref()),
            _ => self.each(context, |own, id| {
                let text = own.attribute(id, &expr.op);
                Ok(Some(own.tree.replacement(id, Kind::Scalar, "!!str", text)))
            }),
        }
    }

    fn attribute(&self, id: Id, op: &Op) -> String {
        let node = self.tree.get(id);
        match op {
            Op::Tag => node.tag.to_string(),
            Op::Anchor => node.anchor.to_string(),
            Op::Alias => node.value.to_string(),
            Op::Style => {
                let name = STYLES.iter().find(|(_, style)| *style == node.style);
                name.map_or("<unknown>", |(name, _)| name).to_owned()
            }
            Op::Kind => match node.kind {
                Kind::Mapping => "map",
                Kind::Sequence => "seq",
                Kind::Scalar => "scalar",
                Kind::Alias => "alias",
                Kind::Unset => "unknown",
            }
            .to_owned(),
            Op::Comment(kind) => without_signs(&self.comment(id, *kind)),
            _ => String::new(),
        }
    }

    fn comment(&self, id: Id, kind: CommentKind) -> String {
        let node = self.tree.get(id);
        match kind {
            CommentKind::Line => node.line.to_string(),
            CommentKind::Foot => node.foot.to_string(),
            _ if node.leading.is_empty() => node.head.to_string(),
            _ => {
                let mut text = String::new();
                let without = node.leading.split_inclusive('\n');
                let without = without.filter(|line| !line.contains(crate::yaml::SEPARATOR));
                crate::yaml::write_leading(&mut text, &without.collect::<String>());
                text.strip_suffix('\n').map(str::to_owned).unwrap_or(text)
            }
        }
    }

    /// With `=`, the value is computed once; with `|=`, for each node.
    fn assign_attribute(&mut self, context: &Context, expr: &Expr, updates: bool) -> Outcome {
        let value = expr.rhs.as_deref();
        let is_comment = matches!(expr.op, Op::AssignComment { .. });
        let left = if is_comment { Some(self.eval(context, expr.lhs.as_deref())?) } else { None };
        let mut text: Option<std::rc::Rc<str>> = None;
        if !updates {
            let found = self.eval(&context.read_only(), value)?;
            text = found.first().map(|id| self.tree.get(id).value.clone());
        }
        let left = match left {
            Some(left) => left,
            None => self.eval(context, expr.lhs.as_deref())?,
        };
        for id in left.nodes.iter() {
            if updates {
                let found = self.eval(&context.single_read_only(*id), value)?;
                let found = found.first().map(|id| self.tree.get(id).value.clone());
                text = found.or(text);
            }
            self.set_attribute(*id, &expr.op, text.as_deref().unwrap_or_default())?;
        }
        Ok(context.clone())
    }

    fn set_attribute(&mut self, id: Id, op: &Op, text: &str) -> Result<(), Error> {
        let node = self.tree.get_mut(id);
        match op {
            Op::AssignTag { .. } => node.tag = text.into(),
            Op::AssignAnchor { .. } => node.anchor = text.into(),
            Op::AssignAlias { .. } if !text.is_empty() => {
                node.kind = Kind::Alias;
                node.value = text.into();
            }
            Op::AssignStyle { .. } => {
                let style = STYLES.iter().find(|(name, _)| *name == text);
                let unknown = || Error::evaluation(format!("unknown style `{text}`"));
                node.style = style.ok_or_else(unknown)?.1;
            }
            Op::AssignComment { kind, .. } => {
                if matches!(kind, CommentKind::Line | CommentKind::All) {
                    node.line = text.into();
                }
                if matches!(kind, CommentKind::Head | CommentKind::All) {
                    node.head = text.into();
                    node.leading = "".into();
                }
                if matches!(kind, CommentKind::Foot | CommentKind::All) {
                    node.foot = text.into();
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The text of a comment: without `# ` at the start of its lines.
fn without_signs(comment: &str) -> String {
    let comment = comment.strip_prefix("# ").unwrap_or(comment);
    comment.replace("\n# ", "\n")
}
