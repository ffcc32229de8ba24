//! Ports in order, as one sorted row in memory.
//!
//! Thousands of ports are compared at each change and copied for each host: a
//! sorted row is a quarter of a tree's size, and two of them are compared in
//! one pass without a single allocation.

use super::Port;
use std::cmp::Ordering;

/// Ports in ascending order, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortSet(Vec<Port>);

impl PortSet {
    /// No ports.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Port> {
        self.0.iter()
    }

    /// The least one.
    pub fn first(&self) -> Option<&Port> {
        self.0.first()
    }

    /// Whether this port is one of them.
    pub fn contains(&self, port: &Port) -> bool {
        self.0.binary_search(port).is_ok()
    }

    /// Adds a port; whether it is new.
    pub fn insert(&mut self, port: Port) -> bool {
        let place = self.0.binary_search(&port);
        if let Err(place) = place {
            self.0.insert(place, port);
        }
        place.is_err()
    }

    /// Takes a port out; whether it was there.
    pub fn remove(&mut self, port: &Port) -> bool {
        let place = self.0.binary_search(port);
        if let Ok(place) = place {
            self.0.remove(place);
        }
        place.is_ok()
    }

    /// What is here and not in `other`, in order.
    pub fn difference<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Port> {
        let mut others = other.0.iter().peekable();
        self.0.iter().filter(move |port| {
            while others.next_if(|other| other.cmp(port) == Ordering::Less).is_some() {}
            others.peek() != Some(port)
        })
    }

    /// Makes `self` the ports of an iterator, in the room that it has.
    pub fn refill(&mut self, ports: impl IntoIterator<Item = Port>) {
        self.0.clear();
        self.0.extend(ports);
        self.0.sort_unstable();
        self.0.dedup();
    }
}

impl FromIterator<Port> for PortSet {
    fn from_iter<I: IntoIterator<Item = Port>>(ports: I) -> Self {
        let mut set = Self::new();
        set.refill(ports);
        set
    }
}

impl Extend<Port> for PortSet {
    fn extend<I: IntoIterator<Item = Port>>(&mut self, ports: I) {
        self.0.extend(ports);
        self.0.sort();
        self.0.dedup();
    }
}

impl<const N: usize> From<[Port; N]> for PortSet {
    fn from(ports: [Port; N]) -> Self {
        ports.into_iter().collect()
    }
}

impl<'a> IntoIterator for &'a PortSet {
    type Item = &'a Port;
    type IntoIter = std::slice::Iter<'a, Port>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Protocol;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn ports() -> impl Strategy<Value = Vec<Port>> {
        let port = (any::<bool>(), 0_u8..3, 1_u16..9).prop_map(|(tcp, host, number)| {
            let protocol = if tcp { Protocol::Tcp } else { Protocol::Udp };
            Port::new(protocol, [127, 0, 0, host].into(), number)
        });
        proptest::collection::vec(port, 0..40)
    }

    proptest! {
        #[test]
        fn behaves_as_a_tree(left in ports(), right in ports()) {
            let tree: BTreeSet<Port> = left.iter().copied().collect();
            let other: BTreeSet<Port> = right.iter().copied().collect();
            let mut set: PortSet = left.iter().copied().collect();
            prop_assert!(set.iter().eq(&tree));
            let others = PortSet::from_iter(right.clone());
            prop_assert!(set.difference(&others).eq(tree.difference(&other)));
            for port in right {
                prop_assert_eq!(set.contains(&port), tree.contains(&port));
                prop_assert_eq!(set.insert(port), !tree.contains(&port) );
                prop_assert!(set.remove(&port));
                if tree.contains(&port) { set.insert(port); }
            }
            prop_assert!(set.iter().eq(&tree));
        }
    }
}
