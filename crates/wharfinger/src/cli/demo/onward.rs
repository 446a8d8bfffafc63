//! A destination: events are delivered to a receiver in this process, which refuses some, while the server is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use wharfinger_bench::receiver::{Received, Receiver, Reply};
use wharfinger_bench::server_process::{self, FirstKey, Server};
use wharfinger_core::dialect::Sample;

use super::{OPTIONS, server, table};

/// Orders that are sent, and how often each is sent. Every time it has changed.
const ORDERS: u32 = 20;
const TIMES: u32 = 3;
/// Each order has an event each time, and so has each batch.
const EVENTS: usize = ((ORDERS + 1) * TIMES) as usize;
/// The order whose first deliveries are refused, and how many.
const REFUSED: &str = "parcel-7";
const REFUSALS: usize = 2;
/// The order whose first change is in flight when the server is killed.
const HELD: &str = "parcel-13";
/// An order of which nothing special is to be said.
const SMOOTH: &str = "parcel-1";
/// What is delivered while one order is refused and another one waits: all but the events of the one, and the changes of the other.
const MEANWHILE: usize = EVENTS - 2 * TIMES as usize + 1;
/// Longest wait for the receiver to get what it waits for.
const WITHIN: Duration = Duration::from_secs(60);

/// The part of a delivery's body that is looked at.
#[derive(Deserialize)]
struct Body {
    r#type: String,
    position: u64,
    previous: Option<u64>,
    previous_of_order: Option<u64>,
    order: Option<Order>,
}

#[derive(Deserialize)]
struct Order {
    key: String,
}

/// A request that the receiver got.
struct Delivery {
    webhook_id: String,
    /// The order key. Empty for a batch.
    key: String,
    kind: String,
    position: u64,
    previous: Option<u64>,
    previous_of_order: Option<u64>,
    /// The status of the answer. `None` if there was none.
    answer: Option<StatusCode>,
}

/// What the receiver has got, in the order of arrival.
#[derive(Default)]
struct Inbox {
    deliveries: Mutex<Vec<Delivery>>,
    arrived: Condvar,
}

/// Shows it. Returns the server that runs at the end.
pub(super) fn show(
    out: &mut dyn Write,
    data: &Path,
    server: Server,
    key: &FirstKey,
) -> Result<Server> {
    writeln!(out, "\n6. A destination: events leave in order\n")?;
    let inbox = Arc::new(Inbox::default());
    let taking = inbox.clone();
    let receiver = Receiver::start(Arc::new(move |received: &Received<'_>| {
        taking.take(received)
    }))?;
    let id = create(data, key, &receiver)?;
    for time in 0..TIMES {
        send_orders(&server, key, time)?;
    }
    inbox.wait(|deliveries| {
        let is_tried = !answers(deliveries, REFUSED).is_empty();
        is_tried
            && answers(deliveries, HELD).contains(&None)
            && taken(deliveries).len() == MEANWHILE
    })?;
    server.kill()?;
    writeln!(
        out,
        "   `wharfinger destination create` made a receiver in this process a destination.\n   \
         {ORDERS} orders are sent, and changed {changes} times: {EVENTS} events with those of the batches.\n   \
         The receiver refuses {REFUSED}, with 503. It does not answer the first change of {HELD}.\n   \
         The server is killed meanwhile (kill -9). A new server starts.",
        changes = TIMES - 1,
    )?;
    let server = Server::start(data.into(), &OPTIONS)?;
    inbox.wait(|deliveries| {
        let is_delivered = taken_of(deliveries, HELD).len() == TIMES as usize;
        is_delivered && answers(deliveries, REFUSED).len() == REFUSALS
    })?;
    writeln!(
        out,
        "   {REFUSED} was tried again after about 5 seconds, and refused again. The receiver works now, and\n   \
         `wharfinger destination replay` with `--from failed` delivers it at once.\n"
    )?;
    let command = ["destination", "replay", &id, "--from", "failed"];
    server_process::run(data.into(), &command)?;
    inbox.wait(|deliveries| taken(deliveries).len() == EVENTS)?;
    write_result(out, &inbox.deliveries())?;
    Ok(server)
}

/// Creates the destination. Returns its id.
fn create(data: &Path, key: &FirstKey, receiver: &Receiver) -> Result<String> {
    let url = receiver.url("/orders");
    let command = ["destination", "create", "--org", &key.organisation];
    let options = ["--url", &url, "--form", "native", "--json"];
    let command = [&command[..], &options, &OPTIONS].concat();
    let made = server_process::run(data.into(), &command)?;
    let made: Value = serde_json::from_slice(&made)?;
    let id = made["id"].as_str().map(str::to_owned);
    id.context("the new destination has no id")
}

/// Sends all orders, with a quantity that they did not have before.
fn send_orders(server: &Server, key: &FirstKey, time: u32) -> Result<()> {
    let mut lines = String::new();
    for number in 1..=ORDERS {
        let quantity = time + 1;
        writeln!(
            lines,
            r#"{{"key":"parcel-{number}","placed_at":"2026-11-20","lines":[{{"sku":"TEA-7","quantity":{quantity}}}]}}"#
        )?;
    }
    let answer = server::send(
        server,
        &Sample {
            method: "POST",
            target: format!("/v1/batches?organisation={}&results=none", key.organisation),
            headers: vec![
                ("authorization", format!("Bearer {}", key.secret)),
                ("content-type", "application/x-ndjson".to_owned()),
            ],
            body: lines,
        },
    )?;
    ensure!(
        (200..300).contains(&answer.status),
        "HTTP {}: {}",
        answer.status,
        answer.body
    );
    Ok(())
}

