//! Orders judged by a server, in batches that it does not store.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use form_urlencoded::Serializer;
use serde::Deserialize;
use wharfinger_core::dialect::Dialect;

use super::printer::{Printer, Tally};
use crate::http::{Client, Limits, Patient, Request, Wait};
use crate::report::{Error, Fault, Place};
use crate::source::Record;
use crate::terminal::{complain, shown};

/// How long to wait for a server that is overloaded or cannot be reached.
const PATIENCE: Duration = Duration::from_secs(300);
/// Orders of a batch, at most.
const ORDERS_MAX: usize = 1_000;
/// Bytes of a batch, at most.
const BYTES_MAX: usize = 4 << 20;

/// Sends requests to a server until they are answered.
pub(super) fn patient<'c>(client: &'c Client, on_wait: &'c (dyn Fn(&Wait) + Sync)) -> Patient<'c> {
    Patient::new(client, PATIENCE, on_wait)
}

/// Says on standard error that the command waits.
pub(super) fn tell_wait(wait: &Wait) {
    let seconds = wait.pause.as_secs_f32().ceil();
    complain(format_args!(
        "{}; trying again in {seconds} s",
        shown(&wait.why)
    ));
}

/// Orders on their way to a server.
pub(super) struct Remote<'c> {
    patient: &'c Patient<'c>,
    target: String,
    limits: Limits,
    /// One order per line.
    body: Vec<u8>,
    /// The orders of the next batch, and those between them, in the order of the file.
    waiting: Vec<Waiting>,
}

/// An order whose faults are not printed yet.
enum Waiting {
    /// An order of the next batch.
    Asked(Box<Asked>),
    /// An order that was judged on this machine.
    Told(Vec<Fault>),
}

/// An order of the next batch.
struct Asked {
    /// Without its text.
    record: Record,
    place: Place,
    /// A warning that was found on this machine.
    repeat: Option<Fault>,
}

/// What a server says about a batch.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    dry_run: bool,
    results: Vec<OrderAnswer>,
}

#[derive(Deserialize)]
struct OrderAnswer {
    key: Option<String>,
    outcome: String,
    #[serde(default)]
    errors: Vec<Error>,
    #[serde(default)]
    warnings: Vec<Error>,
}

impl<'c> Remote<'c> {
    /// Asks the server for its limits.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses the key.
    pub(super) fn new(
        patient: &'c Patient<'c>,
        dialect: &dyn Dialect,
        organisation: Option<&str>,
    ) -> Result<Self> {
        let limits = Limits::fetch(patient)?;
        let mut query = Serializer::new(String::new());
        query.append_pair("dialect", dialect.id());
        query.append_pair("dry_run", "true");
        query.append_pair("results", "all");
        if let Some(code) = organisation.or(limits.only_organisation()) {
            query.append_pair("organisation", code);
        }
        Ok(Self {
            patient,
            target: format!("/v1/batches?{}", query.finish()),
            limits,
            body: Vec::new(),
            waiting: Vec::new(),
        })
    }

    /// Whether an order fits into a request. A longer one is judged on this machine, which refuses it too.
    pub(super) fn takes(&self, text: &str) -> bool {
        text.len() < self.limits.bytes_max(BYTES_MAX)
    }

    /// Adds an order that is JSON. Sends the batch if it is full.
    ///
    /// # Errors
    /// The server refuses the batch or cannot be reached, or the output cannot be written to.
    pub(super) fn push(
        &mut self,
        record: Record,
        place: Place,
        repeat: Option<Fault>,
        printer: &mut Printer<'_>,
        tally: &mut Tally,
    ) -> Result<()> {
        let is_full = self.waiting.len() >= self.limits.orders_max(ORDERS_MAX)
            || self.body.len() + record.text.len() >= self.limits.bytes_max(BYTES_MAX);
        if is_full {
            self.flush(printer, tally)?;
        }
        // In JSON, line breaks stand only between values. A space does the same there.
        let breaks = |byte: u8| {
            if matches!(byte, b'\n' | b'\r') {
                b' '
            } else {
                byte
            }
        };
        self.body.extend(record.text.bytes().map(breaks));
        self.body.push(b'\n');
        self.waiting.push(Waiting::Asked(Box::new(Asked {
            record: Record {
                text: String::new(),
                ..record
            },
            place,
            repeat,
        })));
        Ok(())
    }

    /// Adds an order that was judged on this machine.
    ///
    /// # Errors
    /// Those of [`Self::push`].
    pub(super) fn push_told(
        &mut self,
        faults: Vec<Fault>,
        printer: &mut Printer<'_>,
        tally: &mut Tally,
    ) -> Result<()> {
        if self.waiting.len() >= ORDERS_MAX {
            self.flush(printer, tally)?;
        }
        self.waiting.push(Waiting::Told(faults));
        Ok(())
    }

    /// Sends the orders that wait, and prints what the server says about them.
    ///
    /// # Errors
    /// Those of [`Self::push`].
    pub(super) fn flush(&mut self, printer: &mut Printer<'_>, tally: &mut Tally) -> Result<()> {
        let mut results = match self.body.is_empty() {
            true => Vec::new(),
            false => self.ask()?,
        }
        .into_iter();
        self.body.clear();
        for waiting in self.waiting.drain(..) {
            let faults = match waiting {
                Waiting::Told(faults) => faults,
                Waiting::Asked(asked) => {
                    let order = results.next();
                    asked.faults(order.context(NOT_JUDGED)?)
                }
            };
            printer.order(&faults, tally)?;
        }
        // More results than orders belong to nobody.
        (results.next().is_none()).then_some(()).context(NOT_JUDGED)
    }

    /// Sends the batch. Returns what the server says about each order.
    fn ask(&self) -> Result<Vec<OrderAnswer>> {
        let request = Request {
            method: "POST",
            target: &self.target,
            headers: &[("content-type", "application/x-ndjson")],
            body: &self.body,
            timeout: Some(PATIENCE),
        };
        let answered = self.patient.send(&request)?;
        // A batch without a good order is 422, and so is a request that is refused.
        let Ok(answer) = serde_json::from_slice::<Answer>(&answered.body) else {
            if answered.status.is_success() {
                bail!("the response is not the expected JSON; is this a Wharfinger server?");
            }
            return Err(answered.refusal().into());
        };
        answer.dry_run.then_some(answer.results).context(NOT_JUDGED)
    }
}

/// A server that is not one of ours, or is much older.
const NOT_JUDGED: &str = "the server did not judge the orders one by one in a dry run";

impl Asked {
    fn faults(mut self, answer: OrderAnswer) -> Vec<Fault> {
        if let Some(key) = answer.key {
            self.place.key = Some(key);
        }
        let is_rejected = answer.outcome == "rejected";
        let mut errors = answer.errors;
        if is_rejected && errors.is_empty() {
            errors.push(Error {
                message: "the server rejects the order without saying why".into(),
                ..Error::default()
            });
        }
        let errors = errors.into_iter().map(|error| (false, error));
        let warnings = answer.warnings.into_iter().map(|error| (true, error));
        let all = errors.chain(warnings);
        let faults =
            all.map(|(is_warning, error)| self.record.fault(self.place.clone(), is_warning, error));
        faults.chain(self.repeat).collect()
    }
}
