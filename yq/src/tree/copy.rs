//! Copies of nodes, and nodes that take the place of others.

use std::rc::Rc;

use super::{DEPTH_LIMIT, Id, Kind, Node, Style, Tree};

impl Tree {
    /// A copy with all that is below. Aliases still point to the same nodes.
    pub(crate) fn copy(&mut self, id: Id) -> Id {
        let copy = self.copy_below(id, 0);
        self.copy_key(id, copy);
        copy
    }

    /// A copy without what is below.
    pub(crate) fn copy_alone(&mut self, id: Id) -> Id {
        let node = shallow(self.get(id));
        let copy = self.append(node);
        self.copy_key(id, copy);
        copy
    }

    fn copy_key(&mut self, id: Id, copy: Id) {
        if let Some(key) = self.get(id).key {
            let key = self.copy_below(key, 0);
            self.get_mut(copy).key = Some(key);
        }
    }

    /// The copy of a child needs no copy of the old key: it gets a new one.
    fn copy_below(&mut self, id: Id, depth: usize) -> Id {
        let node = shallow(self.get(id));
        let copy = self.append(node);
        let children = self.get(id).content.clone();
        self.is_too_deep |= depth > DEPTH_LIMIT;
        if !self.is_full() && !self.is_too_deep {
            self.add_copies(copy, &children, depth + 1);
        }
        copy
    }

    fn add_copies(&mut self, id: Id, children: &[Id], depth: usize) {
        if self.get(id).kind == Kind::Mapping {
            for pair in children.chunks_exact(2) {
                if let [key, value] = pair {
                    let (key, value) =
                        (self.copy_below(*key, depth), self.copy_below(*value, depth));
                    self.adopt_pair(id, key, value);
                }
            }
        } else {
            for item in children {
                let item = self.copy_below(*item, depth);
                self.adopt_item(id, item);
            }
        }
    }

    /// Puts copies of a key and a value at the end of a mapping.
    pub(crate) fn add_pair(&mut self, mapping: Id, key: Id, value: Id) -> (Id, Id) {
        let (key, value) = (self.copy_below(key, 0), self.copy_below(value, 0));
        self.adopt_pair(mapping, key, value);
        (key, value)
    }

    /// Puts a copy at the end of a sequence.
    pub(crate) fn add_item(&mut self, sequence: Id, item: Id) -> Id {
        let item = self.copy_below(item, 0);
        self.adopt_item(sequence, item);
        item
    }

    /// Copies the children of another node: in pairs if `id` is a mapping, else as items.
    pub(crate) fn add_children(&mut self, id: Id, children: &[Id]) {
        self.add_copies(id, children, 0);
    }

    /// Puts a node that belongs to nobody yet at the end of a sequence.
    pub(crate) fn adopt_item(&mut self, sequence: Id, item: Id) {
        let number = self.get(sequence).content.len();
        let key =
            Node { parent: Some(sequence), ..Node::new(Kind::Scalar, "!!int", number.to_string()) };
        let key = self.append(key);
        let node = self.get_mut(item);
        node.parent = Some(sequence);
        node.is_key = false;
        node.key = Some(key);
        self.get_mut(sequence).content.push(item);
    }

    /// Puts a key and a value that belong to nobody yet at the end of a mapping.
    pub(crate) fn adopt_pair(&mut self, mapping: Id, key: Id, value: Id) {
        let node = self.get_mut(key);
        node.parent = Some(mapping);
        node.is_key = true;
        let node = self.get_mut(value);
        node.parent = Some(mapping);
        node.is_key = false;
        node.key = Some(key);
        self.get_mut(mapping).content.extend([key, value]);
    }

    /// A new node where `id` is: same parent, same key.
    pub(crate) fn replacement(
        &mut self,
        id: Id,
        kind: Kind,
        tag: &str,
        value: impl Into<Rc<str>>,
    ) -> Id {
        let node = Node::new(kind, tag, value);
        let new = self.add(node);
        self.place(id, new);
        new
    }

    /// A copy of `other` where `id` is.
    pub(crate) fn copy_in_place_of(&mut self, id: Id, other: Id) -> Id {
        let copy = self.copy(other);
        self.place(id, copy);
        copy
    }

    fn place(&mut self, id: Id, new: Id) {
        let original = self.get(id);
        let (parent, key) =
            (original.parent, if original.is_key { Some(id) } else { original.key });
        let node = self.get_mut(new);
        node.parent = parent;
        node.key = key;
    }

    pub(crate) fn replacement_with_comments(
        &mut self,
        id: Id,
        kind: Kind,
        tag: &str,
        style: Style,
    ) -> Id {
        let new = self.replacement(id, kind, tag, "");
        let Node { leading, head, line, foot, .. } = shallow(self.get(id));
        let node = self.get_mut(new);
        (node.leading, node.head, node.line, node.foot) = (leading, head, line, foot);
        node.style = style;
        new
    }
}

fn shallow(node: &Node) -> Node {
    Node {
        kind: node.kind,
        style: node.style,
        tag: node.tag.clone(),
        value: node.value.clone(),
        anchor: node.anchor.clone(),
        alias: node.alias,
        content: Vec::new(),
        head: node.head.clone(),
        line: node.line.clone(),
        foot: node.foot.clone(),
        leading: node.leading.clone(),
        parent: node.parent,
        key: None,
        is_key: node.is_key,
        document: node.document,
        form: node.form,
    }
}
