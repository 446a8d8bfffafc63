//! Orders, whatever dialect they came in.

use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;
use wharfinger_core::failure::RequestFailure;
use wharfinger_core::ids::OrderId;
use wharfinger_core::query::Query;

use super::answer::{Page, ok, time};
use super::input::Listing;
use super::{cursor, events, input};
use crate::app::App;
use crate::call::Call;
use crate::store::{EventKind, FoundOrder, HistoryCursor, HistoryEntry, HistoryKind};

/// An order, as it is told.
#[derive(Serialize)]
struct Told<'o> {
    id: String,
    key: &'o str,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    state: &'static str,
    revision: u32,
    organisation: &'o str,
    dialect: &'o str,
    /// The batch that it was first accepted in.
    batch_id: String,
    created_at: String,
    updated_at: String,
}

fn told(found: &FoundOrder) -> Told<'_> {
    let order = &found.order;
    Told {
        id: order.id.to_string(),
        key: &order.key,
        number: order.number,
        state: order.state.name(),
        revision: order.revision,
        organisation: &order.organisation,
        dialect: &found.dialect,
        batch_id: order.id.batch().to_string(),
        created_at: time(order.created_at_ms),
        updated_at: time(order.updated_at_ms),
    }
}

/// Shows an order.
pub(super) async fn show(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    let query = Query::new(&call.head, call.operation)?;
    let native = |form: &str| (form == "native").then_some(());
    query.read("as", "native", native)?;
    let found = find(app, call).await?;
    Ok(ok(&told(&found)))
}

/// The order that the path names.
async fn find(app: &App, call: &Call<'_>) -> Result<FoundOrder, RequestFailure> {
    let id = input::id(call, "Order")?;
    let found = app.store.order(OrderId::from_bytes(id.into_bytes())).await;
    let found = found.map_err(|error| call.failure(error))?;
    let reach = call.authenticated.caller().reach;
    found
        .filter(|found| reach.has(found.organisation))
        .ok_or_else(|| input::not_found("Order", &id))
}

/// One thing that became of an order, as it is told.
#[derive(Serialize)]
struct ToldEntry {
    r#type: &'static str,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u32>,
    /// The batch that brought the revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<String>,
    /// What was submitted, byte for byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<Box<RawValue>>,
    /// The API key that asked for it, where it is no revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
}

/// A cursor of a history as it is written: the next revision, and the next change that is none.
type Position = (Option<i64>, Option<i64>);

/// Tells what became of an order, the latest first.
pub(super) async fn history(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    let listing = Listing::new(call)?;
    let after = listing.after.map(|after| cursor::read("history", after));
    let after = after.transpose()?;
    let after = after.map(|(revision, change): Position| HistoryCursor { revision, change });
    let id = input::id(call, "Order")?;
    let order = OrderId::from_bytes(id.into_bytes());
    let found = app.store.history(order, after, listing.limit).await;
    let found = found.map_err(|error| call.failure(error))?;
    let reach = call.authenticated.caller().reach;
    let history = found
        .filter(|history| reach.has(history.organisation))
        .ok_or_else(|| input::not_found("Order", &id))?;
    let next = history.next.map(|next| {
        let position: Position = (next.revision, next.change);
        cursor::write("history", &position)
    });
    let data: Result<Vec<_>, _> = history.entries.into_iter().map(told_entry).collect();
    let data = data?;
    Ok(ok(&Page { data, next }))
}

fn told_entry(entry: HistoryEntry) -> Result<ToldEntry, RequestFailure> {
    let at = time(entry.at_ms);
    Ok(match entry.what {
        HistoryKind::Revision(revision) => ToldEntry {
            r#type: events::name(if revision.revision == 1 {
                EventKind::OrderAccepted
            } else {
                EventKind::OrderUpdated
            }),
            at,
            revision: Some(revision.revision),
            batch_id: Some(revision.batch.to_string()),
            order: Some(verbatim(revision.text)?),
            key_id: None,
        },
        HistoryKind::Change { kind, key_id } => ToldEntry {
            r#type: events::name(kind),
            at,
            revision: None,
            batch_id: None,
            order: None,
            key_id: Some(key_id),
        },
    })
}

/// Stored JSON, to be told byte for byte.
fn verbatim(json: String) -> Result<Box<RawValue>, RequestFailure> {
    RawValue::from_string(json).map_err(|error| {
        tracing::error!(%error, "What is stored of an order is not JSON.");
        RequestFailure::Internal
    })
}
