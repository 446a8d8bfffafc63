//! Where a reader of the feed begins.

use std::time::Duration;

use jiff::Timestamp;
use wharfinger_core::dialect::query::Query;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::OrgAccess;

use crate::access::rules::span;
use crate::clock;
use crate::onward::new::Start;
use crate::serve::feed_cursor;

/// What `since` must be, for error messages.
const SINCE_FORM: &str = "a time such as 2026-11-21T09:30:00Z, or a span before now such as 10m";

/// Reads where to begin: the parameters `after` and `since`, and the id of the last event of a stream that was cut.
pub(super) fn read(
    query: &Query<'_>,
    last_event: Option<&str>,
    named: Option<OrganisationId>,
) -> Result<Start, RequestFailure> {
    let (after, since) = (query.get("after"), query.read("since", SINCE_FORM, since)?);
    if after.is_some() && since.is_some() {
        return Err(RequestFailure::BadParameter(
            "Parameters after and since exclude each other; leave one of them out".into(),
        ));
    }
    match (last_event.or(after), since) {
        (None, None) => Ok(Start::Beginning),
        (None, Some(from_ms)) => Ok(Start::At(from_ms)),
        (Some("now"), _) => Ok(Start::Now),
        (Some(cursor), _) => feed_cursor::read(cursor, named).map(Start::After),
    }
}

/// The time that `since` names, in milliseconds since 1970. A time to come is now.
fn since(text: &str) -> Option<i64> {
    let now_ms = clock::now_ms();
    let at_ms = match text.parse::<Timestamp>() {
        Ok(at) => at.as_millisecond(),
        Err(_) => now_ms.saturating_sub(millis(span(text)?)),
    };
    Some(at_ms.min(now_ms))
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// The organisations as a destination names them.
pub(super) fn reach(ids: &[OrganisationId]) -> OrgAccess {
    OrgAccess::Only(ids.to_vec())
}
