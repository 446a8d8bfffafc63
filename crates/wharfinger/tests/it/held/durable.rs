//! Held orders survive crashes, restarts, purges, erasures and copies.

use serde_json::{Value, json};

use super::{DEAR, Site, priced, text};
use crate::support::server::run;
use crate::support::stored;
use crate::support::v1::get;

#[test]
fn held_orders_and_rules_survive_a_kill() {
    let site = Site::start();
    site.set(
        "TRK001",
        &[("dear", DEAR), ("fails", "order.lines[0].unit_price > 5")],
    );
    let unpriced = json!({"key": "B", "placed_at": "2026-11-21", "lines": [{"sku": "S"}]});
    let results = site.submit(&[priced("A", "2000"), unpriced, priced("C", "2000")]);
    let [a, b, c] = [0, 1, 2].map(|at: usize| text(&results[at]["order_id"]));
    site.act(&c, "release", &json!({"note": "fine"}));
    let before = [&a, &b, &c].map(|id| site.order(id));
    let history = get(&site.server, &format!("/v1/orders/{c}/history"));
    let site = site.killed();
    assert_eq!([&a, &b, &c].map(|id| site.order(id)), before);
    assert_eq!(before[1]["held"]["rule"], "fails");
    assert!(before[1]["held"]["error"].is_string());
    assert_eq!(
        get(&site.server, &format!("/v1/orders/{c}/history")),
        history
    );
    assert_eq!(site.submit(&[priced("D", "2000")])[0]["rule"], "dear");
    assert_eq!(stored::check(site.data.path()).faults, [""; 0]);
}

#[test]
fn purging_and_erasing_leave_no_notes() {
    let site = Site::start();
    site.set("TRK001", &[("all", "true")]);
    let mut order = priced("A", "1");
    order["customer"] = json!({"email": "ann@example.com"});
    let results = site.submit(&[order, priced("B", "1")]);
    let [a, b] = [0, 1].map(|at: usize| text(&results[at]["order_id"]));
    site.act(&a, "release", &json!({"note": "Ann Archer called"}));
    site.act(&b, "refuse", &json!({"note": "no"}));
    let history = |id: &str| get(&site.server, &format!("/v1/orders/{id}/history"));
    assert_eq!(history(&a)["data"][0]["note"], "Ann Archer called");
    let erase = run(
        site.data.path(),
        &[
            "customers",
            "erase",
            "--org",
            "TRK001",
            "--email",
            "ann@example.com",
        ],
    );
    assert!(
        erase.status.success(),
        "{}",
        String::from_utf8_lossy(&erase.stderr)
    );
    let entries = history(&a);
    let notes: Vec<_> = entries["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["note"])
        .collect();
    assert!(notes.iter().all(|note| **note == Value::Null), "{notes:?}");
    assert_eq!(history(&b)["data"][0]["note"], "no");
    assert_eq!(stored::check(site.data.path()).faults, [""; 0]);
    let now = wharfinger::clock::rfc_3339(wharfinger::clock::now_ms());
    let purge = run(site.data.path(), &["purge", "--before", &now]);
    assert!(
        purge.status.success(),
        "{}",
        String::from_utf8_lossy(&purge.stderr)
    );
    assert_eq!(stored::check(site.data.path()).faults, [""; 0]);
    let left = stored::rows(site.data.path());
    let (_, holds) = left.iter().find(|(table, _)| table == "holds").unwrap();
    assert!(holds.is_empty(), "{holds:?}");
}
