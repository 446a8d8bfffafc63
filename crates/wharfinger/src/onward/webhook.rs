//! Delivers events by webhooks, as Standard Webhooks 1.0 describes them.
//!
//! `webhook-id` is the id of the event, or of the first one of a batch. It is the same on every attempt and in every replay. The
//! headers `wharfinger-…` say which events came before, so that a receiver sees a gap.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use jiff::fmt::rfc2822;
use serde_json::{Value, json};
use uuid::Uuid;
use wharfinger_core::order::ids::BatchId;

use super::attempts::begun;
use super::client::{Answer, Client, Fault, Reach};
use super::codes::Codes;
use super::delivery_span;
use super::headers::{ID, POSITION, PREVIOUS, PREVIOUS_OF_ORDER, SIGNATURE, TIMESTAMP};
use super::settings::WebhookSettings;
use super::signature::Signer;
use super::told;
use super::window::{Failure, Outcome};
use crate::clock;
use crate::runtime::traces::{self, TRACEPARENT};
use crate::serve::event_view::id_of;
use crate::store::{Attempt, Delivery, Destination};

/// Bytes of an answer that are kept with an attempt.
const KEPT_BYTES: usize = 1_024;
/// The type of the event that shows whether a destination works.
const TEST_TYPE: &str = "wharfinger.test";

/// A destination that is reached by webhooks.
pub(super) struct Webhook {
    client: Client,
    signer: Signer,
    within: Duration,
    /// Whether a request carries an array of events.
    is_batch: bool,
}

/// A message before it is signed.
struct Message {
    id: String,
    headers: HeaderMap,
    body: Bytes,
    /// The batch of its first event.
    batch: Option<BatchId>,
}

impl Webhook {
    /// Prepares deliveries to a destination.
    ///
    /// # Errors
    /// Its URL or a secret cannot be used. The sentence says why.
    pub(super) fn new(
        reach: Arc<Reach>,
        destination: &Destination,
        settings: &WebhookSettings,
    ) -> Result<Self, String> {
        let client = Client::new(reach, &settings.url);
        Ok(Self {
            client: client.map_err(|refused| refused.to_string())?,
            signer: Signer::new(&destination.secrets)?,
            within: Duration::from_secs(destination.timeout_s.into()),
            is_batch: destination.max_events > 1,
        })
    }

