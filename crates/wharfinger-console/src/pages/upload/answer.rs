//! Sends a batch of orders to `/v1`, and reads what became of them.

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use wharfinger_client::report::Error;

use crate::api::{self, Refused};
use crate::host::{Host, NoSession, Session};

/// Characters of a file's name that stand for themselves in a header.
const NAME: AsciiSet = NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-');

/// What became of a batch.
#[derive(Debug, Deserialize)]
pub(super) struct Outcome {
    pub(super) id: String,
    #[serde(default)]
    pub(super) accepted: u64,
    #[serde(default)]
    pub(super) updated: u64,
    #[serde(default)]
    pub(super) unchanged: u64,
    #[serde(default)]
    pub(super) rejected: u64,
    #[serde(default)]
    pub(super) withheld: u64,
    #[serde(default)]
    pub(super) results: Vec<OrderOutcome>,
}

/// What became of one order.
#[derive(Debug, Deserialize)]
pub(super) struct OrderOutcome {
    pub(super) index: usize,
    #[serde(default)]
    pub(super) key: Option<String>,
    pub(super) outcome: String,
    #[serde(default)]
    pub(super) errors: Vec<Error>,
    #[serde(default)]
    pub(super) warnings: Vec<Error>,
}

/// What the server says to a batch.
pub(super) enum Answered {
    /// It judged the orders.
    Outcome(Outcome),
    /// It asks to try again after these seconds.
    Wait(u64),
    /// The session has ended, or the key.
    SignedOut,
    /// It refused.
    Refused(Refused),
}

/// Where orders are sent.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Path and query.
    pub(super) path: String,
    /// The name of the file, as the header has it.
    file_name: String,
}

impl Target {
    pub(super) fn new(dialect: &str, organisation: &str, name: &str, is_dry: bool) -> Self {
        let (results, dry_run) = if is_dry {
            ("all", "true")
        } else {
            ("rejected", "")
        };
        let query = [
            ("dialect", dialect),
            ("organisation", organisation),
            ("results", results),
            ("dry_run", dry_run),
        ];
        Self {
            path: api::target("/v1/batches", &query),
            file_name: utf8_percent_encode(name, &NAME).to_string(),
        }
    }
}

/// Sends lines of orders once, as long as the session goes on.
pub(super) async fn send(
    host: &dyn Host,
    session: &Session,
    target: &Target,
    idempotency_key: Option<&str>,
    body: Bytes,
) -> Answered {
    let session = match host.session(&session.token).await {
        Ok(session) => session,
        Err(NoSession::Ended) => return Answered::SignedOut,
        Err(NoSession::Unavailable) => return Answered::Wait(1),
    };
    let request = Request::builder()
        .method(Method::POST)
        .uri(&target.path)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-ndjson")
        .header("wharfinger-file-name", &target.file_name);
    let request = match idempotency_key {
        Some(key) => request.header("idempotency-key", key),
        None => request,
    };
    let Ok(request) = request.body(Body::from(body)) else {
        return Answered::Refused(Refused::default());
    };
    let (parts, body) = host.call(&session, request).await.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        // The same batch is safe to send again.
        Err(_) => return Answered::Wait(1),
    };
    let seconds = parts.headers.get(RETRY_AFTER);
    let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
    match (parts.status, seconds) {
        (StatusCode::UNAUTHORIZED, _) => Answered::SignedOut,
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, seconds) => {
            Answered::Wait(seconds.unwrap_or(1))
        }
        (StatusCode::CONFLICT, Some(seconds)) => Answered::Wait(seconds),
        (status, _) => match serde_json::from_slice(&body) {
            Ok(outcome) => Answered::Outcome(outcome),
            Err(_) => {
                let refused: Refused = serde_json::from_slice(&body).unwrap_or_default();
                let status = status.as_u16();
                Answered::Refused(Refused { status, ..refused })
            }
        },
    }
}
