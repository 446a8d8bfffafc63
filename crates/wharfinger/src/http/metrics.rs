//! The Prometheus metrics endpoint.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::intake::app::App;
use crate::logging;
use crate::runtime::metrics::{Levels, MEDIA_TYPE, METRICS};

/// How long a response waits for a connection that reads the store. Then it has the last known value.
const READ_PATIENCE: Duration = Duration::from_millis(250);

/// The moment of the latest backup. `None` if it cannot be read quickly.
async fn last_backup_ms(app: &App) -> Option<Option<i64>> {
    let read = tokio::time::timeout(READ_PATIENCE, app.store.last_backup_ms());
    read.await.ok()?.ok()
}

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
        last_backup_ms: last_backup_ms(&app).await,
    };
    match METRICS.text(levels) {
        Ok(text) => ([(CONTENT_TYPE, MEDIA_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "Could not write the metrics.");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
