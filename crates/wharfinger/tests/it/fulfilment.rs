//! Fulfilment reports through the native API.

use serde_json::{Value, json};

use crate::support::client::{Request, Response};
use crate::support::fixture::{self, secret_of};
use crate::support::server::Server;
use crate::support::stored;
use crate::support::v1::{get, order, order_id, request, submit};

fn put(server: &Server, id: &str, report: &Value) -> Response {
    let target = format!("/v1/orders/{id}/fulfilment");
    server.send(&request("PUT", &target, "full").body(report.to_string()))
}

#[test]
fn a_report_is_shown_with_its_order_and_told_as_an_event() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (_, ids) = submit(&server, "TRK001", &[order("A-1"), order("A-2")]);
    let target = format!("/v1/orders/{}", ids[0]);
    assert_eq!(get(&server, &target)["fulfilment"], Value::Null);
    let report = json!({"status": "PICKED", "ticket_number": "T-1",
        "tracking_url": "https://parcels.example/T-1", "picked_at": "2026-11-21T10:00:00+01:00",
        "printed_by": "Ann", "lines": [{"fulfilled_quantity": "1.50"}]});
    let answer = put(&server, &ids[0], &report);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let shown = get(&server, &target);
    let mut expected = report.clone();
    expected["picked_at"] = "2026-11-21T09:00:00Z".into();
    expected["updated_at"] = shown["updated_at"].clone();
    assert_eq!(shown["fulfilment"], expected);
    assert_eq!(answer.json(), expected);
    assert_eq!(get(&server, "/v1/orders?key=A-1")["data"][0], shown);
    // A report replaces all earlier ones.
    put(&server, &ids[0], &json!({"delivered_at": "2026-11-22"}));
    let shown = get(&server, &target);
    let expected = json!({"delivered_at": "2026-11-22", "updated_at": shown["updated_at"]});
    assert_eq!(shown["fulfilment"], expected);
    let events = get(&server, "/v1/events?type=order.fulfilment");
    let told: Vec<_> = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["order_id"])
        .collect();
    assert_eq!(told, [&json!(ids[0]); 2]);
    let history = get(&server, &format!("{target}/history"));
    assert_eq!(history["data"][0]["type"], "order.fulfilment");
    assert_eq!(history["data"][0]["key_id"], "full");
}

#[test]
fn a_report_that_cannot_be_kept_leaves_nothing() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (_, ids) = submit(&server, "TRK001", &[order("A-1"), order("A-2")]);
    let cancel = format!("/v1/orders/{}/cancel", ids[1]);
    assert_eq!(server.send(&request("POST", &cancel, "full")).status, 200);
    let good = json!({"status": "PICKED"});
    let cancelled = put(&server, &ids[1], &good);
    assert_eq!(cancelled.status, 409);
    let detail = cancelled.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("is cancelled"), "{detail}");
    for (report, status) in [
        (json!({}), 422),
        (json!({"status": "X".repeat(65)}), 422),
        (json!({"tracking_url": "ftp://x"}), 422),
        (json!({"printed_at": "today"}), 422),
        (json!({"lines": [{"fulfilled_quantity": "many"}]}), 422),
        (
            json!({"lines": [{"fulfilled_quantity": 1}, {"fulfilled_quantity": 1}]}),
            422,
        ),
        (json!({"statsu": "PICKED"}), 400),
        (json!([]), 400),
    ] {
        let refused = put(&server, &ids[0], &report);
        assert_eq!(refused.status, status, "{report}: {}", refused.text());
    }
    assert_eq!(put(&server, "nonsense", &good).status, 404);
    let target = format!("/v1/orders/{}/fulfilment", ids[0]);
    let others = request("PUT", &target, "other").body(good.to_string());
    assert_eq!(server.send(&others).status, 404);
    drop(server);
    let report = stored::check(data.path());
    assert_eq!((report.faults, report.events), (Vec::new(), 4));
}

