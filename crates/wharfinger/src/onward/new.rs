//! New destinations, and where they begin. The same for the API and for commands.

use jiff::Timestamp;
use uuid::Uuid;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::OrgAccess;

use super::settings::{Settings, SignatureScheme};
use super::signature::{new_private_key, new_shared_secret};
use super::sinks::MAX_EVENTS_DEFAULT;
use crate::clock;
use crate::serve::feed_cursor;
use crate::store::{
    DeliveryOrder, Destination, DestinationState, EventKind, FeedCursor, ReplayFrom, STORED_FORM,
    SigningSecret, Store, StoreError,
};

/// Events in a request, at most.
pub const MAX_EVENTS: u32 = 1_000;
/// How long an incomplete batch may wait, in milliseconds.
pub const MAX_WAIT_MS: u32 = 60_000;
/// Requests at the same time, at most.
pub const PARALLEL_MAX: u32 = 256;
/// Requests at the same time, unless something else is said.
pub const PARALLEL: u32 = 16;
/// How long a request may take at most, in seconds.
pub const TIMEOUT_S_MAX: u32 = 300;
/// How long a request may take, unless something else is said, in seconds.
pub const TIMEOUT_S: u32 = 15;
/// How long secrets remain valid after a new one was made, in milliseconds.
const ROTATED_MS: i64 = 24 * 3_600_000;

/// What a destination begins with, for error messages.
pub const START_FORM: &str =
    "now, beginning, a cursor of GET /v1/events, or a time such as 2026-11-21T09:30:00Z";
/// From where events are delivered again, for error messages.
pub const REPLAY_FORM: &str =
    "failed, beginning, a cursor of GET /v1/events, or a time such as 2026-11-21T09:30:00Z";

/// Where a destination begins, or begins again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what comes from now on.
    Now,
    /// With the first event that there is.
    Beginning,
    /// After a cursor of the feed.
    After(FeedCursor),
    /// At a time, in milliseconds since 1970.
    At(i64),
}

impl Start {
    /// Reads where to begin. `None` if it is not [`START_FORM`].
    #[must_use]
    pub fn read(text: &str, reach: &OrgAccess) -> Option<Self> {
        match text {
            "now" => Some(Self::Now),
            "beginning" => Some(Self::Beginning),
            _ => match text.parse::<Timestamp>() {
                Ok(at) => Some(Self::At(at.as_millisecond())),
                Err(_) => {
                    let cursor = feed_cursor::read(text, only(reach)).ok()?;
                    Some(Self::After(cursor))
                }
            },
        }
    }

    /// The cursor to begin after, and the time before which events are left out. `None`: the beginning.
    ///
    /// # Errors
    /// The store cannot be read. [`StoreError::FeedBegins`]: events after the cursor were purged, or the store was restored.
    pub async fn place(
        &self,
        store: &Store,
        reach: &OrgAccess,
    ) -> Result<(Option<FeedCursor>, Option<i64>), StoreError> {
        Ok(match self {
            Self::Now => (Some(store.cursor_of_now().await?), None),
            Self::Beginning => (None, None),
            Self::After(cursor) => {
                store.check_cursor(reach, cursor).await?;
                (Some(cursor.clone()), None)
            }
            Self::At(at_ms) => {
                let cursor = store.cursor_of_time(reach, *at_ms).await?;
                (Some(cursor), Some(*at_ms))
            }
        })
    }
}

/// What is delivered again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// What has failed.
    Failed,
    /// Everything from a place on.
    From(Start),
}

impl Replay {
    /// Reads what to deliver again. `None` if it is not [`REPLAY_FORM`].
    #[must_use]
    pub fn read(text: &str, reach: &OrgAccess) -> Option<Self> {
        if text == "failed" {
            return Some(Self::Failed);
        }
        let start = Start::read(text, reach).filter(|start| *start != Start::Now);
        start.map(Self::From)
    }

    /// From where events are delivered again.
    ///
    /// # Errors
    /// As of [`Start::place`].
    pub async fn place(&self, store: &Store, reach: &OrgAccess) -> Result<ReplayFrom, StoreError> {
        let start = match self {
            Self::Failed => return Ok(ReplayFrom::Failed),
            Self::From(start) => start,
        };
        let (cursor, begins_ms) = start.place(store, reach).await?;
        Ok(match cursor {
            None => ReplayFrom::Beginning,
            Some(cursor) => ReplayFrom::After(cursor, begins_ms),
        })
    }
}

