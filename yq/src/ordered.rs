//! A map that keeps the order in which its keys came.

use std::collections::HashMap;

#[derive(Debug)]
pub(crate) struct Ordered<V> {
    places: HashMap<String, usize>,
    entries: Vec<(String, V)>,
}

impl<V> Default for Ordered<V> {
    fn default() -> Self {
        Self { places: HashMap::new(), entries: Vec::new() }
    }
}

impl<V: Default> Ordered<V> {
    /// Changes the value of a key, which is made if it is not there.
    pub(crate) fn change(&mut self, key: &str, change: impl FnOnce(&mut V)) {
        let place = self.place(key);
        if let Some((_, value)) = self.entries.get_mut(place) {
            change(value);
        }
    }

    /// Where a key is.
    pub(crate) fn place(&mut self, key: &str) -> usize {
        if let Some(place) = self.places.get(key) {
            return *place;
        }
        let place = self.entries.len();
        self.places.insert(key.to_owned(), place);
        self.entries.push((key.to_owned(), V::default()));
        place
    }

    pub(crate) fn at_mut(&mut self, place: usize) -> Option<&mut V> {
        self.entries.get_mut(place).map(|(_, value)| value)
    }
}

impl<V> Ordered<V> {
    pub(crate) fn get(&self, key: &str) -> Option<&V> {
        let place = *self.places.get(key)?;
        self.entries.get(place).map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}
