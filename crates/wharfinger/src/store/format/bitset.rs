//! A set of small numbers, one bit each.

/// A set of ordinals, one bit each. The last byte is never zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bitset(pub Vec<u8>);

impl Bitset {
    /// The ordinals of the items for which `is_wanted` returns true.
    pub(crate) fn of<T>(items: &[T], mut is_wanted: impl FnMut(&T) -> bool) -> Self {
        let mut ordinals = Self(vec![0; items.len().div_ceil(8)]);
        for (ordinal, _) in items.iter().enumerate().filter(|(_, item)| is_wanted(item)) {
            ordinals.0[ordinal / 8] |= 1 << (ordinal % 8);
        }
        ordinals.trim();
        ordinals
    }

    /// Whether the set contains an ordinal.
    pub(crate) fn contains(&self, ordinal: usize) -> bool {
        let byte = self.0.get(ordinal / 8);
        byte.is_some_and(|byte| byte & 1 << (ordinal % 8) != 0)
    }

    /// Whether the set is a subset of `others`.
    pub(crate) fn is_within(&self, others: &Self) -> bool {
        let pairs = self.0.iter().zip(&others.0);
        self.0.len() <= others.0.len() && pairs.into_iter().all(|(own, other)| own & !other == 0)
    }

    /// Removes an ordinal.
    pub(crate) fn remove(&mut self, ordinal: usize) {
        if let Some(byte) = self.0.get_mut(ordinal / 8) {
            *byte &= !(1 << (ordinal % 8));
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}
