//! The latest attempts to deliver, and the order keys that wait.

use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::Organisations;

use super::super::answer::{ok, time};
use super::super::cursor;
use super::super::input::Listing;
use crate::intake::app::App;
use crate::intake::request_context::Call;
use crate::store::{Attempt, DestinationState, Parked};

/// A page of attempts and parked order keys.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "DestinationDeliveries")]
pub(super) struct DeliveriesView {
    /// Whether the destination works.
    #[schemars(extend("enum" = DestinationState::ALL.map(DestinationState::name)))]
    state: &'static str,
    /// Attempts, newest first: the latest ones that failed, and a few that did not.
    attempts: Vec<AttemptView>,
    /// Order keys that wait because one of their events was not taken.
    parked: Vec<ParkedView>,
    /// The cursor of the next page; null at the end of both lists.
    next: Option<String>,
}

/// An attempt to deliver.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "DeliveryAttempt")]
pub(super) struct AttemptView {
    /// When it began.
    #[schemars(extend("format" = "date-time"))]
    at: String,
    /// The id that the receiver saw: that of the first event.
    webhook_id: String,
    /// The organisation of the first event.
    organisation: String,
    /// The position of the first event in the feed of the organisation.
    position: u64,
    /// How many events it carried.
    events: u32,
    /// Which attempt it was for the first event, from 1.
    attempt: u32,
    /// What became of it: `delivered`, or what went wrong in a word.
    result: String,
    /// The status of the answer; null if there was none.
    status: Option<u16>,
    /// How long it took, in milliseconds.
    took_ms: u32,
    /// The beginning of the answer, or what went wrong.
    answer: String,
}

/// An order key that waits.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "ParkedOrder")]
struct ParkedView {
    /// The organisation.
    organisation: String,
    /// The order key, or the id of a batch.
    key: String,
    /// The position of its first event that was not taken, in the feed of the organisation.
    position: u64,
    /// How many of its events wait.
    waiting: usize,
    /// How often the first one was tried.
    attempts: u32,
    /// When it is tried again; null if only a replay delivers it.
    #[schemars(extend("format" = "date-time"))]
    next_at: Option<String>,
    /// What the latest attempt met with.
    last_error: String,
}

/// What a page begins after: the number of attempts and that of order keys that came before.
type After = (usize, usize);

/// Lists the attempts and the order keys of the destination in the path.
pub(super) async fn list(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    let listing = Listing::new(call)?;
    let (attempts_before, parked_before): After = match listing.after {
        Some(after) => cursor::read("deliveries", after)?,
        None => (0, 0),
    };
    let destination = super::find(app, call).await?.destination;
    let attempts = app.store.delivery_attempts(destination.id).await;
    let attempts = attempts.map_err(|error| call.failure(error))?;
    let parked = app.store.parked_orders(destination.id).await;
    let parked = parked.map_err(|error| call.failure(error))?;
    let organisations = call.authenticated.caller().organisations;
    let listed = attempts.iter().skip(attempts_before).take(listing.limit);
    let listed = listed.map(|attempt| AttemptView::of(attempt, organisations));
    let listed = Vec::from_iter(listed);
    let shown = parked.iter().skip(parked_before).take(listing.limit);
    let shown = Vec::from_iter(shown.map(|parked| ParkedView::of(parked, organisations)));
    let after: After = (attempts_before + listed.len(), parked_before + shown.len());
    let is_more = after.0 < attempts.len() || after.1 < parked.len();
    Ok(ok(&DeliveriesView {
        state: destination.state.name(),
        attempts: listed,
        parked: shown,
        next: is_more.then(|| cursor::write("deliveries", &after)),
    }))
}

impl AttemptView {
    pub(super) fn of(attempt: &Attempt, organisations: &Organisations) -> Self {
        Self {
            at: time(attempt.at_ms),
            webhook_id: attempt.webhook_id.clone(),
            organisation: code(OrganisationId(attempt.organisation), organisations),
            position: attempt.position,
            events: attempt.events,
            attempt: attempt.attempt,
            result: attempt.result.clone(),
            status: attempt.status,
            took_ms: attempt.took_ms,
            answer: attempt.answer.clone(),
        }
    }
}

impl ParkedView {
    fn of(parked: &Parked, organisations: &Organisations) -> Self {
        Self {
            organisation: code(parked.organisation, organisations),
            key: parked.label.clone(),
            position: parked.positions.first().copied().unwrap_or_default(),
            waiting: parked.positions.len(),
            attempts: parked.attempts,
            next_at: parked.next_at_ms.map(time),
            last_error: parked.last_error.clone(),
        }
    }
}

/// The code of an organisation.
fn code(id: OrganisationId, organisations: &Organisations) -> String {
    let mut found = organisations.values();
    let found = found.find(|organisation| organisation.id == id);
    found.map_or_else(String::new, |organisation| organisation.code.clone())
}
