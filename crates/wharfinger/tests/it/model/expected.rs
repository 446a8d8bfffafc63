//! The model: the expected result of each step, written from the specification and without the product's code.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use wharfinger_core::order::ids::BatchId;

use super::steps::{Sent, Step, Submission, WITHDRAWING};

/// An order in the model.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) organisation: &'static str,
    pub(super) dialect: &'static str,
    pub(super) key: String,
    pub(super) state: &'static str,
    pub(super) revision: u32,
    /// The status reported last.
    pub(super) reported: Option<String>,
    /// What happened to it, with the text of each revision.
    pub(super) history: Vec<(&'static str, Option<String>)>,
    content: usize,
}

impl Order {
    /// The text of its latest revision.
    pub(super) fn text(&self) -> &str {
        let mut texts = self
            .history
            .iter()
            .rev()
            .filter_map(|(_, text)| text.as_deref());
        texts.next().expect("an order begins with a text")
    }
}

#[derive(Clone, Debug)]
pub(super) struct Receipt {
    pub(super) id: String,
    pub(super) dialect: &'static str,
    pub(super) organisations: BTreeSet<&'static str>,
    /// The outcome of each order.
    pub(super) results: Vec<Value>,
}

/// An expected response: the status, and the body if the model can tell it.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    /// Whether it is saved under an idempotency key.
    pub(super) is_kept: bool,
}

/// Organisation, dialect and order key.
type Name = (&'static str, &'static str, String);

#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    /// In order of creation.
    pub(super) orders: Vec<Order>,
    pub(super) receipts: Vec<Receipt>,
    /// Type, order and batch of each event, by organisation.
    pub(super) feeds: BTreeMap<&'static str, Vec<Value>>,
    /// The order that currently holds a key.
    holders: BTreeMap<Name, usize>,
}

impl Model {
    /// Performs a step. A submission becomes `batch`.
    pub(super) fn apply(&mut self, step: &Step, batch: Option<BatchId>) -> Answer {
        match step {
            Step::Submit(submission) => {
                let batch = batch.expect("a submission's answer names its batch");
                if submission.is_dry {
                    return self.clone().submit(submission, batch);
                }
                self.submit(submission, batch)
            }
            Step::Move(verb, id) => {
                let told = self.transition_by_id(verb, id);
                let status = match (told.get("code"), told.get("state")) {
                    (None, _) => 200,
                    (Some(_), Some(_)) => 409,
                    (Some(_), None) => 404,
                };
                let body = if status == 200 { told } else { Value::Null };
                answer(status, body)
            }
            Step::MoveMany(verb, ids) => {
                let results = ids.iter().map(|id| self.transition_by_id(verb, id));
                let results: Vec<_> = results.collect();
                let moved = results.iter().filter(|told| told.get("code").is_none());
                let status = status(moved.count(), results.len());
                answer(status, json!({"results": results}))
            }
            Step::Report(id, status) => self.report(id, status),
            Step::Withdraw(key) => self.withdraw(key),
        }
    }

    fn submit(&mut self, submission: &Submission, batch: BatchId) -> Answer {
        let named = submission
            .orders
            .iter()
            .filter_map(|sent| sent.organisation);
        let organisations: BTreeSet<_> = named.chain(submission.organisation).collect();
        for organisation in &organisations {
            let event =
                json!({"type": "batch.received", "order": null, "batch": batch.to_string()});
            self.feeds.entry(organisation).or_default().push(event);
        }
        let mut after = self.clone();
        let orders = submission.orders.iter().enumerate();
        let mut results: Vec<_> = orders
            .map(|(index, sent)| after.submit_one(submission, sent, index, batch))
            .collect();
        let is_refused = submission.is_whole && count(&results, "rejected") > 0;
        if is_refused {
            for result in &mut results {
                if result["outcome"] != "rejected" {
                    result["outcome"] = "withheld".into();
                    for taken in ["order_id", "number", "revision"] {
                        result.as_object_mut().unwrap().remove(taken);
                    }
                }
            }
        } else {
            *self = after;
        }
        let receipt = Receipt {
            id: batch.to_string(),
            dialect: submission.form.dialect,
            organisations,
            results,
        };
        let answer = submission.answer(&receipt);
        self.receipts.push(receipt);
        answer
    }