    /// Delivers events, at least one, in one request. `number` says which attempt it is for the first one.
    pub(super) async fn deliver(
        &self,
        deliveries: &[Arc<Delivery>],
        codes: &Codes,
        number: u32,
    ) -> Outcome {
        let Some(first) = deliveries.first() else {
            return Outcome::Postponed;
        };
        let message = match self.message(first, deliveries, codes) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(%error, "An event could not be written as JSON.");
                return Outcome::Postponed;
            }
        };
        let count = deliveries.len();
        let mut attempt = begun(message.id.clone(), Some(&**first), (count, number));
        let answered = self.post(message, &mut attempt).await;
        let answer = match answered {
            Ok(answer) => answer,
            Err(Fault::Proxy(why)) => {
                tracing::warn!(why, "A delivery waits for the proxy.");
                return Outcome::Postponed;
            }
            Err(fault) => return failed(attempt, fault.result(), Failure::of(fault.to_string())),
        };
        let events = self.is_batch.then_some(count);
        match judge(&answer, events, attempt.at_ms) {
            Ok(count) => Outcome::Taken { count, attempt },
            Err(failure) => failed(attempt, "refused", failure),
        }
    }

    /// Sends an event that stands for none, once. Returns how it went.
    pub(super) async fn test(&self, destination: Uuid) -> Attempt {
        let mut attempt = begun(Uuid::now_v7().to_string(), None, (1, 1));
        let event = json!({
            "id": attempt.webhook_id,
            "type": TEST_TYPE,
            "at": clock::rfc_3339(attempt.at_ms),
            "destination": destination.to_string(),
        });
        let body = if self.is_batch { json!([event]) } else { event };
        let message = Message {
            id: attempt.webhook_id.clone(),
            headers: HeaderMap::new(),
            body: body.to_string().into(),
            batch: None,
        };
        match self.post(message, &mut attempt).await {
            Ok(answer) if (200..300).contains(&answer.status) => {}
            Ok(_) => attempt.result = "refused".into(),
            Err(fault) => {
                attempt.result = fault.result().into();
                attempt.answer = kept(fault.to_string().as_bytes());
            }
        }
        attempt
    }

    fn message(
        &self,
        first: &Delivery,
        deliveries: &[Arc<Delivery>],
        codes: &Codes,
    ) -> serde_json::Result<Message> {
        let object = |delivery: &Delivery| {
            let code = codes.of(delivery.organisation);
            told::object(delivery, &code)
        };
        let body = if self.is_batch {
            let objects = deliveries.iter().map(|delivery| object(delivery));
            told::array(&objects.collect::<serde_json::Result<Vec<_>>>()?)
        } else {
            object(first)?
        };
        let mut headers = HeaderMap::new();
        headers.insert(POSITION, first.event.position.into());
        if let Some(previous) = first.previous {
            headers.insert(PREVIOUS, previous.into());
        }
        if let Some(previous) = first.previous_of_order {
            headers.insert(PREVIOUS_OF_ORDER, previous.into());
        }
        Ok(Message {
            id: id_of(first.organisation, &first.event).to_string(),
            headers,
            body,
            batch: first.event.batch,
        })
    }

    /// Signs and sends a message, and notes in the attempt what came of it.
    async fn post(&self, message: Message, attempt: &mut Attempt) -> Result<Answer, Fault> {
        let Message {
            id,
            mut headers,
            body,
            batch,
        } = message;
        let at_s = attempt.at_ms.div_euclid(1_000);
        let signature = self.signer.sign(&id, at_s, &body);
        // Both consist of visible ASCII.
        if let (Ok(id), Ok(signature)) =
            (HeaderValue::try_from(id), HeaderValue::try_from(signature))
        {
            headers.insert(ID, id);
            headers.insert(SIGNATURE, signature);
        }
        headers.insert(TIMESTAMP, at_s.into());
        let span = traces::begin_delivery(batch);
        if let Some(span) = &span {
            headers.insert(TRACEPARENT, span.context().header());
        }
        let began = Instant::now();
        let answered = self.client.post(headers, body, self.within).await;
        attempt.took_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
        if let Ok(answer) = &answered {
            attempt.status = Some(answer.status);
            attempt.answer = kept(&answer.body);
        }
        if let Some(span) = &span {
            delivery_span::end(span, attempt, &answered);
        }
        answered
    }
}

impl Failure {
    fn of(why: String) -> Self {
        Self {
            why,
            ..Self::default()
        }
    }
}

/// An attempt that failed. If there was no answer, what happened is kept in its place.
fn failed(mut attempt: Attempt, result: &str, failure: Failure) -> Outcome {
    attempt.result = result.into();
    if attempt.status.is_none() {
        attempt.answer = kept(failure.why.as_bytes());
    }
    Outcome::Failed { attempt, failure }
}

/// How many events an answer takes. `events` are those of a batch; `None` for a single event.
fn judge(answer: &Answer, events: Option<usize>, now_ms: i64) -> Result<usize, Failure> {
    match answer.status {
        200..300 => events.map_or(Ok(1), |events| acknowledged(answer, events)),
        300..400 => Err(Failure::of(format!(
            "It answered {}: redirects are not followed. Change the URL of the destination.",
            answer.status
        ))),
        status => Err(Failure {
            why: format!("It answered {status}."),
            retry_after_ms: retry_after_ms(answer, now_ms),
            slows: matches!(status, 429 | 502 | 504),
            is_gone: status == 410,
        }),
    }
}