impl Inbox {
    fn deliveries(&self) -> MutexGuard<'_, Vec<Delivery>> {
        self.deliveries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a delivery, refuses it, or does not answer.
    fn take(&self, received: &Received<'_>) -> Reply {
        let body: Option<Body> = serde_json::from_slice(received.body).ok();
        let (Some(body), Some(id)) = (body, received.header("webhook-id")) else {
            return Reply::Status(StatusCode::BAD_REQUEST);
        };
        let mut deliveries = self.deliveries();
        let key = body.order.map(|order| order.key).unwrap_or_default();
        let answers = answers(&deliveries, &key);
        let answer = match key.as_str() {
            HELD if body.r#type == "order.updated" && !answers.contains(&None) => None,
            REFUSED if answers.len() < REFUSALS => Some(StatusCode::SERVICE_UNAVAILABLE),
            _ => Some(StatusCode::NO_CONTENT),
        };
        deliveries.push(Delivery {
            webhook_id: id.to_owned(),
            key,
            kind: body.r#type,
            position: body.position,
            previous: body.previous,
            previous_of_order: body.previous_of_order,
            answer,
        });
        self.arrived.notify_all();
        answer.map_or(Reply::Never, Reply::Status)
    }

    /// Waits until what has arrived is enough.
    fn wait(&self, is_enough: impl Fn(&[Delivery]) -> bool) -> Result<()> {
        let deliveries = self.deliveries();
        let waited = self
            .arrived
            .wait_timeout_while(deliveries, WITHIN, |deliveries| !is_enough(deliveries));
        let (deliveries, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        ensure!(
            !waited.timed_out(),
            "{} of {EVENTS} events were delivered in time",
            taken(&deliveries).len()
        );
        Ok(())
    }
}

/// The first delivery of each event that was taken, by webhook id.
fn taken(deliveries: &[Delivery]) -> Vec<&Delivery> {
    let mut ids = BTreeSet::new();
    let is_taken = |delivery: &&Delivery| delivery.answer == Some(StatusCode::NO_CONTENT);
    let taken = deliveries.iter().filter(is_taken);
    taken
        .filter(|delivery| ids.insert(&delivery.webhook_id))
        .collect()
}

/// Those of an order.
fn taken_of<'d>(deliveries: &'d [Delivery], key: &str) -> Vec<&'d Delivery> {
    let mut taken = taken(deliveries);
    taken.retain(|delivery| delivery.key == key);
    taken
}

/// The answers to all deliveries of an order.
fn answers(deliveries: &[Delivery], key: &str) -> Vec<Option<StatusCode>> {
    let of_order = deliveries.iter().filter(|delivery| delivery.key == key);
    of_order.map(|delivery| delivery.answer).collect()
}

/// Writes what has become of some orders, and what holds for all.
fn write_result(out: &mut dyn Write, deliveries: &[Delivery]) -> Result<()> {
    let mut rows = Vec::new();
    for key in [SMOOTH, REFUSED, HELD] {
        let taken = taken_of(deliveries, key);
        let kinds = taken.iter().map(|delivery| delivery.kind.as_str());
        let positions = taken.iter().map(|delivery| delivery.position.to_string());
        let answers = answers(deliveries, key).into_iter().map(|answer| {
            answer.map_or_else(|| "none".to_owned(), |status| status.as_u16().to_string())
        });
        let list = |words: Vec<String>| words.join(", ");
        rows.push([
            key.to_owned(),
            list(kinds.map(str::to_owned).collect()),
            list(positions.collect()),
            list(answers.collect()),
        ]);
    }
    table::write(out, ["order", "delivered", "positions", "answers"], &rows)?;
    check_order(deliveries)?;
    check_gaps(deliveries)?;
    let repeated = count_repeated(deliveries)?;
    writeln!(
        out,
        "\n   {EVENTS} events were delivered, and none is lost: each names the position before it, which arrived too.\n   \
         The events of every order arrived in order.\n   \
         Repeated: {repeated} deliveries, each with the webhook-id of the first one.",
    )?;
    Ok(())
}

/// Each event of an order names the one before it of the same order, which was taken before.
fn check_order(deliveries: &[Delivery]) -> Result<()> {
    let mut latest: BTreeMap<&str, u64> = BTreeMap::new();
    for delivery in taken(deliveries) {
        if delivery.key.is_empty() {
            continue;
        }
        let before = latest.insert(&delivery.key, delivery.position);
        ensure!(
            before == delivery.previous_of_order,
            "{}: position {} was delivered after {before:?}",
            delivery.key,
            delivery.position
        );
    }
    Ok(())
}

/// Each event names the one before it, which has arrived. Only the first one does not know it.
fn check_gaps(deliveries: &[Delivery]) -> Result<()> {
    let taken = taken(deliveries);
    let positions: BTreeSet<u64> = taken.iter().map(|delivery| delivery.position).collect();
    let first = positions.first().copied();
    for delivery in &taken {
        let arrived = delivery
            .previous
            .is_some_and(|before| positions.contains(&before));
        ensure!(
            arrived || Some(delivery.position) == first,
            "a gap before position {}",
            delivery.position
        );
    }
    ensure!(
        positions.len() == EVENTS,
        "an event was delivered with two ids"
    );
    Ok(())
}

/// The number of deliveries beyond the first of each event. All of an event have the same id.
fn count_repeated(deliveries: &[Delivery]) -> Result<usize> {
    let mut ids: BTreeMap<u64, &str> = BTreeMap::new();
    for delivery in deliveries {
        let id = ids.entry(delivery.position).or_insert(&delivery.webhook_id);
        ensure!(*id == delivery.webhook_id, "{id} has another id");
    }
    Ok(deliveries.len() - ids.len())
}
