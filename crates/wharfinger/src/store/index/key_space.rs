//! Key spaces, and the keys of the index table.

use wharfinger_core::ids::OrganisationId;

use crate::store::format::entry_addr::EntryAddr;

/// The orders of one organisation and one dialect. Order keys are unique within a key space.
#[derive(Clone, Debug)]
pub(crate) struct KeySpace {
    /// Whose.
    pub organisation: OrganisationId,
    /// The number that stands for the dialect.
    pub dialect: i64,
    /// What keys of the table begin with.
    prefix: String,
}

impl KeySpace {
    /// The orders of an organisation and a dialect.
    pub(crate) fn new(organisation: OrganisationId, dialect: i64) -> Self {
        Self {
            organisation,
            dialect,
            prefix: format!("{}.{dialect}.", organisation.0),
        }
    }

    /// What keys of the table begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether a key of the table is of this scope.
    pub(crate) fn has(&self, key: &[u8]) -> bool {
        key.starts_with(self.prefix.as_bytes())
    }

    /// Writes the key of the table for an order key.
    pub(super) fn write_key(&self, key: &str, out: &mut String) {
        out.clear();
        out.push_str(&self.prefix);
        out.push_str(key);
    }

    /// The key of the table for an order key.
    pub(crate) fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The key of the table for an order that has released its order key. No order key holds a zero byte.
    pub(crate) fn released_key(&self, key: &str, order: EntryAddr) -> String {
        format!("{}{key}\0{}", self.prefix, order.0)
    }

    /// The bounds between which the table has those that released an order key.
    pub(crate) fn released_bounds(&self, key: &str) -> [String; 2] {
        ['\0', '\u{1}'].map(|end| format!("{}{key}{end}", self.prefix))
    }
}
