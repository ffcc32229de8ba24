//! Lines to nodes.

use std::rc::Rc;

use super::lines::{Line, Pair, Path, Reader};
use super::values::Value;
use crate::Error;
use crate::evaluate::Evaluator;
use crate::tree::{Id, Kind, Node, Step, TableForm};

struct Builder<'e, 'a> {
    evaluator: &'e mut Evaluator<'a>,
    root: Id,
    pending: Vec<String>,
}

/// One mapping, or nothing if there is no key.
pub(crate) fn read(evaluator: &mut Evaluator<'_>, text: &str) -> Result<Option<Id>, Error> {
    let root = evaluator.tree.add(Node::mapping());
    let mut builder = Builder { evaluator, root, pending: vec![] };
    let mut reader = Reader::new(text);
    let mut line = builder.head(&mut reader)?;
    while let Some(found) = line {
        line = match found {
            Line::Comment(comment) => {
                builder.pending.push(comment);
                reader.next()?
            }
            Line::Pair(pair) => builder.pairs(root, pair, &mut reader)?,
            Line::Table(path) => builder.table(&path, &mut reader, false)?,
            Line::ArrayTable(path) => builder.table(&path, &mut reader, true)?,
        };
    }
    let is_empty = builder.evaluator.tree.get(root).content.is_empty();
    Ok((!is_empty).then_some(root))
}

fn steps(path: &[Rc<str>]) -> Vec<Step> {
    path.iter().map(|key| Step::Key(key.clone())).collect()
}

impl Builder<'_, '_> {
    /// Comments at the start belong to the document.
    fn head(&mut self, reader: &mut Reader<'_>) -> Result<Option<Line>, Error> {
        let mut comments = Vec::new();
        loop {
            match reader.next()? {
                Some(Line::Comment(comment)) => comments.push(comment),
                line => {
                    self.evaluator.tree.get_mut(self.root).head = comments.join("\n").into();
                    return Ok(line);
                }
            }
        }
    }

    fn take_pending(&mut self) -> Option<String> {
        let pending = std::mem::take(&mut self.pending);
        (!pending.is_empty()).then(|| pending.join("\n"))
    }

    /// A pair and all that follow it in the same table; gives the line behind them.
    fn pairs(
        &mut self,
        to: Id,
        first: Pair,
        reader: &mut Reader<'_>,
    ) -> Result<Option<Line>, Error> {
        self.pair(to, first)?;
        loop {
            match reader.next()? {
                Some(Line::Pair(pair)) => self.pair(to, pair)?,
                Some(Line::Comment(comment)) => self.pending.push(comment),
                line => return Ok(line),
            }
        }
    }

    fn pair(&mut self, to: Id, pair: Pair) -> Result<(), Error> {
        let node = self.node(pair.value)?;
        if let Some(comment) = self.take_pending() {
            self.evaluator.tree.get_mut(node).head = comment.into();
        }
        if let Some(comment) = pair.comment {
            self.evaluator.tree.get_mut(node).line = comment.into();
        }
        self.evaluator.assign_at(to, &steps(&pair.path), node)
    }

    fn node(&mut self, value: Value) -> Result<Id, Error> {
        match value {
            Value::Scalar(tag, text) => {
                Ok(self.evaluator.tree.add(Node::new(Kind::Scalar, tag, text)))
            }
            Value::Array(items) => {
                let id = self.evaluator.tree.add(Node::sequence());
                for (comment, value) in items {
                    let item = self.node(value)?;
                    if let Some(comment) = comment {
                        self.evaluator.tree.get_mut(item).head = comment.into();
                    }
                    self.evaluator.tree.adopt_item(id, item);
                }
                Ok(id)
            }
            Value::Table(pairs) => {
                let node = Node { form: TableForm::Inline, ..Node::mapping() };
                let id = self.evaluator.tree.add(node);
                for (path, value) in pairs {
                    self.inline_pair(id, path, value)?;
                }
                Ok(id)
            }
        }
    }

    /// Each pair is built by itself and put behind the others.
    fn inline_pair(&mut self, id: Id, path: Path, value: Value) -> Result<(), Error> {
        let single = self.evaluator.tree.add(Node::mapping());
        self.pair(single, Pair { path, value, comment: None })?;
        let pairs: Vec<(Id, Id)> = self.evaluator.tree.get(single).pairs().collect();
        for (key, value) in pairs {
            self.evaluator.tree.adopt_pair(id, key, value);
        }
        Ok(())
    }

    fn table(
        &mut self,
        path: &[Rc<str>],
        reader: &mut Reader<'_>,
        is_array: bool,
    ) -> Result<Option<Line>, Error> {
        let path = self.path_into_arrays(path);
        let node = Node { form: TableForm::Section, ..Node::mapping() };
        let table = self.evaluator.tree.add(node);
        if let Some(comment) = self.take_pending() {
            self.evaluator.tree.get_mut(table).head = comment.into();
        }
        let next = loop {
            match reader.next()? {
                Some(Line::Comment(comment)) => self.pending.push(comment),
                Some(Line::Pair(pair)) => break self.pairs(table, pair, reader)?,
                line => {
                    self.keep_comments(table);
                    break line;
                }
            }
        };
        if is_array {
            self.append(&path, table)?;
        } else {
            self.evaluator.assign_at(self.root, &path, table)?;
        }
        Ok(next)
    }

    /// Comments in a table without keys belong to the table.
    fn keep_comments(&mut self, table: Id) {
        if let Some(more) = self.take_pending() {
            let node = self.evaluator.tree.get_mut(table);
            node.head = match &*node.head {
                "" => more.into(),
                head => format!("{head}\n{more}").into(),
            };
        }
    }

    fn append(&mut self, path: &[Step], table: Id) -> Result<(), Error> {
        let array = self.evaluator.tree.add(Node::sequence());
        self.evaluator.tree.adopt_item(array, table);
        self.evaluator.append_at(self.root, path, array)
    }

    /// A step that leads to an array of tables means its last one.
    fn path_into_arrays(&self, path: &[Rc<str>]) -> Vec<Step> {
        let tree = &self.evaluator.tree;
        let mut steps = Vec::new();
        let mut at = Some(self.root);
        for (number, key) in path.iter().enumerate() {
            steps.push(Step::Key(key.clone()));
            if number + 1 == path.len() {
                break;
            }
            at = at.and_then(|id| tree.value_of(id, key));
            let last = at.map(|id| tree.get(id)).filter(|node| node.kind == Kind::Sequence);
            if let Some((index, item)) =
                last.and_then(|node| node.content.iter().enumerate().next_back())
            {
                steps.push(Step::Index(i64::try_from(index).unwrap_or(0)));
                at = Some(*item);
            }
        }
        steps
    }
}
