//! What a server answers to a batch.

use anyhow::{Result, bail};
use serde::Deserialize;

use crate::http::Answered;
use crate::report::Error;

/// The outcome of a batch.
#[derive(Debug, Deserialize)]
pub(super) struct Outcome {
    pub(super) id: String,
    pub(super) received: u64,
    pub(super) accepted: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    pub(super) rejected: u64,
    #[serde(default)]
    withheld: u64,
    /// The rejected orders.
    #[serde(default)]
    pub(super) results: Vec<OrderOutcome>,
}

/// The outcome of one order.
#[derive(Debug, Deserialize)]
pub(super) struct OrderOutcome {
    /// The position in the batch, from 0.
    pub(super) index: usize,
    #[serde(default)]
    pub(super) key: Option<String>,
    pub(super) outcome: String,
    #[serde(default)]
    pub(super) errors: Vec<Error>,
}

impl Outcome {
    /// Reads the outcome of a batch of so many orders.
    ///
    /// # Errors
    /// The server refused the batch as a whole, or what it answered is no outcome of such a batch.
    pub(super) fn read(answered: &Answered, orders: usize) -> Result<Self> {
        if !matches!(answered.status.as_u16(), 200 | 207 | 422) {
            return Err(answered.refusal().into());
        }
        let outcome: Self = match serde_json::from_slice(&answered.body) {
            Ok(outcome) => outcome,
            Err(_) if answered.status.as_u16() == 422 => return Err(answered.refusal().into()),
            Err(_) => {
                bail!("the answer is not the outcome of a batch; is this a Wharfinger server?")
            }
        };
        let mut previous = None;
        let mut is_sound = outcome.received == orders as u64;
        for result in &outcome.results {
            is_sound &= result.index < orders && previous.is_none_or(|index| index < result.index);
            previous = Some(result.index);
        }
        let taken = [outcome.accepted, outcome.updated, outcome.unchanged];
        let mut counted = taken
            .into_iter()
            .chain([outcome.rejected, outcome.withheld]);
        let counted = counted.try_fold(0_u64, u64::checked_add);
        is_sound &= counted == Some(outcome.received);
        is_sound &= outcome.rejections().count() as u64 == outcome.rejected;
        if !is_sound {
            bail!(
                "the answer to batch {} is about other orders than those that were sent",
                crate::terminal::shown(&outcome.id)
            );
        }
        Ok(outcome)
    }

    /// The rejected orders.
    pub(super) fn rejections(&self) -> impl Iterator<Item = &OrderOutcome> {
        let is_rejected = |result: &&OrderOutcome| result.outcome == "rejected";
        self.results.iter().filter(is_rejected)
    }
}

#[cfg(test)]
mod tests {
    use ::http::{HeaderMap, StatusCode};

    use super::*;

    fn read(status: u16, body: &str) -> Result<Outcome> {
        let answered = Answered {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.into(),
        };
        Outcome::read(&answered, 3)
    }

    #[test]
    fn an_outcome_is_about_the_orders_that_were_sent() {
        let body = r#"{"id":"b","status":"partial","received":3,"accepted":1,"updated":0,"unchanged":0,"rejected":1,"withheld":1,"results":[
            {"index":0,"outcome":"rejected","errors":[{"code":"c","new":1}]},{"index":2,"key":"K","outcome":"withheld"}]}"#;
        let outcome = read(207, body).unwrap();
        assert_eq!(
            (outcome.accepted, outcome.updated, outcome.rejected),
            (1, 0, 1)
        );
        let rejected: Vec<_> = outcome.rejections().map(|result| result.index).collect();
        assert_eq!(rejected, [0]);
        for (from, to) in [
            ("\"received\":3", "\"received\":2"),
            ("\"index\":2", "\"index\":3"),
            ("\"index\":2", "\"index\":0"),
            ("\"accepted\":1", "\"accepted\":0"),
            ("\"accepted\":1", "\"accepted\":18446744073709551615"),
            ("\"outcome\":\"rejected\"", "\"outcome\":\"accepted\""),
        ] {
            let error = read(207, &body.replace(from, to)).unwrap_err().to_string();
            assert_eq!(
                error,
                "the answer to batch b is about other orders than those that were sent"
            );
        }
    }

    #[test]
    fn what_is_no_outcome_is_refused() {
        let problem =
            r#"{"code":"idempotency_key_reused","detail":"Another request had this key"}"#;
        for (status, body, error) in [
            (
                422,
                problem,
                "the server answered 422: Another request had this key",
            ),
            (
                404,
                "nothing\u{1b}",
                "the server answered 404: nothing\\u{1b}",
            ),
            (
                200,
                r#"{"id":"b","received":3}"#,
                "the answer is not the outcome of a batch; is this a Wharfinger server?",
            ),
            (
                200,
                "<html>",
                "the answer is not the outcome of a batch; is this a Wharfinger server?",
            ),
        ] {
            assert_eq!(read(status, body).unwrap_err().to_string(), error);
        }
    }
}
