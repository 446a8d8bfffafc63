//! What stands still, since when, and what to do about it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::clock;
use crate::store::{Attempt, DeliveryLag, DestinationState, DestinationStatus};

/// Parked order keys from which on no new ones are begun.
pub const PARKED_MAX: u64 = 10_000;
/// How long events may wait although nothing fails, in milliseconds.
const WAIT_MAX_MS: i64 = 300_000;

/// A hint.
#[derive(Clone, Debug, JsonSchema, PartialEq, Eq, Serialize)]
pub struct Hint {
    /// What stands still.
    pub what: String,
    /// Since when; absent if that is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub since: Option<String>,
    /// What to do about it.
    pub remedy: String,
}

impl Hint {
    fn new(what: impl Into<String>, since_ms: Option<i64>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            since: since_ms.map(clock::rfc_3339),
            remedy: remedy.into(),
        }
    }
}

/// The hint for a destination. `None` if nothing stands still. `failed` is its latest attempt that failed.
#[must_use]
pub fn hint(
    status: &DestinationStatus,
    lag: DeliveryLag,
    failed: Option<&Attempt>,
    now_ms: i64,
) -> Option<Hint> {
    let destination = &status.destination;
    let since_ms = Some(destination.state_since_ms);
    let progress = &status.progress;
    match destination.state {
        DestinationState::Disabled => {
            let reason = destination.reason.as_deref().unwrap_or("it has failed");
            let what = format!("the destination is disabled: {reason}");
            let remedy = "correct the receiver or the settings, then resume the destination; it goes on where it was";
            return Some(Hint::new(what, since_ms, remedy));
        }
        DestinationState::Paused => {
            let remedy = "resume the destination; it goes on where it was";
            return Some(Hint::new("the destination is paused", since_ms, remedy));
        }
        DestinationState::Active => {}
    }
    if let Some(since_ms) = progress.failing_since_ms {
        let what = format!("every attempt fails{}", last(failed));
        let remedy = "correct the receiver or the settings; attempts are repeated by themselves, for up to 5 days";
        return Some(Hint::new(what, Some(since_ms), remedy));
    }
    if status.parked > 0 {
        return Some(of_parked(status, failed));
    }
    of_lag(status, lag, now_ms)
}

/// The hint for a destination with parked order keys.
fn of_parked(status: &DestinationStatus, failed: Option<&Attempt>) -> Hint {
    if status.parked >= PARKED_MAX {
        let what = format!(
            "{} order keys are parked, and no new events are begun",
            status.parked
        );
        let remedy = "correct what the receiver refuses, then replay what failed";
        return Hint::new(what, None, remedy);
    }
    if status.given_up > 0 {
        let what = format!(
            "{} given up after the last attempt{}",
            keys(status.given_up, "was", "were"),
            last(failed)
        );
        let remedy = "correct what the receiver refuses, then replay what failed";
        return Hint::new(what, failed.map(|attempt| attempt.at_ms), remedy);
    }
    let what = format!(
        "{} parked, because the receiver did not take one of the events{}",
        keys(status.parked, "is", "are"),
        last(failed)
    );
    let remedy = "correct what the receiver refuses; attempts are repeated by themselves, and a replay of what failed repeats them at once";
    Hint::new(what, failed.map(|attempt| attempt.at_ms), remedy)
}

/// A number of order keys, with the form of the verb.
fn keys(number: u64, one: &str, many: &str) -> String {
    if number == 1 {
        format!("1 order key {one}")
    } else {
        format!("{number} order keys {many}")
    }
}

