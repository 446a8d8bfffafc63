//! Health checks: whether the process is alive, and whether it accepts orders.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;

use crate::intake::app::App;
use crate::serve::readiness::Checks;
use crate::store;

/// `GET /healthz`: succeeds if the process can respond at all.
pub(super) async fn lives() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: whether the store accepts new orders. With `?verbose`, lists the checks.
pub(super) async fn takes_writes(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Response {
    let checks = app.readiness.look(app.store.as_ref()).await;
    let query = query.unwrap_or_default();
    let mut asked = form_urlencoded::parse(query.as_bytes());
    let is_verbose = asked.any(|(name, _)| name == "verbose");
    answer(&checks, is_verbose)
}

/// The response for these checks.
fn answer(checks: &Checks, is_verbose: bool) -> Response {
    let checks = [("store", &checks.store), ("disk", &checks.disk)];
    let mut failed = checks.iter().filter_map(|(name, check)| {
        let why = check.as_ref().err()?;
        Some(format!("{name}: {why}"))
    });
    let verdict = match failed.next() {
        None => "ready".to_owned(),
        Some(why) => format!("not ready: {why}"),
    };
    let mut body = String::new();
    if is_verbose {
        for (name, check) in checks {
            let result = check.as_ref().map_or_else(String::as_str, |()| "ok");
            body.push_str(&format!("{name}: {result}\n"));
        }
    }
    body.push_str(&verdict);
    body.push('\n');
    if verdict == "ready" {
        return body.into_response();
    }
    let retry_after = store::RETRY_AFTER.as_secs().to_string();
    let headers = [(RETRY_AFTER, retry_after)];
    (StatusCode::SERVICE_UNAVAILABLE, headers, body).into_response()
}