    fn submit_one(
        &mut self,
        submission: &Submission,
        sent: &Sent,
        index: usize,
        batch: BatchId,
    ) -> Value {
        let mut result = json!({"index": index});
        if let Some(organisation) = sent.organisation {
            result["organisation"] = organisation.into();
        }
        if let Some(key) = &sent.key {
            result["key"] = key.as_str().into();
        }
        let refuse = |mut result: Value, code: &str| {
            result["outcome"] = "rejected".into();
            result["codes"] = json!([code]);
            result
        };
        let (Some(organisation), Some(key), None) = (sent.organisation, &sent.key, sent.fault)
        else {
            return refuse(result, sent.fault.expect("a good order has a key"));
        };
        let dialect = submission.form.dialect;
        let name = (organisation, dialect, key.clone());
        let outcome = match self.holders.get(&name).copied() {
            Some(_) if !submission.form.resends => return refuse(result, "number_exists"),
            Some(at) => {
                let order = &mut self.orders[at];
                match order.state {
                    "pending" => {}
                    state => return refuse(result, &format!("already_{state}")),
                }
                let outcome = if order.content == sent.content {
                    "unchanged"
                } else {
                    order.content = sent.content;
                    order.revision += 1;
                    self.tell(at, "order.updated", Some(batch), Some(&sent.text));
                    "updated"
                };
                result["order_id"] = self.orders[at].id.as_str().into();
                result["revision"] = self.orders[at].revision.into();
                outcome
            }
            None => {
                let id = batch.order(u32::try_from(index).unwrap()).to_string();
                result["order_id"] = id.as_str().into();
                result["revision"] = 1.into();
                if !submission.form.resends {
                    result["number"] = key.parse::<u64>().unwrap().into();
                }
                self.holders.insert(name, self.orders.len());
                self.orders.push(Order {
                    id,
                    organisation,
                    dialect,
                    key: key.clone(),
                    state: "pending",
                    revision: 1,
                    reported: None,
                    history: Vec::new(),
                    content: sent.content,
                });
                let at = self.orders.len() - 1;
                self.tell(at, "order.accepted", Some(batch), Some(&sent.text));
                "accepted"
            }
        };
        result["outcome"] = outcome.into();
        result
    }

    /// Records what happened to an order.
    fn tell(&mut self, at: usize, what: &'static str, batch: Option<BatchId>, text: Option<&str>) {
        let order = &mut self.orders[at];
        order.history.push((what, text.map(str::to_owned)));
        let batch = batch.map(|batch| batch.to_string());
        let feed = self.feeds.entry(order.organisation).or_default();
        feed.push(json!({"type": what, "order": order.id, "batch": batch}));
    }

    /// Changes an order's state. Fails with the final state that prevents it.
    fn move_at(&mut self, at: usize, verb: &str) -> Result<&'static str, &'static str> {
        let order = &mut self.orders[at];
        if order.state != "pending" {
            return Err(order.state);
        }
        let (state, what) = match verb {
            "process" => ("processed", "order.processed"),
            _ => ("cancelled", "order.cancelled"),
        };
        order.state = state;
        self.tell(at, what, None, None);
        Ok(state)
    }

    fn transition_by_id(&mut self, verb: &str, id: &str) -> Value {
        let Some(at) = self.at(id) else {
            return json!({"order_id": id, "outcome": "rejected", "code": "unknown_order"});
        };
        match self.move_at(at, verb) {
            Ok(state) => json!({"order_id": id, "outcome": state, "state": state}),
            Err(state) => json!({"order_id": id, "outcome": "rejected", "state": state,
                "code": format!("already_{state}")}),
        }
    }

