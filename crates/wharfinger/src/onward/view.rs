//! Destinations as they are shown, by the API and by commands. Secrets are not.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use wharfinger_core::order::organisation::{OrgAccess, Organisations};

use super::hint::{Hint, hint};
use super::settings::Settings;
use super::signature;
use crate::clock::{self, rfc_3339};
use crate::serve::feed_cursor;
use crate::store::{
    DeliveryLag, DeliveryOrder, DestinationState, DestinationStatus, EventKind, STORED_FORM, Store,
    StoreError,
};

/// A destination.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "Destination")]
pub struct DestinationView {
    /// Its id.
    #[schemars(extend("format" = "uuid"))]
    pub id: String,
    /// What it is. Its settings are attributes too, such as `url` of a webhook; passwords are left out.
    #[schemars(extend("enum" = Settings::KINDS))]
    pub kind: String,
    /// The settings of its kind.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
    /// The secret that verifies deliveries, shown only once. Not if they are signed with a private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The public key that verifies deliveries, if they are signed with a private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// The codes of its organisations; null if it gets the events of all.
    pub organisations: Option<Vec<String>>,
    /// Whether it gets the events of every organisation, including future ones.
    pub all_organisations: bool,
    /// The types of events that it gets; null for all.
    #[schemars(extend("items" = {"type": "string", "enum": EventKind::NAMES}))]
    pub events: Option<Vec<&'static str>>,
    /// The form of the order in each event; null for none.
    pub form: Option<String>,
    /// How many events a request has.
    pub batch: BatchView,
    /// Requests at the same time, at most.
    pub parallel: u32,
    /// Whether events of one order key follow each other, or all events.
    #[schemars(extend("enum" = DeliveryOrder::ALL.map(DeliveryOrder::name)))]
    pub order: &'static str,
    /// How long a request may take, in seconds.
    pub timeout_s: u32,
    /// When it was created.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// Whether it works.
    #[schemars(extend("enum" = DestinationState::ALL.map(DestinationState::name)))]
    pub state: &'static str,
    /// When this state was entered.
    #[schemars(extend("format" = "date-time"))]
    pub since: String,
    /// Since when every attempt has failed; null if the latest one did not, or if nothing is attempted.
    #[schemars(extend("format" = "date-time"))]
    pub failing_since: Option<String>,
    /// The cursor of the feed up to which everything was delivered or is parked; null at the beginning.
    pub cursor: Option<String>,
    /// The number of events that were delivered.
    pub delivered: u64,
    /// When the latest event was delivered; null if none was.
    #[schemars(extend("format" = "date-time"))]
    pub delivered_at: Option<String>,
    /// How far it is behind.
    pub lag: LagView,
    /// The number of order keys that wait because one of their events was not taken.
    pub parked: u64,
    /// What stands still, since when, and what to do about it; null if nothing does.
    pub hint: Option<Hint>,
}

/// How many events a request has.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "DestinationBatch")]
pub struct BatchView {
    /// Events in one request, at most.
    pub max_events: u32,
    /// How long an incomplete batch waits for more events, in milliseconds.
    pub max_wait_ms: u32,
}

/// How far a destination is behind.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(rename = "DestinationLag")]
pub struct LagView {
    /// Events that were not delivered, of whichever type.
    pub events: u64,
    /// The age of the oldest of them, in seconds; null if there are none.
    pub seconds: Option<u64>,
}

impl DestinationView {
    /// Describes a destination.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn read(
        store: &Store,
        status: &DestinationStatus,
        organisations: &Organisations,
    ) -> Result<Self, StoreError> {
        let destination = &status.destination;
        let lag = store.delivery_lag(destination, &status.progress).await?;
        let fails = status.parked > 0 || status.progress.failing_since_ms.is_some();
        let failed = if fails {
            store.latest_failure(destination.id).await?
        } else {
            None
        };
        let told = hint(status, lag, failed.as_ref(), clock::now_ms());
        Ok(Self::of(status, lag, told, organisations))
    }

    /// Describes a destination that is this far.
    #[must_use]
    pub fn of(
        status: &DestinationStatus,
        lag: DeliveryLag,
        hint: Option<Hint>,
        organisations: &Organisations,
    ) -> Self {
        let (of, progress) = (&*status.destination, &status.progress);
        let (kind, settings) = match Settings::of(of) {
            Ok(settings) => (settings.kind().to_owned(), settings.shown()),
            Err(bad) => {
                tracing::error!(id = %of.id, %bad, "The settings of a destination cannot be read.");
                (String::new(), Map::new())
            }
        };
        let newest = of.secrets.first();
        let oldest_ms = lag.oldest_at_ms;
        let age_ms = oldest_ms.map(|oldest_ms| clock::now_ms().saturating_sub(oldest_ms).max(0));
        Self {
            id: of.id.to_string(),
            kind,
            settings,
            secret: None,
            public_key: newest.and_then(|secret| signature::public_key(&secret.secret)),
            organisations: codes(&of.reach, organisations),
            all_organisations: of.reach == OrgAccess::All,
            events: of
                .kinds
                .as_ref()
                .map(|kinds| kinds.iter().map(|kind| kind.name()).collect()),
            form: of.form.clone().filter(|form| form != STORED_FORM),
            batch: BatchView {
                max_events: of.max_events,
                max_wait_ms: of.max_wait_ms,
            },
            parallel: of.parallel,
            order: of.order.name(),
            timeout_s: of.timeout_s,
            created_at: rfc_3339(of.created_at_ms),
            state: of.state.name(),
            since: rfc_3339(of.state_since_ms),
            failing_since: progress
                .failing_since_ms
                .filter(|_| of.state == DestinationState::Active)
                .map(rfc_3339),
            cursor: progress
                .cursor
                .as_ref()
                .map(|cursor| feed_cursor::write(cursor, None)),
            delivered: progress.delivered,
            delivered_at: progress.delivered_at_ms.map(rfc_3339),
            lag: LagView {
                events: lag.events,
                seconds: age_ms.map(|age_ms| age_ms.cast_unsigned() / 1_000),
            },
            parked: status.parked,
            hint,
        }
    }
}

/// The codes of the organisations of a destination, in the order of their creation. `None` for all.
fn codes(reach: &OrgAccess, organisations: &Organisations) -> Option<Vec<String>> {
    if *reach == OrgAccess::All {
        return None;
    }
    let mut reached: Vec<_> = organisations.values().collect();
    reached.retain(|organisation| reach.has(organisation.id));
    reached.sort_by_key(|organisation| organisation.id);
    let codes = reached.iter().map(|organisation| organisation.code.clone());
    Some(codes.collect())
}
