//! Keys of mappings, also through `<<`, and with wildcards.

use std::collections::HashMap;

use super::super::{Context, Evaluator};
use crate::Error;
use crate::expression::Flags;
use crate::tree::{DEPTH_LIMIT, Id, Kind, Node, Style};

/// Keys that are looked at for one step of work.
pub(in crate::evaluate) const LOOKS: usize = 32;

/// Values by their names: a later one takes the place of an earlier one.
#[derive(Default)]
struct Matches {
    names: HashMap<String, usize>,
    nodes: Vec<Id>,
}

impl Matches {
    fn set(&mut self, name: String, id: Id) {
        if let Some(place) = self.names.get(&name).and_then(|at| self.nodes.get_mut(*at)) {
            *place = id;
        } else {
            self.names.insert(name, self.nodes.len());
            self.nodes.push(id);
        }
    }
}

impl Evaluator<'_> {
    /// The values of a key, or all if there is none; a key that is missing is made.
    pub(super) fn traverse_mapping(
        &mut self,
        context: &Context,
        id: Id,
        key: Option<&Node>,
        flags: Flags,
    ) -> Result<Vec<Id>, Error> {
        let mut matches = Matches::default();
        // To look through a long mapping again and again is work.
        self.work += self.tree.get(id).content.len() / LOOKS;
        self.find(&mut matches, id, key.map(|key| &*key.value), flags, 0)?;
        let makes = !flags.never_creates && !context.is_read_only && matches.nodes.is_empty();
        if let Some(key) = key.filter(|_| makes) {
            return Ok(self.make_pair(id, key, flags));
        }
        Ok(matches.nodes)
    }

    fn make_pair(&mut self, id: Id, key: &Node, flags: Flags) -> Vec<Id> {
        if self.tree.get(id).content.is_empty() {
            self.tree.get_mut(id).style = Style::PLAIN;
        }
        let key = self.instance(key);
        let value = self.tree.add(Node::null("null"));
        self.tree.adopt_pair(id, key, value);
        let both = [(flags.with_keys, key), (!flags.without_values, value)];
        both.into_iter().filter(|(is_wanted, _)| *is_wanted).map(|(_, id)| id).collect()
    }

    fn find(
        &self,
        matches: &mut Matches,
        id: Id,
        wanted: Option<&str>,
        flags: Flags,
        depth: usize,
    ) -> Result<(), Error> {
        if depth > DEPTH_LIMIT {
            return Err(Error::TooMuch { what: "merge keys are nested too deeply" });
        }
        for (key, value) in self.tree.get(id).pairs() {
            let name = &self.tree.get(key).value;
            let is_merge = &*self.tree.get(key).tag == "!!merge";
            if is_merge && !flags.stays_at_alias && wanted.unwrap_or("") != &**name {
                self.find_merged(matches, value, wanted, flags, depth + 1)?;
            } else if wanted.is_none_or(|wanted| is_match(name, wanted, flags.is_exact)) {
                if flags.with_keys {
                    matches.set(self.tree.name(key), key);
                }
                if !flags.without_values {
                    matches.set(self.tree.name(value), value);
                }
            }
        }
        Ok(())
    }

    /// Looks into what `<<` merges: a mapping, or several in a sequence.
    fn find_merged(
        &self,
        matches: &mut Matches,
        id: Id,
        wanted: Option<&str>,
        flags: Flags,
        depth: usize,
    ) -> Result<(), Error> {
        let follow = |id: Id| {
            let node = self.tree.get(id);
            if node.kind == Kind::Alias { node.alias.unwrap_or(id) } else { id }
        };
        let id = follow(id);
        match self.tree.get(id).kind {
            Kind::Mapping => self.find(matches, id, wanted, flags, depth),
            Kind::Sequence => {
                for item in &self.tree.get(id).content {
                    let item = follow(*item);
                    if self.tree.get(item).kind != Kind::Mapping {
                        return Ok(());
                    }
                    self.find(matches, item, wanted, flags, depth)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Whether a key is the wanted one; `*` and `?` are wildcards.
pub(in crate::evaluate) fn is_match(name: &str, wanted: &str, is_exact: bool) -> bool {
    if is_exact || wanted.is_empty() {
        return name == wanted;
    }
    wanted == "*" || is_glob(name.as_bytes(), wanted.as_bytes())
}

/// Takes one character more for the last `*` each time that the rest does not fit.
fn is_glob(name: &[u8], pattern: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut restart: Option<(usize, usize)> = None;
    while p < pattern.len() || n < name.len() {
        match (pattern.get(p), name.get(n)) {
            (Some(b'*'), _) => {
                restart = Some((p, n + 1));
                p += 1;
                continue;
            }
            (Some(b'?'), Some(_)) => {
                p += 1;
                n += 1;
                continue;
            }
            (Some(wanted), Some(found)) if wanted == found => {
                p += 1;
                n += 1;
                continue;
            }
            _ => {}
        }
        match restart {
            Some((at, next)) if next <= name.len() => (p, n) = (at, next),
            _ => return false,
        }
    }
    true
}