#[test]
fn a_report_is_kept_once_under_an_idempotency_key() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (_, ids) = submit(&server, "TRK001", &[order("A-1")]);
    let target = format!("/v1/orders/{}/fulfilment", ids[0]);
    let send = |status: &str| {
        let request = request("PUT", &target, "full").header("idempotency-key", "k");
        server.send(&request.body(json!({"status": status}).to_string()))
    };
    let first = send("PICKED");
    put(&server, &ids[0], &json!({"status": "DELIVERED"}));
    let again = send("PICKED");
    assert_eq!((again.status, again.text()), (200, first.text()));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(send("LOST").status, 422);
    let shown = get(&server, &format!("/v1/orders/{}", ids[0]));
    assert_eq!(shown["fulfilment"]["status"], "DELIVERED");
}

/// A vendor's response, requested with the vendor's header field for the key.
fn shown_by(server: &Server, target: &str, key_field: &str) -> Value {
    let request = Request::new("GET", target).header(key_field, secret_of("one"));
    let answer = server.send(&request);
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    answer.json()
}

/// Submits an order in a vendor's form. Returns its id.
fn submit_as(server: &Server, dialect: &str, order: &Value) -> String {
    let target = format!("/v1/batches?organisation=TRK001&dialect={dialect}");
    let answer = server.send(&request("POST", &target, "full").body(order.to_string()));
    assert_eq!(answer.status, 200, "{}", answer.text());
    order_id(&answer, 0)
}

#[test]
fn vendors_with_a_status_of_their_own_show_what_was_reported() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let parcel = json!({"packingslipno": "P-1", "consignee": "Ann",
        "products": [{"productcode": "A", "units": 3}, {"productcode": "B", "units": 1}]});
    let id = submit_as(&server, "gosweetspot", &parcel);
    let list = "/api/customerorders?includeProducts=true";
    let one = || shown_by(&server, "/v2/order/P-1", "access_key");
    let listed = || shown_by(&server, list, "access_key")["Results"][0].clone();
    assert_eq!(listed()["status"]["Status"], "PENDING");
    assert_eq!(one()["status"], "PENDING");
    put(
        &server,
        &id,
        &json!({"status": "PICKED", "ticket_number": "T-1", "tracking_url": "https://x.example/1",
            "picked_at": "2026-11-21T10:00:00+01:00", "printed_at": "2026-11-21", "printed_by": "Bo",
            "lines": [{"fulfilled_quantity": "1.5"}]}),
    );
    let expected = json!({"Status": "PICKED", "ticketnumber": "T-1", "trackingurl": "https://x.example/1",
        "Picked": "2026-11-21T09:00:00Z", "Delivered": null, "manualticket": false});
    let order = listed();
    assert_eq!(order["status"], expected);
    let products = order["products"].as_array().unwrap().iter();
    let sent: Vec<_> = products.map(|product| &product["fulfilledQty"]).collect();
    assert_eq!(sent, [&json!(1.5), &json!(0)]);
    let order = one();
    assert_eq!(
        (&order["status"], &order["ticketnumber"]),
        (&json!("PICKED"), &json!("T-1"))
    );
    assert_eq!(order["ticketprinteddate"], "2026-11-21");
    assert_eq!(order["ticketprintedby"], "Bo");
    assert_eq!(order["ticketdeletedby"], Value::Null);
    put(&server, &id, &json!({"delivered_at": "2026-11-22"}));
    assert_eq!(one()["status"], "DELIVERED");
    assert_eq!(one()["delivered"], "2026-11-22");
    // The last report replaces all earlier ones, and had no status.
    assert_eq!(listed()["status"]["Status"], "PENDING");

    let order = json!({"address": {"email": "ann@example.com", "country": "NZ"},
        "products": [{"sku": "S-1", "qty": 1}]});
    let id = submit_as(&server, "centra", &order);
    let status = || {
        let page = shown_by(&server, "/centra/TRK001/orders", "api-authorization");
        page["orders"][0]["orderStatus"].clone()
    };
    assert_eq!(status(), "pending");
    for (word, shown) in [
        ("PICKED", "pending"),
        ("Shipped", "shipped"),
        ("DELIVERED", "delivered"),
    ] {
        put(&server, &id, &json!({"status": word}));
        assert_eq!(status(), shown);
    }
    let cancel = format!("/v1/orders/{id}/cancel");
    assert_eq!(server.send(&request("POST", &cancel, "full")).status, 200);
    assert_eq!(status(), "cancelled");
}
