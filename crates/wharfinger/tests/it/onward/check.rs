//! Compares what a receiver saw with the feed, in the manner of Jepsen: order per order, nothing lost, nothing made up, no gap that
//! is not told.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::support::receiver::Delivered;
use crate::support::server::Server;
use crate::support::v1::get;

/// The feed of the organisation TRK001, from its beginning.
pub(super) struct Feed {
    /// Its events. The position of each is its index plus one.
    pub(super) events: Vec<Value>,
}

impl Feed {
    pub(super) fn of(server: &Server) -> Self {
        let mut events = Vec::new();
        let mut after = String::new();
        loop {
            let target = format!("/v1/events?organisation=TRK001&limit=500{after}");
            let page = get(server, &target);
            let data = page["data"].as_array().unwrap();
            if data.is_empty() {
                return Self { events };
            }
            events.extend(data.iter().cloned());
            after = format!("&after={}", page["next"].as_str().unwrap());
        }
    }

    /// What follows each other: the order of an event, or its batch.
    fn key_of(event: &Value) -> &str {
        let order = event["order_id"].as_str();
        order.or_else(|| event["batch_id"].as_str()).unwrap()
    }

    /// The position before this one of the same order or batch that is `wanted`.
    fn before(&self, position: usize, wanted: impl Fn(&Value) -> bool) -> Option<usize> {
        let earlier = self.events[..position - 1].iter().enumerate().rev();
        let mut earlier = earlier.filter(|(_, event)| wanted(event));
        earlier.next().map(|(at, _)| at + 1)
    }
}

/// Whether a receiver has taken an event at least once for each event of the feed that it was to get.
pub(super) fn has_all(taken: &[Delivered], feed: &Feed, wants: impl Fn(&Value) -> bool) -> bool {
    let ids = taken.iter().flat_map(Delivered::events);
    let ids = HashSet::<String>::from_iter(ids.map(|event| text(&event["id"])));
    let mut wanted = feed.events.iter().filter(|event| wants(event));
    wanted.all(|event| ids.contains(event["id"].as_str().unwrap()))
}

/// Checks what a destination from the beginning has got that was to get the events that it `wants`. Returns how many events came again.
pub(super) fn check(taken: &[Delivered], feed: &Feed, wants: impl Fn(&Value) -> bool) -> usize {
    assert!(has_all(taken, feed, &wants), "an event was lost");
    let mut seen = HashSet::new();
    let mut latest = HashMap::<String, usize>::new();
    let mut repeated = 0;
    for delivered in taken {
        let events = delivered.events();
        let id = events[0]["id"].as_str();
        assert_eq!(
            delivered.header("webhook-id"),
            id,
            "the id is that of the first event"
        );
        assert_headers(delivered, &events[0]);
        for event in events {
            let position = usize::try_from(event["position"].as_u64().unwrap()).unwrap();
            let told = feed.events.get(position - 1).expect("the feed has it");
            assert!(wants(told), "{event} was not to come");
            for (name, value) in told.as_object().unwrap() {
                assert_eq!(event[name], *value, "{name} of {event}");
            }
            let previous = feed.before(position, &wants);
            assert_eq!(number(&event["previous"]), previous, "{event}");
            let key = Feed::key_of(told);
            let of_order = |other: &Value| wants(other) && Feed::key_of(other) == key;
            let of_order = feed.before(position, of_order);
            assert_eq!(number(&event["previous_of_order"]), of_order, "{event}");
            if let Some(earlier) = of_order {
                assert!(seen.contains(&earlier), "{event} came before {earlier}");
            }
            if !seen.insert(position) {
                repeated += 1;
            }
            latest.insert(key.to_owned(), position);
        }
    }
    repeated
}

/// The headers tell of the first event what its body tells.
fn assert_headers(delivered: &Delivered, first: &Value) {
    for (header, name) in [
        ("wharfinger-position", "position"),
        ("wharfinger-previous", "previous"),
        ("wharfinger-previous-of-order", "previous_of_order"),
    ] {
        let value = delivered.header(header).map(|value| value.parse().unwrap());
        assert_eq!(value, number(&first[name]), "{header}");
    }
}

fn number(value: &Value) -> Option<usize> {
    let number = value.as_u64().map(usize::try_from);
    assert!(number.is_some() || value.is_null(), "{value}");
    number.transpose().unwrap()
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The keys of orders in the order in which their events came. Events of batches are left out.
pub(super) fn orders(taken: &[Delivered]) -> Vec<String> {
    let events = taken.iter().flat_map(Delivered::events);
    let of_orders = events.filter(|event| event["order_id"].is_string());
    of_orders.map(|event| text(&event["order_id"])).collect()
}
