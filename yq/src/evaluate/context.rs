//! The nodes that matched so far, and what is known around them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::tree::Id;

type Variables = BTreeMap<Rc<str>, Vec<Id>>;

#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    /// Shared, so that an operator that hands on its input can be told from one that copies it.
    pub(crate) nodes: Rc<Vec<Id>>,
    /// None at the top, where nothing can be remembered.
    variables: Option<Rc<RefCell<Variables>>>,
    /// Paths that are not there are not made.
    pub(super) is_read_only: bool,
}

impl Context {
    pub(crate) fn top(id: Id) -> Self {
        Self { nodes: Rc::new(vec![id]), ..Self::default() }
    }

    /// Other nodes and nothing else changed.
    pub(super) fn only(&self, nodes: Vec<Id>) -> Self {
        Self { nodes: Rc::new(nodes), ..self.clone() }
    }

    pub(super) fn child(&self, nodes: Vec<Id>) -> Self {
        self.with(Rc::new(nodes))
    }

    /// A context below this one: what it remembers is forgotten with it.
    pub(super) fn with(&self, nodes: Rc<Vec<Id>>) -> Self {
        let variables = self.variables.as_ref().map(|now| now.borrow().clone());
        let variables = Some(Rc::new(RefCell::new(variables.unwrap_or_default())));
        Self { nodes, variables, is_read_only: self.is_read_only }
    }

    pub(super) fn single(&self, id: Id) -> Self {
        self.child(vec![id])
    }

    pub(super) fn single_read_only(&self, id: Id) -> Self {
        Self { is_read_only: true, ..self.single(id) }
    }

    pub(super) fn read_only(&self) -> Self {
        Self { is_read_only: true, ..self.with(self.nodes.clone()) }
    }

    pub(super) fn writable(&self) -> Self {
        Self { is_read_only: false, ..self.with(self.nodes.clone()) }
    }

    pub(super) fn first(&self) -> Option<Id> {
        self.nodes.first().copied()
    }

    pub(super) fn variable(&self, name: &str) -> Vec<Id> {
        let variables = self.variables.as_ref();
        variables.and_then(|now| now.borrow().get(name).cloned()).unwrap_or_default()
    }

    /// Remembers a value in this context and all that share it.
    pub(super) fn set(&mut self, name: Rc<str>, nodes: Vec<Id>) {
        self.variables.get_or_insert_default().borrow_mut().insert(name, nodes);
    }

    pub(super) fn remember(&self, name: Rc<str>, nodes: Vec<Id>) {
        if let Some(variables) = &self.variables {
            variables.borrow_mut().insert(name, nodes);
        }
    }
}
