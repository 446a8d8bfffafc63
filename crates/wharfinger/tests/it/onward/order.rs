//! What arrives, and in which order.

use serde_json::{Value, json};

use super::check::{Feed, check, has_all, orders, text};
use super::{Site, definition_with};
use crate::support::receiver::{Receiver, Reply};

fn all(_: &Value) -> bool {
    true
}

#[test]
fn every_event_arrives_in_the_order_of_its_order_with_the_places_before_it() {
    let site = Site::start();
    site.take(&["A", "B"]);
    let receiver = Receiver::willing();
    site.create_for(&receiver);
    for version in 1..10 {
        site.update("A", version);
        site.update("B", version);
    }
    let feed = Feed::of(&site.server);
    // An event for each order, and one for each batch.
    assert_eq!(feed.events.len(), 40);
    let taken = receiver.wait_taken(|taken| has_all(taken, &feed, all));
    assert_eq!(check(&taken, &feed, all), 0, "nothing comes twice");
    let first = taken
        .iter()
        .find(|one| one.event()["position"] == 1)
        .unwrap();
    assert_eq!(first.header("wharfinger-previous"), None);
    assert_eq!(first.header("content-type"), Some("application/json"));
    assert!(
        first
            .header("user-agent")
            .unwrap()
            .starts_with("wharfinger/")
    );
}

#[test]
fn only_events_of_the_types_that_were_asked_for_arrive_and_gaps_are_told() {
    let site = Site::start();
    let receiver = Receiver::willing();
    let types = json!({"events": ["order.accepted", "order.updated"], "form": "native"});
    site.create(&definition_with(&receiver.url(), &types));
    site.take(&["A", "B"]);
    site.update("A", 1);
    let feed = Feed::of(&site.server);
    let wants = |event: &Value| text(&event["type"]).starts_with("order.");
    let taken = receiver.wait_taken(|taken| has_all(taken, &feed, wants));
    assert_eq!(check(&taken, &feed, wants), 0);
    let updated = taken
        .iter()
        .find(|one| one.event()["type"] == "order.updated");
    let updated = updated.unwrap().event();
    assert_eq!(updated["order"]["instructions"], "Version 1");
}

#[test]
fn a_refused_order_waits_with_its_later_events_and_a_replay_delivers_them_in_order() {
    let site = Site::start();
    let ids = site.take(&["A", "B"]);
    let bad = ids[0].clone();
    let refused = bad.clone();
    let receiver = Receiver::start(move |delivered| {
        let is_bad = delivered.event()["order_id"] == refused.as_str();
        Reply::Status(if is_bad { 500 } else { 200 })
    });
    let id = site.create_for(&receiver);
    for version in 1..4 {
        site.update("A", version);
        site.update("B", version);
    }
    let feed = Feed::of(&site.server);
    let others = |event: &Value| event["order_id"] != bad.as_str();
    let taken = receiver.wait_taken(|taken| has_all(taken, &feed, others));
    assert!(!orders(&taken).contains(&bad));
    // Only its first event was sent.
    let arrived = receiver.arrived();
    let attempts = arrived
        .iter()
        .filter(|one| one.event()["order_id"] == bad.as_str());
    let positions = attempts.map(|one| one.event()["position"].as_u64());
    assert!(positions.collect::<std::collections::BTreeSet<_>>().len() == 1);
    receiver.behave(|_| Reply::Status(200));
    site.act(&id, "replay", &json!({"from": "failed"}));
    let taken = receiver.wait_taken(|taken| has_all(taken, &feed, all));
    assert_eq!(check(&taken, &feed, all), 0);
}

#[test]
fn all_events_follow_each_other_if_that_is_asked_for() {
    let site = Site::start();
    site.take(&["A", "B", "C"]);
    let mut refusals = 0;
    let receiver = Receiver::start(move |delivered| {
        let is_second = delivered.event()["position"] == 2;
        if is_second && refusals < 1 {
            refusals += 1;
            return Reply::Status(500);
        }
        Reply::Status(200)
    });
    site.create(&definition_with(&receiver.url(), &json!({"order": "all"})));
    let feed = Feed::of(&site.server);
    let taken = receiver.wait_taken(|taken| has_all(taken, &feed, all));
    let positions = taken.iter().map(|one| one.event()["position"].as_u64());
    assert!(positions.is_sorted(), "the refused one is waited for");
}

#[test]
fn a_replay_sends_the_same_events_with_the_same_ids() {
    let site = Site::start();
    site.take(&["A", "B", "C"]);
    let receiver = Receiver::willing();
    let id = site.create_for(&receiver);
    let feed = Feed::of(&site.server);
    let once = receiver
        .wait_taken(|taken| has_all(taken, &feed, all))
        .len();
    site.act(&id, "replay", &json!({"from": "beginning"}));
    let taken = receiver.wait_taken(|taken| taken.len() >= 2 * feed.events.len());
    assert!(has_all(&taken[once..], &feed, all));
    assert_eq!(check(&taken, &feed, all), feed.events.len());
}

#[test]
fn a_paused_destination_gets_nothing_until_it_is_resumed() {
    let site = Site::start();
    let receiver = Receiver::willing();
    let id = site.create_for(&receiver);
    site.take(&["A"]);
    let feed = Feed::of(&site.server);
    receiver.wait_taken(|taken| has_all(taken, &feed, all));
    site.act(&id, "pause", &json!({}));
    // Another destination shows that the events of the pause were there to be delivered.
    let witness = Receiver::willing();
    site.create_for(&witness);
    site.take(&["B"]);
    let later = Feed::of(&site.server);
    witness.wait_taken(|taken| has_all(taken, &later, all));
    assert_eq!(receiver.taken().len(), feed.events.len());
    site.act(&id, "resume", &json!({}));
    let taken = receiver.wait_taken(|taken| has_all(taken, &later, all));
    assert_eq!(check(&taken, &later, all), 0);
}

#[test]
fn a_test_is_sent_once_and_told_as_it_went() {
    let site = Site::start();
    let receiver = Receiver::willing();
    let id = site.create_for(&receiver);
    let told = site.act(&id, "test", &json!({}));
    assert_eq!(told["status"], 204, "{told}");
    let arrived = receiver.wait_arrived(1);
    assert_eq!(arrived[0].event()["type"], "wharfinger.test");
    receiver.behave(|_| Reply::Status(500));
    let told = site.act(&id, "test", &json!({}));
    assert_eq!(told["status"], 500, "{told}");
    assert_eq!(receiver.arrived().len(), 2);
}
