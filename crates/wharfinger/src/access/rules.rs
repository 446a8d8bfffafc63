//! Rules for organisations and keys, shared by the commands and the HTTP API.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use wharfinger_core::order::organisation::{OrgAccess, Organisations, Scope};

use crate::access::rates::{Rates, is_within};
use crate::access::secret;
use crate::clock;
use crate::store::Key;

/// Longest organisation code, in characters.
pub const CODE_CHARS_MAX: usize = 64;

/// Description of a valid code, for error messages.
pub const CODE_FORM: &str = "1 to 64 letters, digits, '-', '_' and '.', and not only dots";

/// Longest organisation name, in characters.
pub const NAME_CHARS_MAX: usize = 255;

/// Description of a valid name, for error messages.
pub const NAME_FORM: &str = "at most 255 characters, without control characters";

/// Description of a valid duration, for error messages.
pub const SPAN_FORM: &str = "a number and a unit, such as 90d, 12h or 30m";

/// Whether this is a valid organisation code. Codes appear in URLs and header fields, so only characters are allowed that need
/// no escaping there.
#[must_use]
pub fn is_code(code: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=CODE_CHARS_MAX).contains(&code.len())
        && code.bytes().all(is_plain)
        && code.bytes().any(|byte| byte != b'.')
}

/// Whether this is a valid organisation name. Names appear on terminals and in tables.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.chars().count() <= NAME_CHARS_MAX && !name.chars().any(char::is_control)
}

/// Parses a duration in days, hours or minutes.
#[must_use]
pub fn span(text: &str) -> Option<Duration> {
    let (number, unit_s) = match text.as_bytes().last()? {
        b'd' => (text.strip_suffix('d')?, 86_400),
        b'h' => (text.strip_suffix('h')?, 3_600),
        b'm' => (text.strip_suffix('m')?, 60),
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    let seconds = number.checked_mul(unit_s).filter(|seconds| *seconds > 0);
    seconds.map(Duration::from_secs)
}

/// A key to create.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The organisations that it can access.
    pub reach: OrgAccess,
    /// Its scopes.
    pub scopes: Vec<Scope>,
    /// When it expires, if ever, in milliseconds since 1970.
    pub expires_at_ms: Option<i64>,
    /// Its own rates, in place of those for all keys.
    pub rates: Rates,
    /// Whether it is for tests: it may ask for failures.
    pub is_test: bool,
}

impl NewKey {
    /// Assigns an id and a secret. Returns the key to store, and the secret, which is shown once.
    #[must_use]
    pub fn issue(mut self) -> (Key, String) {
        self.scopes.sort();
        self.scopes.dedup();
        let secret = secret::key_secret();
        let key = Key {
            id: secret::key_id(),
            secret_sha256: secret::hash(&secret),
            reach: self.reach,
            scopes: self.scopes,
            created_at_ms: clock::now_ms(),
            expires_at_ms: self.expires_at_ms,
            revoked_at_ms: None,
            last_used_at_ms: None,
            rates: self.rates,
            is_test: self.is_test,
        };
        (key, secret)
    }
}

/// Whether `key` is visible to `other`, which may then revoke it: `other` can access every organisation of `key`.
#[must_use]
pub fn is_seen_by(key: &Key, other: &Key) -> bool {
    other.reach.covers(&key.reach)
}

/// Whether `key` has nothing that `other` lacks: no organisation, no scope, no later expiry, no higher rate. Only then may
/// `other` create it or rotate its secret. `of_all` are the rates of keys without their own.
#[must_use]
pub fn is_within_powers_of(key: &Key, other: &Key, of_all: Rates) -> bool {
    let ends_no_later = match (key.expires_at_ms, other.expires_at_ms) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(end), Some(latest)) => end <= latest,
    };
    is_seen_by(key, other)
        && key.scopes.iter().all(|scope| other.scopes.contains(scope))
        && ends_no_later
        && is_within(key, other, of_all)
}

/// An API key.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "Key")]
pub struct KeyView {
    /// Its public id.
    pub id: String,
    /// Its secret, shown only once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The codes of the organisations that it reaches; null if it reaches all.
    pub organisations: Option<Vec<String>>,
    /// Whether it reaches every organisation, including future ones.
    pub all_organisations: bool,
    /// The names of its scopes.
    #[schemars(extend("items" = {"type": "string", "enum": Scope::ALL.map(Scope::name)}))]
    pub scopes: Vec<&'static str>,
    /// When it was created.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// When it expires; null if never.
    #[schemars(extend("format" = "date-time"))]
    pub expires_at: Option<String>,
    /// When it was revoked; null if it was not.
    #[schemars(extend("format" = "date-time"))]
    pub revoked_at: Option<String>,
    /// When it was last used, accurate to about a minute.
    #[schemars(extend("format" = "date-time"))]
    pub last_used_at: Option<String>,
    /// Requests that it may send per second, if it has a limit of its own.
    pub requests_per_second: Option<u32>,
    /// Orders that it may send per second, if it has a limit of its own.
    pub orders_per_second: Option<u32>,
    /// Whether it is for tests: it may ask for failures with the header `Wharfinger-Simulate`.
    pub test: bool,
}