/// How many events of a batch an answer takes: all, or as many as it says.
fn acknowledged(answer: &Answer, events: usize) -> Result<usize, Failure> {
    let text = answer.body.trim_ascii_start();
    if !text.starts_with(b"{") && (answer.is_whole || !text.is_empty()) {
        return Ok(events);
    }
    if !answer.is_whole {
        let why = "It answered, but not to the end, so it is not known how many events it took.";
        return Err(Failure::of(why.into()));
    }
    let Ok(Value::Object(said)) = serde_json::from_slice(text) else {
        return Ok(events);
    };
    let Some(count) = said.get("acknowledged") else {
        return Ok(events);
    };
    match count.as_u64().and_then(|count| usize::try_from(count).ok()) {
        Some(0) => Err(Failure::of("It acknowledged none of the events.".into())),
        Some(count) => Ok(count.min(events)),
        None => Err(Failure::of(
            "Its answer has no number of events in \"acknowledged\".".into(),
        )),
    }
}

/// The wait that an answer asks for, in milliseconds: a number of seconds, or a date.
fn retry_after_ms(answer: &Answer, now_ms: i64) -> Option<i64> {
    let text = answer.retry_after.as_deref()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(i64::from(seconds) * 1_000);
    }
    let date = rfc2822::parse(text).ok()?;
    Some(date.timestamp().as_millisecond().saturating_sub(now_ms))
}

/// The beginning of an answer, as text.
fn kept(answer: &[u8]) -> String {
    let answer = &answer[..answer.len().min(KEPT_BYTES)];
    let mut text = String::from_utf8_lossy(answer).into_owned();
    // A replacement character has more bytes than the byte it stands for.
    while text.len() > KEPT_BYTES {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Answer, acknowledged, judge, kept, retry_after_ms};

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            retry_after: None,
            body: body.to_owned().into(),
            is_whole: true,
        }
    }

    #[test]
    fn a_single_event_is_taken_by_the_status() {
        for (status, is_taken) in [
            (200, true),
            (204, true),
            (299, true),
            (301, false),
            (400, false),
            (500, false),
        ] {
            let judged = judge(&answer(status, r#"{"acknowledged":0}"#), None, 0);
            assert_eq!(judged.is_ok(), is_taken, "{status}");
        }
        assert!(judge(&answer(410, ""), None, 0).unwrap_err().is_gone);
        for status in [429, 502, 504] {
            assert!(judge(&answer(status, ""), None, 0).unwrap_err().slows);
        }
        assert!(!judge(&answer(503, ""), None, 0).unwrap_err().slows);
    }

    #[test]
    fn a_batch_is_taken_as_far_as_the_answer_says() {
        for (body, taken) in [
            ("", Some(5)),
            ("ok", Some(5)),
            ("{}", Some(5)),
            ("{broken", Some(5)),
            (r#"{"acknowledged":3}"#, Some(3)),
            (r#" {"acknowledged": 5, "more": true}"#, Some(5)),
            (r#"{"acknowledged":9}"#, Some(5)),
            (r#"{"acknowledged":0}"#, None),
            (r#"{"acknowledged":-1}"#, None),
            (r#"{"acknowledged":"3"}"#, None),
        ] {
            assert_eq!(acknowledged(&answer(200, body), 5).ok(), taken, "{body}");
        }
        let cut = |body: &str| Answer {
            is_whole: false,
            ..answer(200, body)
        };
        assert!(acknowledged(&cut(r#"{"acknowledged":3"#), 5).is_err());
        assert!(acknowledged(&cut(""), 5).is_err());
        assert_eq!(acknowledged(&cut("<html>"), 5).ok(), Some(5));
    }

    #[test]
    fn retry_after_is_a_number_or_a_date() {
        let at = |text: &str| {
            let answer = Answer {
                retry_after: Some(text.into()),
                ..answer(429, "")
            };
            retry_after_ms(&answer, 1_445_412_420_000)
        };
        assert_eq!(at("120"), Some(120_000));
        assert_eq!(at("Wed, 21 Oct 2015 07:28:00 GMT"), Some(60_000));
        assert_eq!(at("Wed, 21 Oct 2015 07:26:00 GMT"), Some(-60_000));
        assert_eq!(at("soon"), None);
    }

    #[test]
    fn what_is_kept_of_an_answer_is_short_text() {
        assert_eq!(kept(b"ok"), "ok");
        assert_eq!(kept(&[b'a'; 5_000]).len(), 1_024);
        assert!(kept(&[0xff; 5_000]).len() <= 1_024);
    }
}
