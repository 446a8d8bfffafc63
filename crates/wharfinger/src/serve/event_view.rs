//! An event as those see it who read the feed, or to whom it is delivered.

use serde::Serialize;
use wharfinger_core::order::ids::{EventId, OrganisationId};

use crate::clock;
use crate::store::Event;

/// An event on the wire.
#[derive(Serialize)]
pub struct EventView<'c> {
    /// The id, which never changes.
    pub id: String,
    /// The name of its kind.
    pub r#type: &'static str,
    /// The code of its organisation.
    pub organisation: &'c str,
    /// When it was committed.
    pub at: String,
    /// The order of the event. `None` for a batch.
    pub order_id: Option<String>,
    /// For a sub-order of a split order: the first sub-order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The batch of the event. `None` if it is not part of a batch.
    pub batch_id: Option<String>,
}

impl<'c> EventView<'c> {
    /// An event of an organisation with this code.
    #[must_use]
    pub fn new(code: &'c str, whose: OrganisationId, event: &Event) -> Self {
        Self {
            id: id_of(whose, event).to_string(),
            r#type: event.kind.name(),
            organisation: code,
            at: clock::rfc_3339(event.at_ms),
            order_id: event.order.map(|order| order.to_string()),
            origin: event.origin.map(|origin| origin.to_string()),
            batch_id: event.batch.map(|batch| batch.to_string()),
        }
    }
}

/// The id of an event of an organisation.
#[must_use]
pub fn id_of(whose: OrganisationId, event: &Event) -> EventId {
    let at_ms = u64::try_from(event.at_ms).unwrap_or_default();
    EventId::new(at_ms, whose, event.position)
}
