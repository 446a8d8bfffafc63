//! The span of a request, if a collector of traces is configured. It says what the log line says.

use axum::response::Response;
use http::HeaderValue;

use super::request_log::Noted;
use super::routes::Endpoint;
use crate::runtime::traces::{Kind, OpenSpan, Value};

/// Ends the span of a request that was answered.
pub(super) fn end(
    span: &OpenSpan,
    endpoint: &Endpoint,
    response: &Response,
    request_id: &HeaderValue,
    noted: &Noted,
) {
    if !span.is_recorded() {
        return;
    }
    let (operation, status) = (&endpoint.operation, response.status());
    let text = |text: &str| Value::Text(text.to_owned());
    let mut attributes = vec![
        ("http.request.method", text(operation.method)),
        ("http.route", text(operation.path)),
        (
            "http.response.status_code",
            Value::Integer(status.as_u16().into()),
        ),
        ("wharfinger.dialect", text(endpoint.dialect.id())),
        ("wharfinger.operation", text(operation.name)),
        (
            "wharfinger.request_id",
            text(request_id.to_str().unwrap_or_default()),
        ),
    ];
    if let Some(key_id) = noted.key_id.as_deref() {
        attributes.push(("wharfinger.key", text(key_id)));
    }
    if let Some(organisation) = noted.organisation.as_deref() {
        attributes.push(("wharfinger.organisation", text(organisation)));
    }
    if let Some(batch) = noted.batch {
        attributes.push(("wharfinger.batch", Value::Text(batch.to_string())));
    }
    if let Some(counts) = noted.counts {
        for (name, count) in [
            ("wharfinger.orders.received", counts.received()),
            ("wharfinger.orders.rejected", counts.rejected),
        ] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            attributes.push((name, Value::Integer(count)));
        }
    }
    let name = format!("{} {}", operation.method, operation.path);
    span.end(Kind::Server, name, attributes, status.is_server_error());
}
