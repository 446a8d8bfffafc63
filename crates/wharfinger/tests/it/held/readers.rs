//! Held orders for readers of the feed, and for destinations.

use serde_json::{Value, json};

use super::{DEAR, Site, priced, text};
use crate::support::v1::get;

fn events(site: &Site, query: &str) -> Vec<Value> {
    let found = get(&site.server, &format!("/v1/events?limit=1000&{query}"));
    found["data"].as_array().unwrap().clone()
}

fn types(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| text(&event["type"])).collect()
}

#[test]
fn a_reader_of_new_orders_gets_those_that_are_released() {
    let site = Site::start();
    site.set("TRK001", &[("dear", DEAR)]);
    let results = site.submit(&[priced("A", "2000"), priced("B", "1"), priced("C", "2000")]);
    let [a, _, c] = [0, 1, 2].map(|at: usize| text(&results[at]["order_id"]));
    assert_eq!(
        types(&events(&site, "type=order.accepted")),
        ["order.accepted"]
    );
    site.act(&a, "release", &json!({}));
    site.act(&c, "refuse", &json!({}));
    assert_eq!(
        types(&events(&site, "type=order.accepted")),
        ["order.accepted", "order.released"]
    );
    assert_eq!(
        types(&events(&site, "type=order.cancelled")),
        ["order.refused"]
    );
    assert_eq!(
        types(&events(&site, "type=order.held")),
        ["order.held", "order.held"]
    );
    assert_eq!(
        types(&events(&site, "type=order.released")),
        ["order.released"]
    );
}

#[test]
fn deliveries_carry_the_order_as_it_was_and_the_event_before() {
    let site = Site::start();
    site.set("TRK001", &[("dear", DEAR)]);
    let id = text(&site.submit(&[priced("A", "2000")])[0]["order_id"]);
    site.submit(&[priced("A", "3000")]);
    site.act(&id, "release", &json!({}));
    site.submit(&[priced("A", "4000")]);
    site.act(&id, "refuse", &json!({}));
    let entries = events(
        &site,
        "form=delivery&as=native&type=order.held,order.released,order.refused",
    );
    let told: Vec<_> = entries.iter().map(|entry| &entry["event"]).collect();
    let revisions: Vec<_> = told
        .iter()
        .map(|event| {
            (
                text(&event["type"]),
                event["order"]["lines"][0]["unit_price"].clone(),
            )
        })
        .collect();
    let expected = [
        ("order.held", "2000"),
        ("order.held", "3000"),
        ("order.released", "3000"),
        ("order.held", "4000"),
        ("order.refused", "4000"),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(kind, price)| ((*kind).to_owned(), json!(price)))
        .collect();
    assert_eq!(revisions, expected);
    let positions: Vec<_> = told.iter().map(|event| &event["position"]).collect();
    let before: Vec<_> = told
        .iter()
        .map(|event| &event["previous_of_order"])
        .collect();
    assert_eq!(before[1..], positions[..4]);
    assert_eq!(before[0], &Value::Null);
    // A reader of new orders has no event before the release.
    let entries = events(&site, "form=delivery&type=order.accepted");
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["event"]["previous_of_order"], Value::Null);
}