impl KeyView {
    /// Describes a key, without its secret.
    #[must_use]
    pub fn of(key: &Key, organisations: &Organisations) -> Self {
        let codes = match &key.reach {
            OrgAccess::All => None,
            OrgAccess::Only(_) => {
                let mut reached: Vec<_> = organisations.values().collect();
                reached.retain(|organisation| key.reach.has(organisation.id));
                reached.sort_by_key(|organisation| organisation.id);
                let codes = reached.iter().map(|organisation| organisation.code.clone());
                Some(codes.collect())
            }
        };
        Self {
            id: key.id.clone(),
            secret: None,
            organisations: codes,
            all_organisations: key.reach == OrgAccess::All,
            scopes: key.scopes.iter().map(|scope| scope.name()).collect(),
            created_at: clock::rfc_3339(key.created_at_ms),
            expires_at: key.expires_at_ms.map(clock::rfc_3339),
            revoked_at: key.revoked_at_ms.map(clock::rfc_3339),
            last_used_at: key.last_used_at_ms.map(clock::rfc_3339),
            requests_per_second: key.rates.requests_per_second,
            orders_per_second: key.rates.orders_per_second,
            test: key.is_test,
        }
    }
}

#[cfg(test)]
mod tests {
    use wharfinger_core::order::ids::OrganisationId;

    use super::*;

    fn key(change: impl FnOnce(&mut NewKey)) -> Key {
        let mut new = NewKey {
            reach: OrgAccess::Only(vec![OrganisationId(1), OrganisationId(2)]),
            scopes: vec![Scope::Admin, Scope::OrdersRead],
            expires_at_ms: Some(1_000),
            rates: Rates {
                requests_per_second: Some(10),
                orders_per_second: None,
            },
            is_test: false,
        };
        change(&mut new);
        new.issue().0
    }

    #[test]
    fn a_key_has_nothing_that_its_maker_lacks() {
        let of_all = Rates {
            requests_per_second: None,
            orders_per_second: Some(500),
        };
        let maker = key(|_| {});
        let may_make = |change: &dyn Fn(&mut NewKey)| {
            is_within_powers_of(&key(|new| change(new)), &maker, of_all)
        };
        assert!(may_make(&|_| {}));
        assert!(may_make(
            &|new| new.reach = OrgAccess::Only(vec![OrganisationId(2)])
        ));
        assert!(may_make(&|new| new.scopes = vec![Scope::Admin]));
        assert!(may_make(&|new| new.expires_at_ms = Some(999)));
        assert!(may_make(&|new| new.rates.requests_per_second = Some(9)));
        assert!(may_make(&|new| new.rates.orders_per_second = Some(500)));

        assert!(!may_make(&|new| new.reach = OrgAccess::All));
        assert!(!may_make(
            &|new| new.reach = OrgAccess::Only(vec![OrganisationId(3)])
        ));
        assert!(!may_make(&|new| new.scopes.push(Scope::OrdersWrite)));
        assert!(!may_make(&|new| new.expires_at_ms = Some(1_001)));
        assert!(!may_make(&|new| new.expires_at_ms = None));
        assert!(!may_make(&|new| new.rates.requests_per_second = Some(11)));
        assert!(!may_make(&|new| new.rates.requests_per_second = None));
        assert!(!may_make(&|new| new.rates.orders_per_second = Some(501)));
    }

    #[test]
    fn names_fit_on_a_line() {
        for good in ["", "Harbour Books", "Nørre & Søn", &"é".repeat(255)] {
            assert!(is_name(good), "{good}");
        }
        for wrong in ["two\nlines", "\u{1b}[31m", "\u{9b}31m", &"a".repeat(256)] {
            assert!(!is_name(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn codes_need_no_escaping() {
        for good in ["TRK001", "a", "shop.example-1_x", &"a".repeat(64)] {
            assert!(is_code(good), "{good}");
        }
        for wrong in ["", ".", "..", "with space", "a/b", "é", &"a".repeat(65)] {
            assert!(!is_code(wrong), "{wrong}");
        }
    }
}
