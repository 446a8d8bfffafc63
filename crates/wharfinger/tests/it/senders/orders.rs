//! `wharfinger orders`, over HTTP and on a data directory.

use serde_json::json;

use super::desk::{Desk, ended, lines};
use crate::support::server::run;
use crate::support::v1::{get, order};

#[test]
fn orders_are_listed_by_every_filter() {
    let desk = Desk::new();
    let mut with_email = order("A-1");
    with_email["customer"] = json!({"email": "ann@example.com"});
    let (batch, ids) = desk.submit("TRK001", &[with_email, order("A-2")]);
    desk.take("TRK002", "A-1");
    let keys = |filter: &[&str]| {
        let arguments = [&["orders", "list", "--json"], filter].concat();
        let orders = desk.lines(&arguments);
        let name = |order: &serde_json::Value| {
            format!(
                "{}/{}",
                order["organisation"].as_str().unwrap(),
                order["key"].as_str().unwrap()
            )
        };
        Vec::from_iter(orders.iter().map(name))
    };
    assert_eq!(keys(&[]).len(), 3);
    assert_eq!(keys(&["--org", "TRK001"]), ["TRK001/A-1", "TRK001/A-2"]);
    assert_eq!(keys(&["--email", "ann@example.com"]), ["TRK001/A-1"]);
    assert_eq!(keys(&["--key", "A-1"]).len(), 2);
    assert_eq!(keys(&["--batch", &batch]).len(), 2);
    assert_eq!(keys(&["--dialect", "native", "--limit", "2"]).len(), 2);
    assert_eq!(
        keys(&["--created-after", "1h", "--state", "pending"]).len(),
        3
    );
    assert_eq!(keys(&["--created-before", "1h"]), [""; 0]);
    assert_eq!(keys(&["--updated-after", "1h"]).len(), 3);
    let table = desk.done(&["orders", "list", "--org", "TRK001"]);
    assert!(
        table.starts_with("ORDER") && table.contains(&ids[0]),
        "{table}"
    );
    let csv = desk.done(&["orders", "list", "--csv", "--org", "TRK001"]);
    assert_eq!(csv.lines().count(), 3, "{csv}");
    let told = desk.refused(2, &["orders", "list", "--state", "lost"]);
    assert!(told.contains("draft, held, pending"), "{told}");
    let listed = desk.lines(&["orders", "list", "--json"]);
    assert_eq!(json!(listed), get(desk.server(), "/v1/orders")["data"]);
}

#[test]
fn an_order_is_shown_in_any_form_with_its_history() {
    let desk = Desk::new();
    let mut first = order("A-1");
    first["customer"] = json!({"email": "ann\u{9b}31m@example.com"});
    first["customer"] = json!({"email": "ann@example.com", "first_name": "Ann\u{9b}31m"});
    let id = desk
        .submit("TRK001", std::slice::from_ref(&first))
        .1
        .remove(0);
    let shown = desk.done(&["orders", "show", &id]);
    assert!(
        shown.contains("A-1") && shown.contains("1 × S-1"),
        "{shown}"
    );
    assert!(!shown.contains('\u{9b}'), "{shown:?}");
    let shown = desk.lines(&["orders", "show", &id, "--json"]);
    assert_eq!(shown[0], get(desk.server(), &format!("/v1/orders/{id}")));
    let submitted = desk.done(&["orders", "show", &id, "--as", "submitted"]);
    assert_eq!(submitted.trim_end(), first.to_string());
    let bare = desk.take("TRK001", "B-1");
    let (text, warned) = ended(
        desk.command(&["orders", "show", &bare, "--as", "reevoo"]),
        0,
    );
    assert!(
        text.contains("B-1") && warned.contains("requires: customer.email"),
        "{text}{warned}"
    );
    let mut changed = first;
    changed["instructions"] = "Ring twice".into();
    desk.submit("TRK001", &[changed]);
    ended(desk.command(&["orders", "process", &id]), 0);
    let history = desk.lines(&["orders", "history", &id, "--json"]);
    let whats = Vec::from_iter(history.iter().map(|entry| entry["type"].as_str().unwrap()));
    assert_eq!(
        whats,
        ["order.processed", "order.updated", "order.accepted"]
    );
    let history = desk.done(&["orders", "history", &id]);
    assert_eq!(history.lines().count(), 4, "{history}");
    let told = desk.refused(1, &["orders", "show", &id, "--as", "odd"]);
    assert!(told.contains("submitted"), "{told}");
}

fn state(desk: &Desk, id: &str) -> String {
    let order = get(desk.server(), &format!("/v1/orders/{id}"));
    order["state"].as_str().unwrap().to_owned()
}

#[test]
fn orders_are_processed_and_cancelled_by_id_or_by_key() {
    let desk = Desk::new();
    let ids = ["A-1", "A-2", "A-3"].map(|key| desk.take("TRK001", key));
    let of = ["--org", "TRK001", "--dialect", "native"];
    let told = desk.done(&["orders", "process", &ids[0]]);
    assert_eq!(told, format!("{}  processed\n", ids[0]));
    let by_key = [&["orders", "cancel", "A-2", "--json"][..], &of].concat();
    let told = desk.lines(&by_key);
    assert_eq!(
        told,
        [json!({"key": "A-2", "moved": true, "result": "cancelled"})]
    );
    assert_eq!(
        [&ids[0], &ids[1]].map(|id| state(&desk, id)),
        ["processed", "cancelled"]
    );
    // Some cannot be changed: the others are, and the status says so.
    let mixed = [
        &["orders", "cancel", "A-1", "A-9", "A-3", "--json"][..],
        &of,
    ]
    .concat();
    let (told, errors) = ended(desk.command(&mixed), 3);
    let moved = lines(&told);
    let moved = moved.iter().map(|line| line["moved"].as_bool().unwrap());
    assert!(moved.eq([false, false, true]), "{told}");
    assert!(
        errors.contains("2 of 3 orders were not changed"),
        "{errors}"
    );
    assert_eq!(
        [&ids[0], &ids[2]].map(|id| state(&desk, id)),
        ["processed", "cancelled"]
    );
    let (told, _) = ended(desk.command(&["orders", "process", "nonsense"]), 3);
    assert!(told.starts_with("nonsense  "), "{told}");
    // A key without the scope changes nothing.
    let other = desk.take("TRK001", "A-4");
    let told = ended(
        desk.command_with("reader", &["orders", "process", &other]),
        1,
    )
    .1;
    assert!(told.contains("403"), "{told}");
    assert_eq!(state(&desk, &other), "pending");
    desk.refused(2, &["orders", "process", "A-4", "--org", "TRK001"]);
}

#[test]
fn on_a_data_directory_orders_are_named_by_id_too() {
    let desk = Desk::new();
    let ids = ["A-1", "A-2"].map(|key| desk.take("TRK001", key));
    let output = run(desk.data.path(), &["orders", "process", &ids[0]]);
    assert!(output.status.success(), "{output:?}");
    let output = run(desk.data.path(), &["orders", "cancel", &ids[0], &ids[1]]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(
        [&ids[0], &ids[1]].map(|id| state(&desk, id)),
        ["processed", "cancelled"]
    );
    let output = run(desk.data.path(), &["orders", "process", "A-1"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("--org and --dialect"), "{told}");
}
