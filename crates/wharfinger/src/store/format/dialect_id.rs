//! The number of a dialect in the store.

/// The number that a store assigns to a dialect when it is first used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct DialectId(pub i64);

impl DialectId {
    /// Stands for a dialect that has no number yet. The numbers begin with 1.
    pub(crate) const NEW: Self = Self(0);
}

impl std::fmt::Display for DialectId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(out)
    }
}
