//! Organisations, API keys, and the audit log of their changes.

use std::collections::HashSet;

use jiff::tz::TimeZone;
use wharfinger_core::caller::{ListSort, Organisation, Organisations, Reach, Scope};
use wharfinger_core::catalogue::CatalogueMode;

use crate::access::rates::Rates;

/// Who changes something by a command on the data directory, in the audit log.
pub const COMMAND_LINE: &str = "command line";

/// Organisations and keys, as of one moment.
#[derive(Clone, Debug)]
pub struct Directory {
    /// Grows with every change.
    pub version: u64,
    /// The organisations by code.
    pub organisations: Organisations,
    /// The keys, in the order of their creation; revoked ones too.
    pub keys: Vec<Key>,
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its public id.
    pub id: String,
    /// SHA-256 of its secret.
    pub secret_sha256: [u8; 32],
    /// What it may reach.
    pub reach: Reach,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it ends, if ever.
    pub expires_at_ms: Option<i64>,
    /// When it was revoked, if it was.
    pub revoked_at_ms: Option<i64>,
    /// When it was last used, to the minute or so.
    pub last_used_at_ms: Option<i64>,
    /// What it may ask for in a second, in place of what holds for all keys.
    pub rates: Rates,
}

/// An administrative change, each with an entry in the audit log.
#[derive(Clone, Debug)]
pub enum Change {
    /// Makes an organisation; `id` is ignored, the store gives one.
    CreateOrganisation(Organisation),
    /// Changes an organisation; what is absent stays as it is.
    ChangeOrganisation(OrganisationChange),
    /// Makes a key.
    CreateKey(Key),
    /// Gives a key a new secret; the old one is void.
    RotateKey {
        /// The key.
        id: String,
        /// SHA-256 of the new secret.
        secret_sha256: [u8; 32],
    },
    /// Makes a key void.
    RevokeKey {
        /// The key.
        id: String,
        /// When, in milliseconds since 1970.
        at_ms: i64,
    },
}

/// How an organisation is to be changed.
#[derive(Clone, Debug, Default)]
pub struct OrganisationChange {
    /// Its code.
    pub code: String,
    /// Its new name.
    pub name: Option<String>,
    /// Whether it takes customer orders from now on.
    pub customer_orders_enabled: Option<bool>,
    /// Whether its orders are held against its catalogue from now on.
    pub catalogue: Option<CatalogueMode>,
    /// Its time zone from now on.
    pub time_zone: Option<TimeZone>,
    /// How its orders are listed from now on.
    pub list_sort: Option<ListSort>,
}

/// Which entries of the audit log to read.
#[derive(Clone, Debug)]
pub struct ReadAudit {
    /// Only entries older than this one.
    pub before: Option<i64>,
    /// How many at most.
    pub limit: usize,
    /// Only what was done to these, as [`AuditEntry::about`] names them; to all where absent.
    pub about: Option<HashSet<String>>,
}

/// A page of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries, newest first.
    pub entries: Vec<AuditEntry>,
    /// The entry before which the next page begins; none at the end.
    pub next: Option<i64>,
}

/// One administrative change, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Grows with every entry.
    pub id: i64,
    /// When it was, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who did it: the id of a key, or [`COMMAND_LINE`].
    pub who: String,
    /// What was done: `organisation` or `key`, a dot, and a verb in the past.
    pub action: String,
    /// What it was done to: an organisation's code or a key's id.
    pub subject: String,
    /// What exactly was done, as a JSON object, where the action does not say it all.
    pub details: Option<String>,
}

impl AuditEntry {
    /// How an organisation or a key is named in [`ReadAudit::about`]: a code may look like a key's id.
    #[must_use]
    pub fn about(action: &str, subject: &str) -> String {
        let kind = action.split('.').next().unwrap_or_default();
        format!("{kind} {subject}")
    }

    /// The name of an organisation in [`ReadAudit::about`].
    #[must_use]
    pub fn about_organisation(code: &str) -> String {
        Self::about("organisation", code)
    }

    /// The name of a key in [`ReadAudit::about`].
    #[must_use]
    pub fn about_key(id: &str) -> String {
        Self::about("key", id)
    }
}
