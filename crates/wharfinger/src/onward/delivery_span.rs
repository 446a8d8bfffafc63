//! The span of an attempt to deliver by a webhook, if a collector of traces is configured.

use super::client::{Answer, Fault};
use crate::runtime::traces::{Kind, OpenSpan, Value};
use crate::store::Attempt;

/// Ends the span of an attempt. It names the event, not the receiver, whose URL may be a secret.
pub(super) fn end(span: &OpenSpan, attempt: &Attempt, answered: &Result<Answer, Fault>) {
    let mut attributes = vec![
        ("http.request.method", Value::Text("POST".into())),
        ("wharfinger.event", Value::Text(attempt.webhook_id.clone())),
        ("wharfinger.attempt", Value::Integer(attempt.attempt.into())),
    ];
    let is_error = match answered {
        Ok(answer) => {
            let status = Value::Integer(answer.status.into());
            attributes.push(("http.response.status_code", status));
            !(200..300).contains(&answer.status)
        }
        Err(fault) => {
            attributes.push(("error.type", Value::Text(fault.result().into())));
            true
        }
    };
    span.end(Kind::Client, "POST webhook".into(), attributes, is_error);
}
