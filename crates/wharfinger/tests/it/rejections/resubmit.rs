//! Sending a rejected order again.

use serde_json::{Value, json};

use super::{good, rejected, resubmit, seen, shown};
use crate::support::client::{Request, Response};
use crate::support::fixture::{self, basic, secret_of};
use crate::support::server::{Server, run};
use crate::support::stored::rows;
use crate::support::v1::{batch_id, get, order_id, request};

#[test]
fn a_mended_order_is_stored_and_the_rejection_knows_it() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let id = rejected(&server, "TRK001", "A");
    // Rejected again: the order is open once.
    let worse = resubmit(&server, "one", &id, r#"{"key":"A","placed_at":"x"}"#);
    assert_eq!(worse.status, 422, "{}", worse.text());
    assert_eq!(shown(&server, &id)["status"], "open");
    let second = shown(&server, &order_id(&worse, 0));
    assert_eq!(second["status"], "dismissed");
    let note = format!("Resubmission of rejection {id}, which stays open");
    assert_eq!(second["dismissed"]["note"], note);
    let open = seen(&server, "full", "/v1/rejections?open=true");
    assert_eq!(open["data"].as_array().unwrap().len(), 1);
    // As it came: rejected for the same reason.
    let same = resubmit(&server, "one", &id, "");
    assert_eq!(same.status, 422, "{}", same.text());
    // A dry run stores nothing.
    let before = rows(data.path());
    let target = format!("/v1/rejections/{id}/resubmit?dry_run=true");
    let dry = server.send(&request("POST", &target, "one").body(good("A")));
    assert_eq!(dry.status, 200, "{}", dry.text());
    assert_eq!(dry.header("wharfinger-dry-run"), Some("true"));
    assert_eq!(rows(data.path()), before, "nothing was stored");
    let mended = resubmit(&server, "one", &id, &good("A"));
    assert_eq!(mended.status, 200, "{}", mended.text());
    let answer = mended.json();
    assert_eq!(answer["results"][0]["outcome"], "accepted");
    let item = shown(&server, &id);
    assert_eq!(item["status"], "mended");
    assert_eq!(item["mended_by"]["batch_id"], batch_id(&mended));
    assert_eq!(
        item["mended_by"]["order_id"],
        answer["results"][0]["order_id"]
    );
    let receipt = get(&server, &format!("/v1/batches/{}", batch_id(&mended)));
    let of_old = item["batch_id"].as_str().unwrap();
    assert_eq!(receipt["mends"], of_old);
    assert_eq!(get(&server, &format!("/v1/batches/{of_old}"))["mended"], 1);
    assert_eq!(get(&server, "/v1/batches?limit=10")["data"][3]["mended"], 1);
    // Once is enough.
    let before = rows(data.path());
    for body in [good("A"), String::new()] {
        let late = resubmit(&server, "one", &id, &body);
        assert_eq!(late.status, 409, "{}", late.text());
        let order = item["mended_by"]["order_id"].as_str().unwrap();
        let why = format!(
            "The rejected order was mended before, by order {order} of batch {}",
            batch_id(&mended)
        );
        assert_eq!(late.json()["detail"], why);
    }
    assert_eq!(rows(data.path()), before, "nothing was stored");
    drop(server);
    let checked = run(data.path(), &["check"]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn a_refused_resubmission_stores_nothing() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let id = rejected(&server, "TRK001", "A");
    let unknown = "019a0000-0000-7000-8000-000000000001";
    let before = rows(data.path());
    let several = format!("[{},{}]", good("A"), good("B"));
    let adjoined = format!("{},{}", good("A"), good("B"));
    let whole = good("A");
    for (key, id, body, status) in [
        ("other", id.as_str(), whole.as_str(), 404),
        ("reader", id.as_str(), &whole, 403),
        ("one", unknown, &whole, 404),
        ("one", "7", &whole, 404),
        ("one", id.as_str(), &several, 400),
        ("one", id.as_str(), &adjoined, 400),
        ("one", id.as_str(), "7", 400),
        ("one", id.as_str(), "{", 400),
    ] {
        let answer = resubmit(&server, key, id, body);
        assert_eq!(
            answer.status,
            status,
            "{key} {id} {body}: {}",
            answer.text()
        );
    }
    for query in [
        "mends=x",
        "dialect=native",
        "organisation=TRK002",
        "dry_run=maybe",
    ] {
        let target = format!("/v1/rejections/{id}/resubmit?{query}");
        let answer = server.send(&request("POST", &target, "one").body(whole.clone()));
        assert!(
            (400..405).contains(&answer.status),
            "{query}: {}",
            answer.text()
        );
    }
    assert_eq!(rows(data.path()), before, "nothing was stored");
}

#[test]
fn a_repeated_resubmission_gets_the_same_answer() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let id = rejected(&server, "TRK001", "A");
    let send = |body: &str| {
        let target = format!("/v1/rejections/{id}/resubmit");
        let request = request("POST", &target, "one").header("idempotency-key", "once");
        server.send(&request.body(body.to_owned()))
    };
    let (once, again) = (send(&good("A")), send(&good("A")));
    assert_eq!(once.status, 200, "{}", once.text());
    assert_eq!(once.text(), again.text());
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(send(&good("B")).status, 422);
    assert_eq!(
        get(&server, "/v1/batches")["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn an_order_without_a_known_organisation_is_mended_by_its_sender() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let mut order: Value = serde_json::from_str(&good("A")).unwrap();
    order["organisation"] = "NOBODY".into();
    let sent = request("POST", "/v1/batches", "full").body(order.to_string());
    let sent = server.send(&sent);
    let id = order_id(&sent, 0);
    assert_eq!(resubmit(&server, "one", &id, &good("A")).status, 404);
    let lost = resubmit(&server, "full", &id, &good("A"));
    assert!(lost.status >= 400, "{}", lost.text());
    let target = format!("/v1/rejections/{id}/resubmit?organisation=TRK002");
    let mended = server.send(&request("POST", &target, "full").body(good("A")));
    assert_eq!(mended.status, 200, "{}", mended.text());
    let item = shown(&server, &id);
    assert_eq!(
        (&item["status"], &item["organisation"]),
        (&json!("mended"), &Value::Null)
    );
    drop(server);
    let checked = run(data.path(), &["check"]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn a_rejection_is_mended_in_its_own_organisation() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let id = rejected(&server, "TRK001", "A");
    let before = rows(data.path());
    let target = format!("/v1/rejections/{id}/resubmit?organisation=TRK002");
    let refused = server.send(&request("POST", &target, "full").body(good("A")));
    assert_eq!(refused.status, 400, "{}", refused.text());
    for code in ["TRK001", "TRK002"] {
        assert!(refused.text().contains(code), "{}", refused.text());
    }
    for body in ["null", "\"x\"", "1", "[{}]"] {
        let refused = resubmit(&server, "one", &id, body);
        assert_eq!(refused.status, 400, "{body}");
        let why = "The body must be one order as a JSON object";
        assert!(refused.text().contains(why), "{}", refused.text());
    }
    assert_eq!(rows(data.path()), before, "nothing was stored");
    let target = format!("/v1/rejections/{id}/resubmit?organisation=TRK001");
    let mended = server.send(&request("POST", &target, "full").body(good("A")));
    assert_eq!(mended.status, 200, "{}", mended.text());
}

/// A vendor's request with a rejected order, and the order as it is mended.
fn of_vendors() -> [(&'static str, Request, &'static str); 3] {
    [
        (
            "reevoo",
            Request::new("POST", "/v4/organisations/TRK001/customer_order")
                .header("authorization", basic("full"))
                .body(r#"{"trkref":"TRK001","order_ref":"R-1","order_date":"31-02-2026","customer":{"email":"a@example.com","surname":"S"},"order_items":[{"sku":"S"}]}"#),
            r#"{"trkref":"TRK001","order_ref":"R-1","order_date":"01-02-2026","customer":{"email":"a@example.com","surname":"S"},"order_items":[{"sku":"S"}]}"#,
        ),
        (
            "centra",
            Request::new("POST", "/centra/TRK001/orders")
                .header("api-authorization", secret_of("one"))
                .body(r#"{"first":{"orderNumber":"x","address":{"email":"a@example.com","country":"SE"},"products":[{"sku":"S","qty":1}]}}"#),
            r#"{"orderNumber":41,"address":{"email":"a@example.com","country":"SE"},"products":[{"sku":"S","qty":1}]}"#,
        ),
        (
            "gosweetspot",
            Request::new("PUT", "/api/customerorders")
                .header("access_key", secret_of("one"))
                .body(r#"[{"packingslipno":"G-1"}]"#),
            r#"{"packingslipno":"G-1","consignee":"C"}"#,
        ),
    ]
}

#[test]
fn orders_of_vendors_are_mended_in_their_own_dialect() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for (dialect, sent, mended) in of_vendors() {
        let sent: Response = server.send(&sent);
        let listed = seen(
            &server,
            "full",
            &format!("/v1/rejections?dialect={dialect}"),
        );
        let item = &listed["data"][0];
        assert_eq!(
            item["status"],
            "open",
            "{dialect}: {} {listed}",
            sent.text()
        );
        let id = item["id"].as_str().unwrap();
        let again = resubmit(&server, "one", id, "");
        assert_eq!(again.status, 422, "{dialect}: {}", again.text());
        let done = resubmit(&server, "one", id, mended);
        assert_eq!(done.status, 200, "{dialect}: {}", done.text());
        assert_eq!(
            done.json()["results"][0]["outcome"],
            "accepted",
            "{dialect}"
        );
        let item = shown(&server, id);
        assert_eq!(
            (&item["status"], &item["dialect"]),
            (&json!("mended"), &json!(dialect))
        );
        let order = item["mended_by"]["order_id"].as_str().unwrap();
        assert_eq!(
            get(&server, &format!("/v1/orders/{order}"))["dialect"],
            dialect
        );
    }
}
