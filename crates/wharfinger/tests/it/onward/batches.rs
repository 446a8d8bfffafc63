//! Several events in one request.

use serde_json::{Value, json};

use super::check::{Feed, check, has_all};
use super::{Site, definition_with};
use crate::support::receiver::{Delivered, Receiver, Reply};
use crate::support::v1::{order, submit};

fn all(_: &Value) -> bool {
    true
}

fn batches(max_events: u32, max_wait_ms: u32) -> Value {
    json!({"batch": {"max_events": max_events, "max_wait_ms": max_wait_ms}, "parallel": 2})
}

/// Orders in one batch, so that their events are there at once.
fn take_at_once(site: &Site, prefix: &str, count: usize) {
    let orders = Vec::from_iter((0..count).map(|number| order(&format!("{prefix}-{number}"))));
    let (answer, _) = submit(&site.server, "TRK001", &orders);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn a_request_carries_several_events_in_order() {
    let site = Site::start();
    take_at_once(&site, "A", 100);
    let receiver = Receiver::willing();
    site.create(&definition_with(&receiver.url(), &batches(30, 0)));
    let feed = Feed::of(&site.server);
    let taken = receiver.wait_taken(|taken| has_all(taken, &feed, all));
    assert_eq!(check(&taken, &feed, all), 0);
    let sizes = Vec::from_iter(taken.iter().map(|one| one.events().len()));
    assert!(sizes.iter().all(|size| *size <= 30), "{sizes:?}");
    assert!(sizes.contains(&30), "{sizes:?}");
    for one in &taken {
        let events = one.events();
        let positions = events.iter().map(|event| event["position"].as_u64());
        assert!(positions.is_sorted());
    }
}

#[test]
fn what_a_receiver_acknowledges_in_part_is_not_sent_again_and_the_rest_is() {
    let site = Site::start();
    take_at_once(&site, "A", 50);
    let receiver = Receiver::start(|delivered| match delivered.events().len() {
        1..4 => Reply::Status(200),
        _ => Reply::Acknowledge(3),
    });
    let id = site.create(&definition_with(&receiver.url(), &batches(20, 0)))["id"].clone();
    let feed = Feed::of(&site.server);
    let arrived = receiver.wait_taken(|taken| has_all(&acknowledged(taken), &feed, all));
    assert_eq!(check(&acknowledged(&arrived), &feed, all), 0);
    // That was progress, not a failure.
    let told = site.show(id.as_str().unwrap(), "");
    assert_eq!(told["parked"], 0, "{told}");
}

/// The requests, each with the events only that were acknowledged.
fn acknowledged(taken: &[Delivered]) -> Vec<Delivered> {
    let kept = taken.iter().map(|one| {
        let events = one.events();
        let count = if events.len() < 4 { events.len() } else { 3 };
        Delivered {
            body: serde_json::to_vec(&events[..count]).unwrap(),
            ..one.clone()
        }
    });
    kept.collect()
}

#[test]
fn a_refused_batch_is_taken_apart_and_only_the_bad_order_waits() {
    let site = Site::start();
    take_at_once(&site, "A", 10);
    let feed = Feed::of(&site.server);
    let bad = feed.events[4]["order_id"].clone();
    assert!(bad.is_string(), "{bad}");
    let refused = bad.clone();
    let receiver = Receiver::start(move |delivered| {
        let is_bad = delivered
            .events()
            .iter()
            .any(|event| event["order_id"] == refused);
        Reply::Status(if is_bad { 422 } else { 200 })
    });
    let created = site.create(&definition_with(&receiver.url(), &batches(100, 0)));
    let id = created["id"].as_str().unwrap();
    let others = |event: &Value| event["order_id"] != bad;
    let taken = receiver.wait_taken(|taken| has_all(taken, &feed, others));
    let sizes = taken.iter().map(|one| one.events().len());
    assert!(sizes.max() == Some(1), "each order by itself");
    receiver.behave(|_| Reply::Status(200));
    site.act(id, "replay", &json!({"from": "failed"}));
    let taken = receiver.wait_taken(|taken| has_all(taken, &feed, all));
    assert_eq!(check(&taken, &feed, all), 0);
}

#[test]
fn an_incomplete_batch_waits_for_more_events() {
    let site = Site::start();
    let receiver = Receiver::willing();
    site.create(&definition_with(&receiver.url(), &batches(6, 60_000)));
    site.take(&["A"]);
    site.take(&["B"]);
    assert_eq!(receiver.arrived().len(), 0);
    site.take(&["C"]);
    let arrived = receiver.wait_arrived(1);
    assert_eq!(arrived[0].events().len(), 6);
}
