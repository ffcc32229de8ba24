//! Sets of port numbers, as ranges.

/// Port numbers as inclusive ranges: sorted, apart and not adjacent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(u16, u16)>);

impl Ranges {
    /// Every number.
    pub fn all() -> Self {
        Self::between(0, u16::MAX)
    }

    /// No number.
    pub fn none() -> Self {
        Self::default()
    }

    /// From `low` to `high`, both included; none if they are swapped.
    pub fn between(low: u16, high: u16) -> Self {
        if low <= high { Self(vec![(low, high)]) } else { Self::none() }
    }

    /// Whether there is no number in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|(low, high)| usize::from(high - low) + 1).sum()
    }

    /// How many ranges there are.
    pub fn parts(&self) -> usize {
        self.0.len()
    }

    /// Each number, in order.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        self.0.iter().flat_map(|(low, high)| *low..=*high)
    }

    /// What is in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let overlap = |a: &(u16, u16), b: &(u16, u16)| {
            let (low, high) = (a.0.max(b.0), a.1.min(b.1));
            (low <= high).then_some((low, high))
        };
        let (mut ours, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some(a), Some(b)) = (ours.peek(), theirs.peek()) {
            both.extend(overlap(a, b));
            if a.1 < b.1 {
                ours.next()
            } else {
                theirs.next()
            };
        }
        Self(both)
    }

    /// What is in either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        self.0.iter().chain(&other.0).copied().collect()
    }

    /// What is not in it.
    #[must_use]
    pub fn inverted(&self) -> Self {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut next = Some(0_u16);
        for (low, high) in &self.0 {
            let before = next.zip(low.checked_sub(1));
            gaps.extend(before.filter(|(start, end)| start <= end));
            next = high.checked_add(1);
        }
        gaps.extend(next.map(|start| (start, u16::MAX)));
        Self(gaps)
    }

    /// What is in this one only.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        self.and(&other.inverted())
    }
}

impl FromIterator<(u16, u16)> for Ranges {
    /// In any order, overlapping or not.
    fn from_iter<I: IntoIterator<Item = (u16, u16)>>(ranges: I) -> Self {
        let mut sorted: Vec<_> = ranges.into_iter().filter(|(low, high)| low <= high).collect();
        sorted.sort_unstable();
        let mut joined: Vec<(u16, u16)> = Vec::with_capacity(sorted.len());
        for (low, high) in sorted {
            match joined.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                _ => joined.push((low, high)),
            }
        }
        Self(joined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn some() -> impl Strategy<Value = Ranges> {
        let near = prop_oneof![0..20_u16, (u16::MAX - 20)..=u16::MAX];
        let range = (near, 0..6_u16).prop_map(|(low, more)| (low, low.saturating_add(more)));
        proptest::collection::vec(range, 0..6).prop_map(|ranges| ranges.into_iter().collect())
    }

    proptest! {
        #[test]
        fn they_are_sets(a in some(), b in some()) {
            let set = |ranges: &Ranges| ranges.iter().collect::<BTreeSet<_>>();
            let (left, right) = (set(&a), set(&b));
            prop_assert_eq!(a.len(), left.len());
            prop_assert_eq!(set(&a.and(&b)), &left & &right);
            prop_assert_eq!(set(&a.or(&b)), &left | &right);
            prop_assert_eq!(set(&a.without(&b)), &left - &right);
            prop_assert_eq!(a.inverted().inverted(), a.clone());
            prop_assert_eq!(a.or(&a.inverted()), Ranges::all());
        }
    }
}
