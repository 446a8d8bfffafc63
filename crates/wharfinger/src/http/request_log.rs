//! The log line of a request, and its metrics.

use std::sync::Arc;
use std::time::Instant;

use axum::response::Response;
use http::HeaderValue;
use http::request::Parts;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::BatchId;
use wharfinger_core::order::outcome::Counts;

use super::simulate::Simulation;
use crate::access::rates::Meter;
use crate::logging;
use crate::runtime::metrics::METRICS;

/// Fields of the log line, besides route and status.
#[derive(Default)]
pub(super) struct Noted {
    pub(super) key_id: Option<Arc<str>>,
    pub(super) organisation: Option<String>,
    pub(super) batch: Option<BatchId>,
    pub(super) counts: Option<Counts>,
    pub(super) failure: Option<String>,
    pub(super) meter: Option<Arc<Meter>>,
    pub(super) simulation: Option<Simulation>,
}

/// Describes a failure for the log. It omits what the client asked for, which may be a person's name or address.
pub(super) fn log_text(failure: &RequestFailure) -> String {
    if let RequestFailure::NotFound(_) = failure {
        return "Not found".into();
    }
    if let RequestFailure::BadParameter(_) = failure {
        return "A parameter is invalid".into();
    }
    failure.message()
}

/// Records the duration and writes the log line. The line never has a body, a name, an address or a secret.
pub(super) fn log(
    parts: &Parts,
    operation: &'static str,
    dialect: &'static str,
    response: &Response,
    request_id: &HeaderValue,
    noted: &Noted,
    began: Instant,
) {
    let (status, took) = (response.status().as_u16(), began.elapsed());
    METRICS.note_request(dialect, operation, status, took);
    let counts = noted.counts.unwrap_or_default();
    tracing::info!(
        request_id = request_id.to_str().unwrap_or_default(),
        method = logging::cut(parts.method.as_str()),
        dialect,
        operation,
        status,
        key = noted.key_id.as_deref(),
        organisation = noted.organisation.as_deref(),
        batch = noted.batch.map(tracing::field::display),
        accepted = counts.accepted,
        updated = counts.updated,
        unchanged = counts.unchanged,
        rejected = counts.rejected,
        withheld = counts.withheld,
        failure = noted.failure.as_deref().map(logging::cut),
        duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        "Request served."
    );
}
