//! Organisations, API keys, and the audit log of their changes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use wharfinger_core::dialect::{Dialect, StoredOrder};
use wharfinger_core::letters::hex;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::CatalogueMode;
use wharfinger_core::order::organisation::{
    ListSort, OrgAccess, Organisation, Organisations, Scope,
};
use wharfinger_core::rules::{BatchWork, Hold, Of, Rule, RuleSet};

use super::DestinationChange;

/// The author in the audit log of changes made by a command on the data directory.
pub const COMMAND_LINE: &str = "command line";

/// A snapshot of all organisations and keys.
#[derive(Clone, Debug)]
pub struct Directory {
    /// Increases with every change.
    pub version: u64,
    /// The organisations by code.
    pub organisations: Organisations,
    /// The keys in order of creation, including revoked ones.
    pub keys: Vec<Key>,
    /// The rules of the organisations that have any.
    pub rules: Vec<(OrganisationId, Vec<Rule>)>,
}

/// The compiled rules of an organisation, and what evaluating them takes.
#[derive(Debug)]
pub struct OrganisationRules {
    /// The rules.
    pub set: RuleSet,
    /// The code of the organisation.
    pub code: String,
    /// Its time zone.
    pub time_zone: TimeZone,
}

/// The rules of the organisations that have any.
pub type AllRules = HashMap<OrganisationId, Arc<OrganisationRules>>;

impl OrganisationRules {
    /// The first rule that holds an order of a dialect. Takes the work from what is left for its batch.
    #[must_use]
    pub fn find(
        &self,
        dialect: &dyn Dialect,
        order: &StoredOrder,
        work: &mut BatchWork,
    ) -> Option<Hold> {
        if work.is_used_up() {
            return self.set.unevaluated();
        }
        let of = Of {
            dialect: dialect.id(),
            organisation: &self.code,
        };
        self.set.find(&dialect.canonical(order), of, work)
    }

    /// An order to be judged by the rules, before it is stored.
    #[must_use]
    pub fn subject(&self, key: &str, texts: Vec<String>) -> StoredOrder {
        StoredOrder {
            organisation: self.code.clone(),
            time_zone: self.time_zone.clone(),
            key: key.to_owned(),
            texts,
            ..StoredOrder::of_text("")
        }
    }
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The public id.
    pub id: String,
    /// The SHA-256 hash of the secret.
    pub secret_sha256: [u8; 32],
    /// The organisations that the key may access.
    pub reach: OrgAccess,
    /// The operations that the key may use.
    pub scopes: Vec<Scope>,
    /// When the key was created, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When the key expires, in milliseconds since 1970.
    pub expires_at_ms: Option<i64>,
    /// When the key was revoked, in milliseconds since 1970.
    pub revoked_at_ms: Option<i64>,
    /// When the key was last used, accurate to about a minute.
    pub last_used_at_ms: Option<i64>,
    /// The rate limits of this key, which override those for all keys.
    pub rates: Rates,
    /// Whether it is for tests: it may ask for failures.
    pub is_test: bool,
}

/// A session of the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleSession {
    /// The SHA-256 hash of its token, which only the browser has.
    pub token_sha256: [u8; 32],
    /// The public id of the key that signed in.
    pub key_id: String,
    /// The SHA-256 hash of the key's secret at that time. The session ends when the key has another one.
    pub secret_sha256: [u8; 32],
    /// When it began, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// When it ends, in milliseconds since 1970.
    pub expires_at_ms: i64,
}

/// An administrative change, each with an entry in the audit log.
#[derive(Clone, Debug)]
pub enum Change {
    /// Creates an organisation. `id` is ignored; the store assigns one.
    CreateOrganisation(Organisation),
    /// Changes an organisation. Absent fields are unchanged.
    ChangeOrganisation(OrganisationChange),
    /// Replaces the rules of an organisation.
    SetRules {
        /// The code of the organisation.
        code: String,
        /// The rules. None removes them.
        rules: Vec<Rule>,
        /// The revision of the rules that these replace. If others are set by now, nothing is changed.
        seen: Option<String>,
    },
    /// Creates a key.
    CreateKey(Key),
    /// Replaces the secret of a key. The old secret becomes invalid.
    RotateKey {
        /// The key.
        id: String,
        /// SHA-256 of the new secret.
        secret_sha256: [u8; 32],
    },
    /// Changes a destination.
    Destination(DestinationChange),
    /// Revokes a key.
    RevokeKey {
        /// The key.
        id: String,
        /// When, in milliseconds since 1970.
        at_ms: i64,
    },
}

