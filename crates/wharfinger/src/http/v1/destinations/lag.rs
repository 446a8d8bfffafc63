//! How far a destination was behind lately.

use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use wharfinger_core::dialect::query::Query;
use wharfinger_core::order::failure::RequestFailure;

use super::super::answer::{ok, time};
use crate::clock;
use crate::intake::app::App;
use crate::intake::request_context::Call;
use crate::runtime::metrics::destinations::lag_of;

/// How far a destination was behind in the last three hours.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "DestinationLagHistory")]
pub(super) struct LagHistoryView {
    /// The minutes in which this server has measured it, the oldest first. It is measured every ten seconds by the server that
    /// delivers, and kept in memory: a server that has just started has none.
    data: Vec<LagMinuteView>,
}

/// The highest lag of a minute.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "DestinationLagMinute")]
struct LagMinuteView {
    /// When the minute begins.
    #[schemars(extend("format" = "date-time"))]
    at: String,
    /// Events that were not delivered, of whichever type.
    events: u64,
    /// The age of the oldest of them, in seconds.
    seconds: u64,
}

/// Lists the lag of the destination in the path, by minute.
pub(super) async fn list(app: &App, call: &Call<'_>) -> Result<Response, RequestFailure> {
    Query::new(&call.head, call.operation)?;
    let destination = super::find(app, call).await?.destination;
    let minutes = lag_of(destination.id, clock::now_ms()).into_iter();
    let data = minutes.map(|minute| LagMinuteView {
        at: time(minute.at_ms),
        events: minute.events,
        seconds: minute.seconds,
    });
    Ok(ok(&LagHistoryView {
        data: data.collect(),
    }))
}
