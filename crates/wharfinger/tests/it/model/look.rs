//! Compares what the server returns with the model.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::expected::{Model, Order, Receipt};
use crate::support::server::Server;
use crate::support::v1::{get, request};

/// A reader of the feed. It keeps a single cursor across all restarts of the server.
#[derive(Default)]
pub(super) struct Reader {
    cursor: Option<String>,
    ids: BTreeSet<String>,
    read: BTreeMap<String, Vec<Value>>,
}

impl Reader {
    /// Reads to the end of the feed.
    fn read_on(&mut self, server: &Server) {
        loop {
            let after = match &self.cursor {
                Some(cursor) => format!("&after={cursor}"),
                None => String::new(),
            };
            let page = get(server, &format!("/v1/events?limit=13{after}"));
            self.cursor = Some(page["next"].as_str().expect("always given").to_owned());
            let events = page["data"].as_array().unwrap();
            if events.is_empty() {
                return;
            }
            for event in events {
                let is_new = self.ids.insert(text(&event["id"]));
                assert!(is_new, "{event} came twice");
                let told = json!({"type": event["type"], "order": event["order_id"], "batch": event["batch_id"]});
                let of = self.read.entry(text(&event["organisation"])).or_default();
                of.push(told);
            }
        }
    }
}

/// Compares lists and feed with the model.
pub(super) fn look(server: &Server, model: &Model, reader: &mut Reader) {
    reader.read_on(server);
    let organisations: Vec<_> = reader.read.keys().collect();
    assert_eq!(organisations, model.feeds.keys().collect::<Vec<_>>());
    for (organisation, expected) in &model.feeds {
        assert_alike(
            &reader.read[*organisation],
            expected,
            &format!("events of {organisation}"),
        );
    }
    assert_orders(server, model);
    let found = pages(server, "/v1/batches?limit=7");
    let found: Vec<_> = found.iter().map(receipt_head).collect();
    let expected: Vec<_> = model.receipts.iter().rev().map(expected_head).collect();
    assert_alike(&found, &expected, "receipts");
}

/// Compares every order and every receipt with the model in full.
pub(super) fn look_into_all(server: &Server, model: &Model) {
    for receipt in &model.receipts {
        let found = pages(
            server,
            &format!("/v1/batches/{}/results?limit=4", receipt.id),
        );
        let found: Vec<_> = found.into_iter().map(plain).collect();
        assert_alike(
            &found,
            &receipt.results,
            &format!("results of {}", receipt.id),
        );
    }
    for order in &model.orders {
        let target = format!("/v1/orders/{}", order.id);
        let submitted = request("GET", &format!("{target}?as=submitted"), "full");
        let submitted = server.send(&submitted);
        assert_eq!(submitted.text(), order.text(), "{target}");
        let mut found = pages(server, &format!("{target}/history?limit=3"));
        found.reverse();
        let found: Vec<_> = found
            .iter()
            .map(|entry| json!([entry["type"], entry.get("order")]))
            .collect();
        let expected: Vec<_> = order
            .history
            .iter()
            .map(|(what, text)| {
                let order: Option<Value> = text
                    .as_deref()
                    .map(|text| serde_json::from_str(text).unwrap());
                json!([what, order])
            })
            .collect();
        assert_alike(&found, &expected, &format!("history of {}", order.id));
    }
}

fn assert_orders(server: &Server, model: &Model) {
    let mut found = BTreeMap::<String, Vec<Value>>::new();
    for order in pages(server, "/v1/orders?limit=7") {
        let of = found.entry(text(&order["organisation"])).or_default();
        of.push(json!({
            "id": order["id"], "dialect": order["dialect"], "key": order["key"], "state": order["state"],
            "revision": order["revision"], "reported": order.get("fulfilment").map(|report| &report["status"]),
        }));
    }
    let mut expected = BTreeMap::<String, Vec<Value>>::new();
    for order in &model.orders {
        let of = expected.entry(order.organisation.to_owned()).or_default();
        of.push(expected_order(order));
    }
    for (organisation, expected) in &expected {
        let found = found.remove(organisation).unwrap_or_default();
        assert_alike(&found, expected, &format!("orders of {organisation}"));
    }
    assert!(found.is_empty(), "orders that nobody sent: {found:?}");
}

fn expected_order(order: &Order) -> Value {
    json!({
        "id": order.id, "dialect": order.dialect, "key": order.key, "state": order.state,
        "revision": order.revision, "reported": order.reported,
    })
}

fn receipt_head(receipt: &Value) -> Value {
    let mut receipt = receipt.clone();
    let members = receipt.as_object_mut().unwrap();
    assert_eq!(members.remove("key_id"), Some("full".into()));
    members.remove("received_at");
    members.remove("duration_ms");
    let organisations = members["organisations"].as_array().unwrap();
    let organisations: BTreeSet<_> = organisations.iter().map(text).collect();
    members.insert("organisations".into(), json!(organisations));
    receipt
}

fn expected_head(receipt: &Receipt) -> Value {
    let mut head = receipt.head();
    head["dialect"] = receipt.dialect.into();
    head["warned"] = 0.into();
    // No step of the model says that it mends another batch.
    head["mended"] = 0.into();
    head["organisations"] = json!(receipt.organisations);
    head["organisations_total"] = json!(receipt.organisations.len());
    head
}

/// All entries of a list, page by page.
fn pages(server: &Server, target: &str) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(server, &format!("{target}{after}"));
        all.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}

/// A response with codes instead of messages.
pub(super) fn plain(mut told: Value) -> Value {
    match &mut told {
        Value::Object(members) => {
            members.remove("message");
            members.remove("updated_at");
            // Made of the id of the batch and the position, which are compared.
            members.remove("rejection_id");
            if let Some(Value::Array(errors)) = members.remove("errors") {
                let codes: Vec<_> = errors.iter().map(|error| error["code"].clone()).collect();
                members.insert("codes".into(), codes.into());
            }
            for member in members.values_mut() {
                *member = plain(member.take());
            }
        }
        Value::Array(elements) => {
            for element in elements {
                *element = plain(element.take());
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    told
}

/// Compares two lists. Reports the first difference.
fn assert_alike(found: &[Value], expected: &[Value], what: &str) {
    let common = found.len().min(expected.len());
    for at in 0..common {
        assert_eq!(
            found[at], expected[at],
            "{what}: entry {at} (left: the server's, of {found:?})"
        );
    }
    let (more, missing) = (&found[common..], &expected[common..]);
    assert!(more.is_empty(), "{what}: the model has none of {more:?}");
    assert!(
        missing.is_empty(),
        "{what}: the server has none of {missing:?}"
    );
}

fn text(value: &Value) -> String {
    value.as_str().expect("it is text").to_owned()
}