/// The revision of the rules of an organisation. It is another one after any change.
#[must_use]
pub fn rules_revision(rules: &[Rule]) -> String {
    let text = serde_json::to_vec(rules).unwrap_or_default();
    hex(&Sha256::digest(&text)[..8])
}

/// The new values of an organisation's fields.
#[derive(Clone, Debug, Default)]
pub struct OrganisationChange {
    /// The code of the organisation.
    pub code: String,
    /// The new name.
    pub name: Option<String>,
    /// Whether it accepts customer orders.
    pub customer_orders_enabled: Option<bool>,
    /// Whether its orders are decided against its catalogue.
    pub catalogue: Option<CatalogueMode>,
    /// The new time zone.
    pub time_zone: Option<TimeZone>,
    /// The new sort order of its orders.
    pub list_sort: Option<ListSort>,
}

/// Which entries of the audit log to read.
#[derive(Clone, Debug)]
pub struct ReadAudit {
    /// Only entries older than this one.
    pub before: Option<i64>,
    /// The most entries to return.
    pub limit: usize,
    /// Only changes of this kind: what stands before the dot in their action.
    pub kind: Option<&'static str>,
    /// Only entries about these subjects, named as in [`AuditEntry::about`]. `None` returns all entries.
    pub about: Option<HashSet<String>>,
}

/// A page of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries, newest first.
    pub entries: Vec<AuditEntry>,
    /// The id to pass as [`ReadAudit::before`] for the next page. `None` at the end.
    pub next: Option<i64>,
}

/// An administrative change in the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Increases with every entry.
    pub id: i64,
    /// When the change was made, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who made it: the id of a key, or [`COMMAND_LINE`].
    pub who: String,
    /// The action: `organisation`, `key`, `destination`, `order` or `rejection`, a dot, and what was done.
    pub action: String,
    /// The code of the changed organisation, or the id of the changed key or destination. For orders, the code of their organisation.
    pub subject: String,
    /// Details as a JSON object, if the action alone does not describe the change.
    pub details: Option<String>,
}

impl AuditEntry {
    /// The name of a subject in [`ReadAudit::about`]. It includes the kind, because a code may look like the id of a key. Changes of
    /// orders, and of rejected orders, are about their organisation.
    #[must_use]
    pub fn about(action: &str, subject: &str) -> String {
        let kind = match action.split('.').next().unwrap_or_default() {
            "order" | "rejection" => "organisation",
            kind => kind,
        };
        format!("{kind} {subject}")
    }

    /// The name of an organisation in [`ReadAudit::about`].
    #[must_use]
    pub fn about_organisation(code: &str) -> String {
        Self::about("organisation", code)
    }

    /// The name of a destination in [`ReadAudit::about`].
    #[must_use]
    pub fn about_destination(id: &str) -> String {
        Self::about("destination", id)
    }

    /// The name of a key in [`ReadAudit::about`].
    #[must_use]
    pub fn about_key(id: &str) -> String {
        Self::about("key", id)
    }
}

/// Highest rate that a key may have.
pub const RATE_MAX: u32 = 1_000_000_000;

/// Rate limits of a key; no limit where absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Requests per second.
    pub requests_per_second: Option<u32>,
    /// Orders per second.
    pub orders_per_second: Option<u32>,
}

impl Rates {
    /// These rates, with missing ones taken from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            requests_per_second: self.requests_per_second.or(other.requests_per_second),
            orders_per_second: self.orders_per_second.or(other.orders_per_second),
        }
    }
}
