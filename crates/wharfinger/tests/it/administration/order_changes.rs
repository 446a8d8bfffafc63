//! Changes of orders in the audit log, and the keys in an order's history.

use serde_json::{Value, json};

use super::{Office, request};
use crate::support::client::Request;
use crate::support::fixture::secret_of;
use crate::support::v1::{get, order, order_id, submit};

/// The entries of changes of orders that a key sees, the latest first: who, action, subject and details.
fn changes(office: &Office, secret: &str) -> Vec<Value> {
    let page = office.get(secret, "/v1/audit");
    let entries = page["data"].as_array().expect("a page has data").iter();
    let entries = entries.filter(|entry| entry["action"].as_str().unwrap().starts_with("order."));
    entries
        .map(|entry| {
            json!([
                entry["who"],
                entry["action"],
                entry["subject"],
                entry["details"]
            ])
        })
        .collect()
}

fn many(office: &Office, to: &str, ids: &[String]) -> u16 {
    let body = json!({"ids": ids});
    let target = format!("/v1/orders/{to}");
    office
        .ask(&secret_of("full"), "POST", &target, Some(&body))
        .status
}

#[test]
fn each_change_of_an_order_is_in_the_audit_log() {
    let office = Office::open();
    let (_, ids) = submit(&office.server, "TRK001", &["A", "B", "C", "D"].map(order));
    let (_, there) = submit(&office.server, "TRK002", &[order("E")]);
    let full = secret_of("full");
    let one = |method: &str, rest: &str, body: Value| {
        let target = format!("/v1/orders/{}/{rest}", ids[0]);
        let mut asked = request(&full, method, &target, Some(&body));
        asked = asked.header("idempotency-key", format!("{rest} 1"));
        // What is repeated is answered as before, and changes nothing.
        for _ in 0..2 {
            let answer = office.server.send(&asked);
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    };
    one("PUT", "fulfilment", json!({"status": "PICKED"}));
    one("POST", "process", json!({}));
    let again = office.ask(
        &full,
        "PUT",
        &format!("/v1/orders/{}/fulfilment", ids[0]),
        Some(&json!({"status": "PICKED"})),
    );
    assert_eq!(again.status, 200, "an equal report changes nothing");
    let both = [
        ids[1].clone(),
        there[0].clone(),
        "nonsense".into(),
        ids[0].clone(),
    ];
    assert_eq!(many(&office, "cancel", &both), 207);
    assert_eq!(many(&office, "process", &both), 422, "nothing was changed");
    // By a vendor's route, where orders are named by their keys.
    let vendor = |method: &str, target: &str, body: &str| {
        let asked = Request::new(method, target).header("access_key", secret_of("one"));
        let answer = office.server.send(&asked.body(body));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer
    };
    let sent = vendor(
        "PUT",
        "/api/customerorders",
        r#"[{"packingslipno":"F","consignee":"x"}]"#,
    );
    let slip = order_id(&sent, 0);
    vendor("DELETE", "/api/customerorders?packingslipno=F", "");

    let of = |action: &str, organisation: &str, id: &str| json!(["full", action, organisation, {"count": 1, "orders": [id]}]);
    let mut expected = vec![
        of("order.fulfilment", "TRK001", &ids[0]),
        of("order.processed", "TRK001", &ids[0]),
        of("order.cancelled", "TRK001", &ids[1]),
        of("order.cancelled", "TRK002", &there[0]),
        json!(["one", "order.cancelled", "TRK001", {"count": 1, "orders": [slip]}]),
    ];
    expected.reverse();
    assert_eq!(changes(&office, &office.chief), expected);
    assert_eq!(changes(&office, &office.clerk), expected);
    for (kind, count) in [
        ("order", expected.len()),
        ("rejection", 0),
        ("destination", 0),
    ] {
        let page = office.get(&office.chief, &format!("/v1/audit?kind={kind}"));
        assert_eq!(super::column(&page, "action").len(), count, "{kind}");
    }
    let wrong = office.ask(&office.chief, "GET", "/v1/audit?kind=all", None);
    assert_eq!(wrong.status, 400);
}

#[test]
fn many_changes_are_one_entry_that_names_the_first() {
    let office = Office::open();
    let orders = Vec::from_iter((0..200).map(|number| order(&format!("A-{number:03}"))));
    let (_, ids) = submit(&office.server, "TRK001", &orders);
    assert_eq!(many(&office, "process", &ids), 200);
    let named = json!({"count": 200, "orders": ids[..20]});
    let expected = json!(["full", "order.processed", "TRK001", named]);
    assert_eq!(changes(&office, &office.chief), [expected]);
}

#[test]
fn an_administrator_does_not_see_changes_of_other_organisations() {
    let office = Office::open();
    let target = "/v1/batches?organisation=SECRET9";
    let sent = office.ask(&office.chief, "POST", target, Some(&order("A")));
    assert_eq!(sent.status, 200, "{}", sent.text());
    let found = office.get(&office.chief, "/v1/orders?organisation=SECRET9");
    let id = found["data"][0]["id"].as_str().unwrap();
    let process = format!("/v1/orders/{id}/process");
    assert_eq!(
        office.ask(&office.chief, "POST", &process, None).status,
        200
    );
    assert_eq!(changes(&office, &office.chief).len(), 1);
    assert_eq!(changes(&office, &office.clerk), Vec::<Value>::new());
}

#[test]
fn each_revision_names_the_key_that_sent_it() {
    let office = Office::open();
    let (_, ids) = submit(&office.server, "TRK001", &[order("A")]);
    let mut changed = order("A");
    changed["instructions"] = "Ring twice".into();
    let target = "/v1/batches?organisation=TRK001";
    let sent = office.ask(&secret_of("one"), "POST", target, Some(&changed));
    assert_eq!(sent.json()["results"][0]["outcome"], "updated");
    let history = get(&office.server, &format!("/v1/orders/{}/history", ids[0]));
    assert_eq!(
        super::column(&history, "type"),
        ["order.updated", "order.accepted"]
    );
    assert_eq!(super::column(&history, "key_id"), ["one", "full"]);
}