/// The hint for a destination to which nothing is delivered although nothing fails.
fn of_lag(status: &DestinationStatus, lag: DeliveryLag, now_ms: i64) -> Option<Hint> {
    let oldest_at_ms = lag.oldest_at_ms?;
    if now_ms.saturating_sub(oldest_at_ms) < WAIT_MAX_MS {
        return None;
    }
    if !status.is_leased {
        let what = format!(
            "{} events wait, and no server works on the destination",
            lag.events
        );
        let remedy = "start a server on this store (`wharfinger serve`), or see the log of the one that runs";
        return Some(Hint::new(what, Some(oldest_at_ms), remedy));
    }
    let progress = &status.progress;
    let stands = progress
        .delivered_at_ms
        .is_none_or(|at_ms| now_ms.saturating_sub(at_ms) >= WAIT_MAX_MS);
    stands.then(|| {
        let what = format!("{} events wait, and none was delivered lately", lag.events);
        let remedy = "see the log of the server";
        let since_ms = progress.delivered_at_ms.unwrap_or(oldest_at_ms);
        Hint::new(what, Some(since_ms), remedy)
    })
}

/// What the latest failed attempt met with.
fn last(failed: Option<&Attempt>) -> String {
    let Some(failed) = failed else {
        return String::new();
    };
    match failed.status {
        Some(status) => format!("; the latest answer had status {status}"),
        None => format!("; the latest one: {}", failed.result),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;
    use wharfinger_core::order::organisation::OrgAccess;

    use super::*;
    use crate::store::{DeliveryOrder, Destination, Progress};

    fn status(change: impl FnOnce(&mut Destination, &mut DestinationStatus)) -> DestinationStatus {
        let mut destination = Destination {
            id: Uuid::nil(),
            created_by: "me".into(),
            created_at_ms: 1,
            reach: OrgAccess::All,
            kinds: None,
            form: None,
            order: DeliveryOrder::Key,
            max_events: 1,
            max_wait_ms: 0,
            parallel: 1,
            timeout_s: 1,
            settings: "{}".into(),
            secrets: Vec::new(),
            state: DestinationState::Active,
            state_since_ms: 2,
            reason: None,
            begins: None,
            begins_ms: None,
            version: 1,
            replays: 0,
        };
        let mut status = DestinationStatus {
            destination: Arc::new(destination.clone()),
            progress: Progress::default(),
            parked: 0,
            given_up: 0,
            next_at_ms: None,
            is_leased: true,
        };
        change(&mut destination, &mut status);
        status.destination = Arc::new(destination);
        status
    }

    fn told(status: &DestinationStatus, lag: DeliveryLag) -> Option<String> {
        let hint = hint(status, lag, None, 1_000_000)?;
        assert!(!hint.remedy.is_empty());
        Some(hint.what)
    }

    #[test]
    fn what_stands_still_has_a_hint() {
        let none = DeliveryLag::default();
        let old = DeliveryLag {
            events: 7,
            oldest_at_ms: Some(10),
        };
        let young = DeliveryLag {
            events: 7,
            oldest_at_ms: Some(999_000),
        };
        let works = status(|_, _| {});
        assert_eq!(told(&works, none), None);
        assert_eq!(told(&works, young), None);
        let busy = status(|_, of| of.progress.delivered_at_ms = Some(999_999));
        assert_eq!(told(&busy, old), None);
        for (status, lag, words) in [
            (works, old, "7 events wait, and none was delivered lately"),
            (status(|_, of| of.is_leased = false), old, "no server works"),
            (
                status(|_, of| of.parked = 3),
                none,
                "3 order keys are parked",
            ),
            (
                status(|_, of| (of.parked, of.given_up) = (2, 2)),
                none,
                "2 order keys were given up",
            ),
            (status(|_, of| of.parked = 1), none, "1 order key is parked"),
            (
                status(|_, of| of.parked = 10_000),
                none,
                "no new events are begun",
            ),
            (
                status(|_, of| of.progress.failing_since_ms = Some(5)),
                none,
                "every attempt fails",
            ),
            (
                status(|of, _| of.state = DestinationState::Paused),
                none,
                "is paused",
            ),
            (
                status(|of, _| of.state = DestinationState::Disabled),
                none,
                "is disabled",
            ),
        ] {
            let told = told(&status, lag).expect("there is a hint");
            assert!(told.contains(words), "{told}");
        }
    }
}
