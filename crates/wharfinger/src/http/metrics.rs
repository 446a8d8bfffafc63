//! The Prometheus metrics endpoint.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::intake::app::App;
use crate::logging;
use crate::runtime::metrics::{Levels, MEDIA_TYPE, METRICS};

/// `GET /metrics`. It needs no key, because collectors have none. It exposes counts and times, and nothing about an
/// organisation or order.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    METRICS.set_log_lines_dropped(logging::lines_dropped());
    let room = app.store.room();
    let levels = Levels {
        queue_depth: app.store.queue_depth(),
        store_bytes: app.store.size_bytes().await,
        disk_free_bytes: room.as_ref().map(|room| room.free_bytes),
        disk_reserve_bytes: room.as_ref().map(|room| room.reserve_bytes),
        body_bytes: app.body_budget.leased(),
    };
    match METRICS.text(levels) {
        Ok(text) => ([(CONTENT_TYPE, MEDIA_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "Could not write the metrics.");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
