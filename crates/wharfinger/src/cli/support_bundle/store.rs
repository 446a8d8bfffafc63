//! Statistics of the store.

use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};

use crate::clock;
use crate::onward::settings::Settings;
use crate::store::{DeliveryLag, DestinationStatus, Inspection};

/// Takes out what receivers have answered, and why destinations were disabled.
pub(super) fn leave_out_texts(found: &mut Inspection) {
    let Some(Ok(content)) = &mut found.content else {
        return;
    };
    for (status, _, failed) in &mut content.destinations {
        *failed = None;
        if status.destination.reason.is_some() {
            let mut destination = (*status.destination).clone();
            destination.reason = None;
            status.destination = Arc::new(destination);
        }
    }
}

/// The statistics, as JSON.
pub(super) fn told(found: Option<&Inspection>) -> Result<String> {
    let Some(found) = found else {
        let told = json!({ "error": "the store could not be read; see doctor.json" });
        return Ok(serde_json::to_string_pretty(&told)?);
    };
    let content = match &found.content {
        None => json!({ "error": "its tables have another version" }),
        Some(Err(_)) => json!({ "error": "it could not be read; see doctor.json" }),
        Some(Ok(content)) => {
            let destinations = content.destinations.iter();
            let destinations = destinations.map(|(status, lag, _)| destination(status, *lag));
            json!({
                "counts": content.counts,
                "latest_change": at(Some(content.latest_ms).filter(|ms| *ms > 0)),
                "destinations": Vec::from_iter(destinations),
            })
        }
    };
    let told = json!({
        "schema": found.schema,
        "database": found.engine,
        "last_backup": at(found.last_backup_ms),
        "content": content,
    });
    Ok(serde_json::to_string_pretty(&told)?)
}

fn at(at_ms: Option<i64>) -> Option<String> {
    at_ms.map(clock::rfc_3339)
}

/// A destination without its settings, which have addresses, and without its secrets.
fn destination(status: &DestinationStatus, lag: DeliveryLag) -> Value {
    let (of, progress) = (&status.destination, &status.progress);
    let kind = Settings::of(of).map_or("unreadable", |settings| settings.kind());
    json!({
        "id": of.id.to_string(),
        "kind": kind,
        "state": of.state.name(),
        "since": clock::rfc_3339(of.state_since_ms),
        "form": of.form,
        "order": of.order.name(),
        "max_events": of.max_events,
        "parallel": of.parallel,
        "timeout_s": of.timeout_s,
        "delivered": progress.delivered,
        "delivered_at": at(progress.delivered_at_ms),
        "failing_since": at(progress.failing_since_ms),
        "lag_events": lag.events,
        "oldest_event": at(lag.oldest_at_ms),
        "parked": status.parked,
        "given_up": status.given_up,
        "is_leased": status.is_leased,
    })
}
