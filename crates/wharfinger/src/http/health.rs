//! Whether the process lives, and whether it takes orders.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;

use crate::app::App;
use crate::store;

/// How long the store may take to say that it takes writes.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// `GET /healthz`: answers as long as the process can answer at all.
pub(super) async fn lives() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: whether the store takes writes at this moment.
pub(super) async fn takes_writes(State(app): State<Arc<App>>) -> Response {
    match tokio::time::timeout(READY_TIMEOUT, app.store.ready()).await {
        Ok(Ok(())) => "ready\n".into_response(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "Not ready.");
            not_ready()
        }
        Err(_) => {
            tracing::warn!("Not ready: the store did not answer in time.");
            not_ready()
        }
    }
}

fn not_ready() -> Response {
    let retry_after = store::RETRY_AFTER.as_secs().to_string();
    let headers = [(RETRY_AFTER, retry_after)];
    (StatusCode::SERVICE_UNAVAILABLE, headers, "not ready\n").into_response()
}
