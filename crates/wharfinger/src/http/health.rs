//! Health checks: whether the process is alive, and whether it accepts orders.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;
use wharfinger_core::dialect::SampleKey;
use wharfinger_core::dialects;

use super::forwarded::Client;
use crate::intake::app::App;
use crate::serve::readiness::Checks;
use crate::store;

/// The names of the header fields that carry a key or an organisation in some dialect. Some proxies drop or rename those with an
/// underscore.
#[must_use]
pub fn key_fields() -> Vec<&'static str> {
    let key = SampleKey {
        organisation: "",
        id: "",
        secret: "",
    };
    let samples = dialects::ALL
        .iter()
        .map(|dialect| dialect.samples(&key).one);
    let names = samples.flat_map(|sample| sample.headers.into_iter().map(|(name, _)| name));
    let names: BTreeSet<_> = names.filter(|name| *name != "content-type").collect();
    Vec::from_iter(names)
}

/// `GET /healthz`: succeeds if the process can respond at all. With `?headers`, says what of the request has arrived: the names of
/// the header fields that carry keys, and who and over what the client seems to be.
pub(super) async fn lives(request: Request) -> String {
    let mut answer = "ok\n".to_owned();
    if is_asked(request.uri().query(), "headers") {
        let has = |name: &&&str| request.headers().contains_key(**name);
        let known = key_fields();
        let arrived = Vec::from_iter(known.iter().filter(has).copied());
        let client = Client::of(request.extensions());
        let scheme = if client.is_secure { "https" } else { "http" };
        answer.push_str(&format!(
            "headers: {}\nclient: {}\nscheme: {scheme}\n",
            arrived.join(" "),
            client.address
        ));
    }
    answer
}

/// Whether the query has a parameter of this name.
fn is_asked(query: Option<&str>, wanted: &str) -> bool {
    let mut asked = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    asked.any(|(name, _)| name == wanted)
}

/// `GET /readyz`: whether the store accepts new orders. With `?verbose`, lists the checks.
pub(super) async fn takes_writes(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Response {
    let checks = app.readiness.look(app.store.as_ref()).await;
    answer(&checks, is_asked(query.as_deref(), "verbose"))
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
