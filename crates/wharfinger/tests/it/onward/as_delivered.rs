//! `GET /v1/events?form=delivery` gives each event as a webhook destination gets it.

use serde_json::{Value, json};

use super::check::{Feed, has_all, text};
use super::{Site, definition_with};
use crate::support::receiver::Receiver;
use crate::support::v1::{get, request};

/// The entries of the feed in this form, read in small pages. Each page begins after the cursor of the last entry.
fn entries(site: &Site, query: &str) -> Vec<Value> {
    let (mut entries, mut after) = (Vec::<Value>::new(), String::new());
    loop {
        let target = format!("/v1/events?form=delivery&limit=2&{query}{after}");
        let page = get(&site.server, &target);
        let data = page["data"].as_array().unwrap();
        let Some(last) = data.last() else {
            return entries;
        };
        assert_eq!(last["cursor"], page["next"], "the last entry ends the page");
        after = format!("&after={}", text(&last["cursor"]));
        entries.extend(data.iter().cloned());
    }
}

/// Asserts that the feed with this query gives what a destination with this definition gets.
fn assert_same(site: &Site, more: &Value, query: &str, wants: fn(&Value) -> bool) {
    let receiver = Receiver::willing();
    let created = site.create(&definition_with(&receiver.url(), more));
    let feed = Feed::of(&site.server);
    let mut delivered = receiver.wait_taken(|taken| has_all(taken, &feed, wants));
    delivered.sort_by_key(|one| one.event()["position"].as_u64());
    let entries = entries(site, query);
    assert_eq!(entries.len(), delivered.len(), "{query}");
    for (entry, one) in entries.iter().zip(&delivered) {
        let body = std::str::from_utf8(&one.body).unwrap();
        assert_eq!(entry["event"].to_string(), body, "{query}");
    }
    site.act(&text(&created["id"]), "pause", &json!({}));
}

#[test]
fn the_feed_shows_events_as_a_destination_with_the_same_filter_gets_them() {
    let site = Site::start();
    let ids = site.take(&["A", "B", "C"]);
    site.update("A", 1);
    let process = format!("/v1/orders/{}/process", ids[1]);
    let processed = site.server.send(&request("POST", &process, "full"));
    assert_eq!(processed.status, 200, "{}", processed.text());
    site.update("A", 2);
    // An organisation that these readers do not ask for.
    let other = crate::support::v1::order("A");
    crate::support::v1::submit(&site.server, "TRK002", &[other]);
    let here = "organisation=TRK001";
    assert_same(&site, &json!({}), here, |_| true);
    let types = json!({"events": ["order.updated", "order.processed"], "form": "native"});
    let query = format!("{here}&type=order.updated,order.processed&as=native");
    assert_same(&site, &types, &query, |event| {
        ["order.updated", "order.processed"].contains(&event["type"].as_str().unwrap())
    });
    let form = json!({"form": "submitted", "events": ["order.accepted"]});
    let query = format!("{here}&type=order.accepted&as=submitted");
    assert_same(&site, &form, &query, |event| {
        event["type"] == "order.accepted"
    });
}

#[test]
fn a_key_gets_only_events_of_its_organisations_in_this_form() {
    let site = Site::start();
    site.take(&["A"]);
    let secret = crate::support::v1::order("SECRET");
    crate::support::v1::submit(&site.server, "TRK002", &[secret]);
    let target = "/v1/events?form=delivery&as=native";
    let answer = site.server.send(&request("GET", target, "one"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    let data = answer["data"].as_array().unwrap();
    assert_eq!(data.len(), 2);
    for entry in data {
        assert_eq!(entry["event"]["organisation"], "TRK001");
    }
    let other = site.server.send(&request(
        "GET",
        &format!("{target}&organisation=TRK002"),
        "one",
    ));
    assert_eq!(other.status, 400, "{}", other.text());
}