/// The only organisation of a destination that has one.
fn only(reach: &OrgAccess) -> Option<OrganisationId> {
    match reach {
        OrgAccess::Only(ids) if ids.len() == 1 => ids.first().copied(),
        OrgAccess::Only(_) | OrgAccess::All => None,
    }
}

/// A destination to be created.
#[derive(Clone)]
pub struct NewDestination {
    /// The organisations whose events it gets.
    pub reach: OrgAccess,
    /// The types of events that it gets. `None` for all.
    pub kinds: Option<Vec<EventKind>>,
    /// The form of the orders. `None` for none.
    pub form: Option<String>,
    /// What follows what.
    pub order: Option<DeliveryOrder>,
    /// Events in a request.
    pub max_events: Option<u32>,
    /// How long an incomplete batch waits, in milliseconds.
    pub max_wait_ms: Option<u32>,
    /// Requests at the same time.
    pub parallel: Option<u32>,
    /// How long a request may take, in seconds.
    pub timeout_s: Option<u32>,
    /// The kind and its settings.
    pub settings: Settings,
}

impl NewDestination {
    /// Assigns an id and a secret. Returns the destination, and the secret that is shown once, if there is one: what is signed with a
    /// private key is verified by the public key, which is no secret.
    #[must_use]
    pub fn issue(
        self,
        created_by: &str,
        (begins, begins_ms): (Option<FeedCursor>, Option<i64>),
    ) -> (Destination, Option<String>) {
        let now_ms = clock::now_ms();
        let is_sink = self.settings.is_sink();
        let secret = new_secret(&self.settings);
        let shown = secret.as_deref().and_then(shown);
        let secrets = secret.into_iter().map(|secret| SigningSecret {
            secret,
            until_ms: None,
        });
        let unless = |of_sink, other| if is_sink { of_sink } else { other };
        let destination = Destination {
            id: new_id(now_ms),
            created_by: created_by.to_owned(),
            created_at_ms: now_ms,
            reach: self.reach,
            kinds: self.kinds,
            form: stored_form(&self.settings, self.form),
            order: match self.order {
                Some(order) => order,
                None if is_sink => DeliveryOrder::All,
                None => DeliveryOrder::Key,
            },
            max_events: self.max_events.unwrap_or(unless(MAX_EVENTS_DEFAULT, 1)),
            max_wait_ms: self.max_wait_ms.unwrap_or(0),
            parallel: self.parallel.unwrap_or(unless(1, PARALLEL)),
            timeout_s: self.timeout_s.unwrap_or(TIMEOUT_S),
            settings: self.settings.stored().to_string(),
            secrets: secrets.collect(),
            state: DestinationState::Active,
            state_since_ms: now_ms,
            reason: None,
            begins,
            begins_ms,
            version: 1,
            replays: 0,
        };
        (destination, shown)
    }
}

/// The form in which orders are read for a destination.
fn stored_form(settings: &Settings, form: Option<String>) -> Option<String> {
    if settings.needs_stored_form() {
        return Some(STORED_FORM.into());
    }
    form
}

fn new_id(now_ms: i64) -> Uuid {
    let mut random = [0; 10];
    getrandom::fill(&mut random).expect("the operating system gives random bytes");
    uuid::Builder::from_unix_timestamp_millis(now_ms.cast_unsigned(), &random).into_uuid()
}

/// A new secret for deliveries. `None` if this kind does not sign.
#[must_use]
pub fn new_secret(settings: &Settings) -> Option<String> {
    match settings {
        Settings::Webhook(webhook) => Some(match webhook.signature {
            SignatureScheme::V1 => new_shared_secret(),
            SignatureScheme::V1a => new_private_key(),
        }),
        Settings::Sink(_) => None,
    }
}

/// Until when the other secrets are valid if a new one is made now, in milliseconds since 1970.
#[must_use]
pub fn others_until_ms() -> i64 {
    clock::now_ms().saturating_add(ROTATED_MS)
}

/// The part of a secret that is shown once. `None` for a private key: receivers need its public key, which is no secret.
#[must_use]
pub fn shown(secret: &str) -> Option<String> {
    secret.starts_with("whsec_").then(|| secret.to_owned())
}
