//! `explode`: copies where aliases are, and what `<<` merges.

use super::{Context, Evaluator, Outcome};
use crate::Error;
use crate::expression::Expr;
use crate::tree::{DEPTH_LIMIT, Id, Kind};

/// Where in a mapping something is merged.
#[derive(Clone, Copy)]
enum Place {
    Pair(usize),
    Content(usize),
}

impl Evaluator<'_> {
    pub(super) fn explode_all(&mut self, context: &Context, target: Option<&Expr>) -> Outcome {
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
