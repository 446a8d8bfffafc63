//! Held orders in the forms of other dialects, and orders that are completed and split.

use serde_json::{Value, json};

use super::{Site, text};
use crate::support::case::ENFORCED;
use crate::support::client::Request;
use crate::support::fixture::{self, basic, secret_of};
use crate::support::stored;
use crate::support::v1::{self, get};

fn shop(site: &Site, method: &str, organisation: &str, target: &str, body: &Value) -> Value {
    let key = if organisation == ENFORCED {
        "shop"
    } else {
        "one"
    };
    let target = format!("/centra/{organisation}/{target}");
    let request = Request::new(method, &target).header("api-authorization", secret_of(key));
    let answer = site.server.send(&request.body(body.to_string()));
    assert!(answer.status < 300, "{target}: {}", answer.text());
    answer.json()
}

#[test]
fn every_dialect_answers_a_held_order_as_accepted_and_reads_it_back() {
    let site = Site::start();
    site.set("TRK001", &[("all", "true")]);
    let slip = json!([{"packingslipno": "P-1", "consignee": "Ann"}]);
    let put = Request::new("PUT", "/api/customerorders").header("access_key", secret_of("one"));
    let put = site.server.send(&put.body(slip.to_string()));
    assert_eq!(put.status, 200, "{}", put.text());
    let list = Request::new("GET", "/api/customerorders").header("access_key", secret_of("one"));
    let listed = site.server.send(&list).json();
    assert!(
        listed.to_string().contains("PENDING") && listed.to_string().contains("P-1"),
        "{listed}"
    );
    let order = json!({"trkref": "TRK001", "order_ref": "R-1", "order_date": "01-02-2026",
        "customer": {"email": "a@example.com"}, "order_items": [{"sku": "S"}]});
    let sent = Request::new("POST", "/v4/customer_orders").header("authorization", basic("full"));
    let sent = site.server.send(&sent.body(json!([order]).to_string()));
    assert!(sent.status < 300, "{}", sent.text());
    let created = json!({"address": {"email": "a@example.com", "country": "SE"}, "products": [{"sku": "S", "qty": 1}]});
    let created = shop(&site, "POST", "TRK001", "order", &created);
    assert_eq!(created["status"], "ok", "{created}");
    let held = site.keys("state=held");
    assert_eq!(held.len(), 3, "{held:?}");
    // Withdrawing a held order releases its key.
    let gone = Request::new("DELETE", "/api/customerorders?packingslipno=P-1")
        .header("access_key", secret_of("one"));
    let gone = site.server.send(&gone);
    assert_eq!(gone.status, 200, "{}", gone.text());
    assert_eq!(site.keys("state=held").len(), 2);
    assert_eq!(stored::check(site.data.path()).faults, [""; 0]);
}

#[test]
fn drafts_are_judged_when_they_are_placed() {
    let site = Site::start();
    site.set(
        "TRK001",
        &[(
            "gate",
            "has(order.instructions) && order.instructions.contains('gate')",
        )],
    );
    let prepared = json!({"createOnly": true, "address": {"email": "a@example.com", "country": "SE"},
        "products": [{"sku": "S", "qty": 1}], "comment": "Leave it at the gate"});
    let created = shop(&site, "POST", "TRK001", "order", &prepared);
    let number = created["order"].as_u64().expect("a number");
    assert_eq!(site.keys("state=draft"), [number.to_string()]);
    let found = get(&site.server, "/v1/orders?state=draft");
    let id = text(&found["data"][0]["id"]);
    assert_eq!(site.events(&id), ["order.accepted"]);
    shop(
        &site,
        "POST",
        "TRK001",
        &format!("order/{number}"),
        &json!({}),
    );
    assert_eq!(site.keys("state=held"), [number.to_string()]);
    assert_eq!(site.order(&id)["held"]["rule"], "gate");
    assert_eq!(site.events(&id), ["order.accepted", "order.held"]);
    // The comment is replaced, so the rule no longer matches.
    let more = json!({"comment": "Ring the bell", "replaceComment": true, "order": number});
    shop(&site, "PUT", "TRK001", "orders", &more);
    assert_eq!(site.keys("state=pending"), [number.to_string()]);
    assert_eq!(
        site.events(&id),
        ["order.accepted", "order.held", "order.released"]
    );
    assert_eq!(stored::check(site.data.path()).faults, [""; 0]);
}

#[test]
fn the_parts_of_a_split_order_are_held_each_on_its_own() {
    let site = Site::of(fixture::data_directory_with_catalogue());
    // The prices are those of the catalogue: 9.90 and 2 × 24.50. They count for the whole, and for each part that is mended.
    site.set(ENFORCED, &[("dear", "order.total > 40")]);
    let order = json!({"address": {"email": "eva@example.com", "country": "SE"},
        "products": [{"sku": "KETTLE", "qty": 1}, {"sku": "LAMP", "qty": 2}]});
    let created = shop(&site, "POST", ENFORCED, "order", &order);
    assert_eq!(created, json!({"status": "ok", "orders": [1, 2]}));
    let read = |target: &str| {
        let answer = site.server.send(&v1::request("GET", target, "shop"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let held = read(&format!("/v1/orders?organisation={ENFORCED}&state=held"));
    let held = held["data"].as_array().unwrap();
    assert_eq!(held.len(), 2);
    let ids: Vec<_> = held.iter().map(|order| text(&order["id"])).collect();
    assert!(held.iter().all(|order| order["held"]["rule"] == "dear"));
    let types = |id: &str| -> Vec<String> {
        let events = read("/v1/events?limit=1000");
        let of = events["data"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["order_id"] == id);
        of.map(|event| text(&event["type"])).collect()
    };
    let release = format!("/v1/orders/{}/release", ids[0]);
    assert_eq!(
        site.server
            .send(&v1::request("POST", &release, "shop"))
            .status,
        200
    );
    assert_eq!(types(&ids[0]), ["order.held", "order.released"]);
    assert_eq!(types(&ids[1]), ["order.held"]);
    // The address can be mended, but not what has taken stock.
    let text_of = format!("/v1/orders/{}/text", ids[1]);
    let put = |body: &Value| {
        site.server
            .send(&v1::request("PUT", &text_of, "shop").body(body.to_string()))
    };
    let mut fewer = order.clone();
    fewer["products"] = json!([{"sku": "LAMP", "qty": 1}]);
    let refused = put(&fewer);
    assert_eq!(refused.status, 409, "{}", refused.text());
    let mut moved = order;
    moved["address"]["city"] = "Lund".into();
    let mended = put(&moved);
    assert_eq!(mended.status, 200, "{}", mended.text());
    assert_eq!(mended.json()["number"], Value::Null);
    assert_eq!(read(&format!("/v1/orders/{}", ids[1]))["number"], 2);
    let refuse = format!("/v1/orders/{}/refuse", ids[1]);
    let answer = site.server.send(&v1::request("POST", &refuse, "shop"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(stored::check(site.data.path()).faults, [""; 0]);
}
