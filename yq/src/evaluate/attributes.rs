//! Tags, styles, comments, anchors; `explode`.

use super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::{CommentKind, Expr, Op};
use crate::tree::{DEPTH_LIMIT, Id, Kind, Style};

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

    fn explode_all(&mut self, context: &Context, target: Option<&Expr>) -> Outcome {
        for id in context.nodes.iter() {
            let found = self.eval(&context.single(*id), target)?;
            for id in found.nodes.iter() {
                self.explode(*id, 0)?;
            }
        }
        Ok(context.clone())
    }

    /// Puts copies where aliases are, and merges `<<`.
    pub(crate) fn explode(&mut self, id: Id, depth: usize) -> Result<(), Error> {
        if depth > 2 * DEPTH_LIMIT {
            return Err(Error::TooMuch { what: "aliases are nested too deeply" });
        }
        self.tree.check()?;
        self.tree.get_mut(id).anchor = "".into();
        match self.tree.get(id).kind {
            Kind::Alias => self.explode_alias(id),
            Kind::Mapping if self.has_merge(id) => return self.explode_merges(id, depth),
            Kind::Mapping | Kind::Sequence => {
                for child in self.tree.get(id).content.clone() {
                    self.explode(child, depth + 1)?;
                }
            }
            Kind::Scalar | Kind::Unset => {}
        }
        Ok(())
    }

    fn has_merge(&self, id: Id) -> bool {
        self.tree.get(id).pairs().any(|(key, _)| &*self.tree.get(key).value == "<<")
    }

    fn explode_alias(&mut self, id: Id) {
        let Some(target) = self.tree.get(id).alias else { return };
        let target = self.tree.get(target).clone();
        let node = self.tree.get_mut(id);
        (node.kind, node.style, node.tag) = (target.kind, target.style, target.tag);
        self.tree.add_children(id, &target.content);
        let node = self.tree.get_mut(id);
        (node.value, node.alias) = (target.value, None);
    }

    fn explode_merges(&mut self, id: Id, depth: usize) -> Result<(), Error> {
        let mut made: Vec<(Id, Id)> = Vec::new();
        let pairs: Vec<(Id, Id)> = self.tree.get(id).pairs().collect();
        for (at, (key, value)) in pairs.iter().enumerate() {
            if &*self.tree.get(*key).value != "<<" {
                self.override_pair(id, (*key, *value), at, &mut made, depth)?;
                continue;
            }
            let node = self.tree.get(*value);
            if node.kind == Kind::Sequence {
                let sources = node.content.clone();
                for (number, source) in sources.iter().enumerate().rev() {
                    let source = self.tree.get(*source).alias;
                    // The number in the list is taken for the place in the mapping, as in yq.
                    self.merge_alias(id, source, Place::Content(number), &mut made, depth)?;
                }
            } else {
                self.merge_alias(id, node.alias, Place::Pair(at), &mut made, depth)?;
            }
        }
        let flat: Vec<Id> = made.iter().flat_map(|(key, value)| [*key, *value]).collect();
        self.tree.get_mut(id).content.clear();
        // Keys and values are put in as if they were items; so a key has a number for a key.
        for child in flat {
            self.tree.add_item(id, child);
        }
        Ok(())
    }

    fn merge_alias(
        &mut self,
        id: Id,
        source: Option<Id>,
        place: Place,
        made: &mut Vec<(Id, Id)>,
        depth: usize,
    ) -> Result<(), Error> {
        let Some(source) = source else { return Ok(()) };
        let node = self.tree.get(source);
        if node.kind != Kind::Mapping {
            return Err(Error::evaluation(format!("`<<` needs mappings, not {}", node.tag)));
        }
        let pairs: Vec<(Id, Id)> = node.pairs().collect();
        for pair in pairs {
            self.override_at(id, pair, place, made, depth)?;
        }
        Ok(())
    }

    fn override_pair(
        &mut self,
        id: Id,
        pair: (Id, Id),
        at: usize,
        made: &mut Vec<(Id, Id)>,
        depth: usize,
    ) -> Result<(), Error> {
        self.override_at(id, pair, Place::Pair(at), made, depth)
    }

    /// A later value takes the place of an earlier one; a key that comes later anyway waits for it.
    fn override_at(
        &mut self,
        id: Id,
        (key, value): (Id, Id),
        place: Place,
        made: &mut Vec<(Id, Id)>,
        depth: usize,
    ) -> Result<(), Error> {
        self.explode(value, depth + 1)?;
        let name = self.tree.get(key).value.clone();
        let is_plain = |own: &Self, id: Id| own.tree.get(id).alias.is_none();
        let same = |own: &Self, id: Id| own.tree.get(id).value == name && is_plain(own, id);
        if is_plain(self, key)
            && let Some(known) = made.iter_mut().find(|(known, _)| same(self, *known))
        {
            known.1 = value;
            return Ok(());
        }
        let start = match place {
            Place::Pair(at) => 2 * at + 2,
            Place::Content(at) => at + 2,
        };
        let rest = self.tree.get(id).content.iter().skip(start).step_by(2);
        if rest.copied().any(|later| same(self, later)) {
            return Ok(());
        }
        self.explode(key, depth + 1)?;
        made.push((key, value));
        Ok(())
    }
}

/// Where in a mapping something is merged.
#[derive(Clone, Copy)]
enum Place {
    Pair(usize),
    Content(usize),
}

/// The text of a comment: without `# ` at the start of its lines.
fn without_signs(comment: &str) -> String {
    let comment = comment.strip_prefix("# ").unwrap_or(comment);
    comment.replace("\n# ", "\n")
}
