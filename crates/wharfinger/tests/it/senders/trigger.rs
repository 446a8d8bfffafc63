//! `wharfinger trigger`.

use serde_json::Value;

use super::desk::{Desk, ended, ids, lines};
use crate::support::v1::get;

const EVENTS: [&str; 6] = [
    "order.accepted",
    "order.updated",
    "order.processed",
    "order.cancelled",
    "order.fulfilment",
    "batch.received",
];

#[test]
fn each_event_is_brought_about_in_each_dialect() {
    let desk = Desk::new();
    for dialect in ["native", "reevoo", "centra", "gosweetspot"] {
        for event in EVENTS {
            let before = desk.events("").len();
            let arguments = [
                "trigger",
                event,
                "--org",
                "TRK001",
                "--dialect",
                dialect,
                "--json",
            ];
            if (dialect, event) == ("centra", "order.updated") {
                let told = desk.refused(1, &arguments);
                assert!(told.contains("has no order key"), "{told}");
                assert_eq!(desk.events("").len(), before, "nothing is stored");
                continue;
            }
            let (out, said) = ended(desk.command(&arguments), 0);
            assert!(said.contains("storing 1 sample order of TRK001"), "{said}");
            let told = lines(&out);
            assert_eq!(told.len(), 1, "{out}");
            let events = desk.events("");
            let found = events[before..]
                .iter()
                .find(|known| known["id"] == told[0]["event_id"]);
            let found = found.expect("the event is in the feed");
            assert_eq!(
                (&found["type"], &found["order_id"]),
                (&event.into(), &told[0]["order_id"])
            );
            if let Some(order) = told[0]["order_id"].as_str() {
                let order = get(desk.server(), &format!("/v1/orders/{order}"));
                assert_eq!(
                    (&order["dialect"], &order["key"]),
                    (&dialect.into(), &told[0]["key"])
                );
            }
        }
    }
}

#[test]
fn several_orders_have_keys_of_their_own() {
    let desk = Desk::new();
    // A key of one organisation need not name it.
    let trigger = ["trigger", "order.accepted", "--count", "3", "--json"];
    let told = lines(&ended(desk.command_with("one", &trigger), 0).0);
    let keys =
        std::collections::BTreeSet::from_iter(told.iter().map(|line| line["key"].to_string()));
    assert_eq!(keys.len(), 3);
    let accepted = desk.events("&type=order.accepted");
    let printed = Vec::from_iter(told.iter().map(|line| line["event_id"].as_str().unwrap()));
    assert_eq!(printed, ids(&accepted));
    let text = ended(desk.command_with("one", &["trigger", "order.processed"]), 0).0;
    assert!(text.starts_with("order.processed  event "), "{text}");
}

#[test]
fn what_cannot_be_triggered_stores_nothing() {
    let desk = Desk::new();
    let told = desk.refused(1, &["trigger", "order.accepted"]);
    assert!(told.contains("--org CODE"), "{told}");
    let told = desk.refused(1, &["trigger", "order.accepted", "--org", "NOBODY"]);
    assert!(
        told.contains("NOBODY") || told.contains("organisation"),
        "{told}"
    );
    let told = desk.refused(1, &["trigger", "order.accepted", "--dialect", "odd"]);
    assert!(told.contains("native"), "{told}");
    desk.refused(2, &["trigger", "order.lost"]);
    desk.refused(2, &["trigger", "order.accepted", "--count", "0"]);
    let told = ended(
        desk.command_with("reader", &["trigger", "order.accepted"]),
        1,
    )
    .1;
    assert!(told.contains("403"), "{told}");
    assert_eq!(desk.events(""), Vec::<Value>::new());
}

#[test]
fn the_list_names_every_type_of_the_feed() {
    let desk = Desk::new();
    let listed = lines(&ended(desk.bare(&["trigger", "list", "--json"]), 0).0);
    let mut listed = Vec::from_iter(listed.iter().map(|line| line["event"].as_str().unwrap()));
    listed.sort_unstable();
    let mut all = wharfinger::store::EventKind::NAMES.to_vec();
    // These need a rule that holds the order.
    let of_held = ["order.held", "order.released", "order.refused"];
    all.retain(|name| !of_held.contains(name));
    all.sort_unstable();
    assert_eq!(listed, all);
    assert_eq!(
        ended(desk.bare(&["trigger", "list"]), 0).0.lines().count(),
        EVENTS.len()
    );
}