    /// Changes the state of the order that holds a key, like another process. Returns whether that succeeded.
    pub(super) fn move_by_key(&mut self, name: &Name, verb: &str) -> bool {
        let holder = self.holders.get(name).copied();
        holder.is_some_and(|at| self.move_at(at, verb).is_ok())
    }

    fn report(&mut self, id: &str, status: &str) -> Answer {
        let Some(at) = self.at(id) else {
            return answer(404, Value::Null);
        };
        if self.orders[at].state == "cancelled" {
            return answer(409, Value::Null);
        }
        // Repeating the same report creates no event.
        if self.orders[at].reported.as_deref() != Some(status) {
            self.orders[at].reported = Some(status.to_owned());
            self.tell(at, "order.fulfilment", None, None);
        }
        answer(200, json!({"status": status}))
    }

    fn withdraw(&mut self, key: &str) -> Answer {
        let (organisation, dialect) = WITHDRAWING;
        let name = (organisation, dialect, key.to_owned());
        let told = match self.holders.get(&name).copied() {
            Some(at) => match self.move_at(at, "cancel") {
                Ok(_) => {
                    // The key is free for a new order.
                    self.holders.remove(&name);
                    "Deleted."
                }
                Err("processed") => "Cannot be deleted. Already processed.",
                Err(_) => "Cannot be deleted. Already deleted.",
            },
            None if self.orders.iter().any(|order| order.is_named(&name)) => {
                "Cannot be deleted. Already deleted."
            }
            None => "Invalid packing slip number",
        };
        answer(200, json!({key: told}))
    }

    fn at(&self, id: &str) -> Option<usize> {
        self.orders.iter().position(|order| order.id == id)
    }
}

impl Order {
    fn is_named(&self, (organisation, dialect, key): &Name) -> bool {
        self.organisation == *organisation && self.dialect == *dialect && self.key == *key
    }
}

impl Receipt {
    /// The status and the counts.
    pub(super) fn head(&self) -> Value {
        let count = |outcome| count(&self.results, outcome);
        let not_taken = count("rejected") + count("withheld");
        let taken = self.results.len() - not_taken;
        json!({"id": self.id, "received": self.results.len(),
        "accepted": count("accepted"), "updated": count("updated"), "unchanged": count("unchanged"),
        "rejected": count("rejected"), "withheld": count("withheld"),
        "status": match status(taken, self.results.len()) {
            200 => "complete",
            207 => "partial",
            _ => "rejected",
        }})
    }
}

impl Submission {
    fn answer(&self, receipt: &Receipt) -> Answer {
        let mut body = receipt.head();
        let mut results = receipt.results.clone();
        let is_refused = |result: &Value| {
            let outcome = &result["outcome"];
            outcome == "rejected" || outcome == "withheld"
        };
        let taken = results.iter().filter(|result| !is_refused(result)).count();
        let status = status(taken, results.len());
        results.retain(|result| self.results == "all" || is_refused(result));
        for result in &mut results {
            // The response omits the organisation, which the sender knows.
            result.as_object_mut().unwrap().remove("organisation");
        }
        if self.results != "none" {
            body["results"] = results.into();
        }
        if self.orders.is_empty() {
            body["codes"] = json!(["empty_batch"]);
        }
        if self.is_dry {
            body["dry_run"] = true.into();
        }
        Answer {
            status,
            body,
            is_kept: !self.is_dry,
        }
    }
}

fn answer(status: u16, body: Value) -> Answer {
    Answer {
        status,
        body,
        is_kept: status < 300,
    }
}

fn count(results: &[Value], outcome: &str) -> usize {
    let is_it = |result: &&Value| result["outcome"] == outcome;
    results.iter().filter(is_it).count()
}

/// The status of a response about several orders.
fn status(done: usize, all: usize) -> u16 {
    match done {
        0 => 422,
        done if done == all => 200,
        _ => 207,
    }
}
