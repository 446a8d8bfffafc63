//! Key spaces, and the keys of the index table.

use wharfinger_core::order::ids::OrganisationId;

use crate::store::format::dialect_id::DialectId;
use crate::store::format::entry_addr::EntryAddr;

/// The orders of one organisation and one dialect. Order keys are unique within a key space.
#[derive(Clone, Debug)]
pub(crate) struct KeySpace {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The number of the dialect.
    pub dialect: DialectId,
    /// The prefix of its keys of the table.
    prefix: String,
}

/// As `format!`, which takes several times as long: each group of a batch has a key space.
fn prefix(organisation: OrganisationId, dialect: DialectId) -> String {
    let (mut of_organisation, mut of_dialect) = (itoa::Buffer::new(), itoa::Buffer::new());
    let organisation = of_organisation.format(organisation.0);
    [organisation, ".", of_dialect.format(dialect.0), "."].concat()
}

impl KeySpace {
    /// The key space of an organisation and a dialect.
    pub(crate) fn new(organisation: OrganisationId, dialect: DialectId) -> Self {
        Self {
            organisation,
            dialect,
            prefix: prefix(organisation, dialect),
        }
    }

    /// The prefix of all its keys of the table.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The first key of the table that is behind all of its keys.
    pub(crate) fn end(&self) -> String {
        let without_dot = self.prefix.trim_end_matches('.');
        // The character behind the dot.
        format!("{without_dot}/")
    }

    /// Bounds on the keys of the table of all key spaces of an organisation.
    pub(crate) fn bounds_of(organisation: OrganisationId) -> [String; 2] {
        // The character behind the dot.
        ['.', '/'].map(|end| format!("{}{end}", organisation.0))
    }

    /// The organisation of a key of the table.
    pub(crate) fn organisation_of(key: &[u8]) -> i64 {
        let digits = key.iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |sum: i64, digit| {
            sum.saturating_mul(10)
                .saturating_add(i64::from(digit - b'0'))
        })
    }

    /// The key space of a key of the table. `None` if it is not such a key.
    pub(crate) fn of_key(key: &[u8]) -> Option<Self> {
        let mut parts = key.splitn(3, |byte| *byte == b'.');
        let mut number =
            || -> Option<i64> { std::str::from_utf8(parts.next()?).ok()?.parse().ok() };
        let organisation = OrganisationId(u32::try_from(number()?).ok()?);
        let dialect = DialectId(number()?);
        parts.next()?;
        Some(Self::new(organisation, dialect))
    }

    /// A key of the table as the prefix of its key space and the rest.
    pub(crate) fn split_key(key: &[u8]) -> (&[u8], &[u8]) {
        let mut dots = memchr::memchr_iter(b'.', key);
        let end = dots.nth(1).map_or(key.len(), |dot| dot + 1);
        key.split_at(end)
    }

    /// Whether a key of the table is in this key space.
    pub(crate) fn has(&self, key: &[u8]) -> bool {
        key.starts_with(self.prefix.as_bytes())
    }

    /// Writes the key of the table for an order key to `out`.
    pub(crate) fn write_key(&self, key: &str, out: &mut String) {
        out.clear();
        out.push_str(&self.prefix);
        out.push_str(key);
    }

    /// The key of the table for an order key.
    pub(crate) fn key(&self, key: &str) -> String {
        [&self.prefix, key].concat()
    }

    /// The key of the table for an order that has released its order key. It is unique, because no order key contains a zero
    /// byte.
    pub(crate) fn released_key(&self, key: &str, order: EntryAddr) -> String {
        format!("{}{key}\0{}", self.prefix, order.0)
    }

    /// Bounds on the keys of the table of all orders that have released this order key.
    pub(crate) fn released_bounds(&self, key: &str) -> [String; 2] {
        ['\0', '\u{1}'].map(|end| format!("{}{key}{end}", self.prefix))
    }
}
