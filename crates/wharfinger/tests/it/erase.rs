//! Erasing a person with the real command and over HTTP, while a server is running.

mod broken_off;
mod catalogue;
mod files;
mod warnings;

use std::path::Path;

use serde_json::{Value, json};

use crate::support::changes::{administrator, assert_refused, code, is_replayed};
use crate::support::client::{Request, Response};
use crate::support::database::is_on_postgres;
use crate::support::fixture;
use crate::support::server::{Server, run};
use crate::support::stored::check;
use crate::support::v1::{batch_id, get, order, order_id, request, submit};

const ANN: &str = "ann@quay.example";
const BOB: &str = "bob@example.com";

/// Erases a person with the command. Returns its output.
fn erase(data: &Path, email: &str) -> Value {
    let arguments = ["customer", "erase", "--org", "TRK001", "--email", email];
    let done = run(data, &[&arguments[..], &["--json"]].concat());
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{errors}");
    serde_json::from_slice(&done.stdout).unwrap()
}

fn assert_whole(data: &Path) {
    assert_eq!(check(data).faults, Vec::<String>::new());
}

/// A person's order that contains their name.
fn of(email: &str, name: &str, key: &str) -> Value {
    let mut order = order(key);
    order["customer"] = json!({"email": email, "first_name": name, "phone": "0123"});
    order["shipping_address"] = json!({"name": name, "lines": ["1 Quay St"], "country": "GB"});
    order["instructions"] = format!("leave it with {name}").into();
    order["lines"] =
        json!([{"sku": "TEA", "quantity": 2, "unit_price": "55.10", "description": name}]);
    order
}

/// Submits a batch in a dialect's form.
fn submit_as(server: &Server, dialect: &str, body: &str) -> Response {
    let target = format!("/v1/batches?organisation=TRK001&dialect={dialect}");
    let response = server.send(&request("POST", &target, "full").body(body));
    assert!(response.status < 300, "{}", response.text());
    response
}

fn shown(server: &Server, id: &str) -> Value {
    get(server, &format!("/v1/orders/{id}"))
}

fn history(server: &Server, id: &str) -> Value {
    get(server, &format!("/v1/orders/{id}/history"))
}

fn found(server: &Server, email: &str) -> usize {
    let page = get(
        server,
        &format!("/v1/orders?organisation=TRK001&email={email}"),
    );
    page["data"].as_array().unwrap().len()
}

/// Asserts that an order from [`of`] has only its retained fields, in all revisions.
fn assert_erased(server: &Server, id: &str, state: &str, revision: usize) {
    let order = shown(server, id);
    let stands = (&order["state"], &order["revision"]);
    assert_eq!(stands, (&state.into(), &revision.into()));
    assert_eq!(order["placed_at"], "2026-11-21");
    let lines = json!([{"quantity": 2, "sku": "TEA", "unit_price": "55.10"}]);
    assert_eq!(order["lines"], lines);
    for gone in ["customer", "shipping_address", "instructions"] {
        assert_eq!(order[gone], Value::Null, "{gone}");
    }
    let history = history(server, id);
    let said = history.to_string();
    for word in ["Anna", "example", "Quay", "0123", "leave"] {
        assert!(!said.contains(word), "{word}: {said}");
    }
    let entries = history["data"].as_array().unwrap();
    assert_eq!(entries.len(), revision + 1, "{said}");
    let form = get(server, &format!("/v1/orders/{id}?as=submitted"));
    assert_eq!(form["key"], order["key"]);
}

/// Asserts that the feed is unchanged, followed by the cancellations of these orders.
fn assert_cancelled_behind(server: &Server, before: &Value, orders: &[&String]) {
    let after = get(server, "/v1/events?organisation=TRK001&limit=1000");
    let [before, after] = [before, &after].map(|page| page["data"].as_array().unwrap());
    assert_eq!(after[..before.len()], before[..]);
    let new = &after[before.len()..];
    assert!(
        new.iter().all(|event| event["type"] == "order.cancelled"),
        "{new:?}"
    );
    let mut cancelled: Vec<_> = new.iter().map(|event| &event["order_id"]).collect();
    cancelled.sort_by_key(ToString::to_string);
    assert_eq!(cancelled, orders);
}

#[test]
fn the_figures_of_an_order_stay_and_its_person_is_gone_from_every_revision() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let orders = [
        of(ANN, "Annabel", "A-1"),
        of(BOB, "Bobby", "B-1"),
        of(ANN, "Annabel", "A-2"),
        of("old@example.com", "Annabel", "A-3"),
    ];
    let (_, ids) = submit(&server, "TRK001", &orders);
    // A second revision with another address. One that adds the address to an order without any. The same again, next to
    // others.
    let changes = [
        of("new@example.com", "Annabel", "A-2"),
        of(ANN, "Annabella", "A-3"),
        of(ANN, "Annabel", "A-1"),
        of(BOB, "Bobby II", "B-1"),
    ];
    submit(&server, "TRK001", &changes);
    let (_, elsewhere) = submit(&server, "TRK002", &[of(ANN, "Elsewhere", "A-1")]);
    let process = format!("/v1/orders/{}/process", ids[0]);
    assert_eq!(server.send(&request("POST", &process, "full")).status, 200);
    let others = [&ids[1], &elsewhere[0]];
    let before = others.map(|id| (shown(&server, id), history(&server, id)));
    let kept = shown(&server, &ids[0]);
    let feed = get(&server, "/v1/events?organisation=TRK001&limit=1000");

    let told = erase(data.path(), "Ann@Quay.Example");
    let expected = json!({"organisation": "TRK001", "orders": 3, "cancelled": 2, "customers": 0, "rejected": 0, "answers": 0, "attempts": 0, "delivered_to": [], "compacted": !is_on_postgres()});
    assert_eq!(told, expected);
    assert_whole(data.path());
    assert_eq!(
        others.map(|id| (shown(&server, id), history(&server, id))),
        before
    );

    for (id, state, revision) in [
        (&ids[0], "processed", 1),
        (&ids[2], "cancelled", 2),
        (&ids[3], "cancelled", 2),
    ] {
        assert_erased(&server, id, state, revision);
    }
    assert_eq!(shown(&server, &ids[0])["updated_at"], kept["updated_at"]);
    for email in [ANN, "old@example.com", "new@example.com"] {
        assert_eq!(found(&server, email), 0, "{email}");
    }
    assert_eq!(found(&server, BOB), 1);
    assert_cancelled_behind(&server, &feed, &[&ids[2], &ids[3]]);

    // The key stays taken, and nothing is left to erase.
    let again = server.send(
        &request("POST", "/v1/batches?organisation=TRK001", "full")
            .body(of(BOB, "Bobby", "A-2").to_string()),
    );
    assert_eq!(again.status, 422, "{}", again.text());
    assert_eq!(
        again.json()["results"][0]["errors"][0]["code"],
        "already_cancelled"
    );
    assert_eq!(erase(data.path(), ANN)["orders"], 0);
    assert_whole(data.path());
    files::assert_gone(data.path(), &["annabel"]);
}

#[test]
fn what_a_vendor_s_order_was_completed_with_goes_too() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let key = fixture::secret_of("full");
    let send = |target: &str, body: &str| {
        let request = Request::new("POST", target).header("api-authorization", key.clone());
        let response = server.send(&request.body(body));
        assert_eq!(response.status, 200, "{}", response.text());
        assert_eq!(response.json()["status"], "ok", "{}", response.text());
        response
    };
    let draft = r#"{"orderNumber":7,"createOnly":true,"address":{"email":"ann@quay.example","firstName":"Annabel","city":"Lund","country":"SE"},"products":[{"sku":"S","qty":3,"unitPrice":9.50,"comment":"for Annabel"}],"voucherCodes":["ANNA"]}"#;
    let first = order_id(&send("/centra/TRK001/order", draft), 0);
    let completion = r#"{"comment":"ring Annabel","payment":{"auth":{"status":1,"amount":28.5,"transaction":"Annabel"}}}"#;
    send("/centra/TRK001/order/7", completion);
    let process = format!("/v1/orders/{first}/process");
    assert_eq!(server.send(&request("POST", &process, "full")).status, 200);
    send(
        "/centra/TRK001/order/7",
        r#"{"internalComment":"Annabel called"}"#,
    );

    let told = erase(data.path(), ANN);
    assert_eq!(
        (&told["orders"], &told["cancelled"]),
        (&json!(1), &json!(0))
    );
    assert_whole(data.path());
    let said = history(&server, &first).to_string();
    assert!(!said.contains("Anna") && !said.contains("Lund"), "{said}");
    let form = get(&server, &format!("/v1/orders/{first}?as=centra"));
    let expected = json!({
        "orderNumber": 7, "createOnly": true, "address": {"country": "SE"},
        "products": [{"sku": "S", "qty": 3, "unitPrice": 9.50}],
        "payment": {"auth": {"status": 1, "amount": 28.5}},
    });
    assert_eq!(form, expected);
    let list =
        Request::new("GET", "/centra/TRK001/orders").header("api-authorization", key.clone());
    let listed = server.send(&list).json();
    assert_eq!(listed["orders"][0]["grandTotalValue"], 28.5, "{listed}");
    assert_eq!(listed["orders"][0]["orderStatus"], "processing");
}

#[test]
fn answers_that_were_kept_are_gone_and_not_given_again() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let submission = |key: &str, order: &Value| {
        request("POST", "/v1/batches?organisation=TRK001", "full")
            .header("idempotency-key", key)
            .body(order.to_string())
    };
    let of_ann = submission("ann", &of(ANN, "Annabel", "A-1"));
    let of_bob = submission("bob", &of(BOB, "Bobby", "B-1"));
    // The vendor's response contains the rejected order.
    let echoed = Request::new("POST", "/v4/customer_orders")
        .header("authorization", fixture::basic("full"))
        .header("idempotency-key", "echo")
        .body(r#"[{"trkref":"TRK001","order_ref":"","customer":{"email":"ann\u0040quay.example","surname":"Annabel"}}]"#);
    for request in [&of_ann, &of_bob, &echoed] {
        assert!(!is_replayed(&server.send(request)));
        assert!(is_replayed(&server.send(request)));
    }
    let told = erase(data.path(), ANN);
    assert_eq!(
        (&told["answers"], &told["rejected"]),
        (&json!(2), &json!(1))
    );
    assert_whole(data.path());
    assert!(is_replayed(&server.send(&of_bob)));
    for (dialect, request) in [("native", &of_ann), ("reevoo", &echoed)] {
        let gone = server.send(request);
        assert_refused(dialect, &gone, 409);
        assert!(!is_replayed(&gone));
    }
    assert_eq!(code(&server.send(&of_ann)), "answer_erased");
    // A different request with this key gets the same refusal: the fingerprint of the first one is gone.
    let other = submission("ann", &of(BOB, "Bobby", "B-2"));
    assert_eq!(code(&server.send(&other)), "answer_erased");
    assert_eq!(found(&server, BOB), 1);
}

#[test]
fn rejected_orders_that_mention_the_address_go_without_their_texts() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let lines = [
        r#"{"key":"R-1","customer":{"email":"Ann@Quay.Example","first_name":"Annabel"}}"#,
        r#"{"key":"R-2","customer":{"email":"bob@example.com"}}"#,
        r#"{"key":"R-3","customer":{"email":"ann\u0040quay.example","first_name":"Annabel"#,
        r#"{"key":"R-4","customer":{"email":"joann@quay.example"}}"#,
    ];
    let target = "/v1/batches?organisation=TRK001";
    let post = request("POST", target, "full").header("content-type", "application/x-ndjson");
    let answer = server.send(&post.body(lines.join("\n")));
    assert_eq!(answer.status, 422, "{}", answer.text());
    let receipt = format!("/v1/batches/{}", batch_id(&answer));
    let before = get(&server, &receipt);
    // A valid order that is refused because of a stored one, next to accepted orders.
    let (_, ids) = submit(&server, "TRK001", &[of(BOB, "Bobby", "B-1")]);
    let process = format!("/v1/orders/{}/process", ids[0]);
    assert_eq!(server.send(&request("POST", &process, "full")).status, 200);
    submit(
        &server,
        "TRK001",
        &[of(ANN, "Annabel", "B-1"), of(BOB, "Bobby", "B-2")],
    );

    let told = erase(data.path(), ANN);
    let expected = json!({"organisation": "TRK001", "orders": 0, "cancelled": 0, "customers": 0, "rejected": 3, "answers": 0, "attempts": 0, "delivered_to": [], "compacted": !is_on_postgres()});
    assert_eq!(told, expected);
    assert_whole(data.path());
    files::assert_gone(data.path(), &["annabel"]);
    assert_eq!(get(&server, &receipt), before);
    let rejected = get(&server, &format!("{receipt}/rejected"));
    let orders: Vec<_> = rejected["data"].as_array().unwrap().iter().collect();
    let texts: Vec<_> = orders.iter().map(|item| item["order"].is_null()).collect();
    assert_eq!(texts, [true, false, true, false], "{rejected}");
    assert!(
        orders
            .iter()
            .all(|item| !item["errors"].as_array().unwrap().is_empty())
    );
    let again = get(&server, &format!("{receipt}/rejected?form=resend"));
    assert_eq!(again.as_array().unwrap().len(), 2, "{again}");
    let gone = server.send(&request(
        "GET",
        &format!("{receipt}/rejected?index=0"),
        "full",
    ));
    assert_eq!(gone.status, 410, "{}", gone.text());
    assert_eq!(shown(&server, &ids[0])["customer"]["email"], BOB);
}

#[test]
fn an_administrator_erases_over_http_and_nobody_else_does() {
    let data = fixture::data_directory();
    let key = administrator(data.path());
    let server = Server::start(data.path());
    submit(
        &server,
        "TRK001",
        &[of(ANN, "Annabel", "A-1"), of(BOB, "Bobby", "B-1")],
    );
    let post = |body: &Value| {
        let request = Request::new("POST", "/v1/customers/erase").body(body.to_string());
        request.header("authorization", format!("Bearer {key}"))
    };
    let ann = json!({"organisation": "TRK001", "email": ANN});
    let forbidden = request("POST", "/v1/customers/erase", "one").body(ann.to_string());
    assert_refused("native", &server.send(&forbidden), 403);
    for (wrong, status, reason) in [
        (json!({"organisation": "TRK001"}), 422, "invalid"),
        (
            json!({"organisation": "TRK001", "email": "ann"}),
            422,
            "invalid",
        ),
        (
            json!({"organisation": "NONE", "email": ANN}),
            422,
            "invalid",
        ),
        (
            json!({"organisation": "TRK001", "email": ANN, "all": true}),
            400,
            "bad_parameter",
        ),
    ] {
        let refused = server.send(&post(&wrong));
        assert_refused("native", &refused, status);
        assert_eq!(code(&refused), reason, "{wrong}");
    }
    assert_eq!(found(&server, ANN), 1);

    let once = post(&ann).header("idempotency-key", "once");
    let done = server.send(&once);
    assert_eq!(done.status, 200, "{}", done.text());
    let expected = json!({"organisation": "TRK001", "orders": 1, "cancelled": 1, "customers": 0, "rejected": 0, "answers": 0, "attempts": 0, "delivered_to": [], "compacted": !is_on_postgres()});
    assert_eq!(done.json(), expected);
    assert!(is_replayed(&server.send(&once)));
    assert_eq!((found(&server, ANN), found(&server, BOB)), (0, 1));
    assert_whole(data.path());
    files::assert_gone(data.path(), &["annabel"]);

    let list = Request::new("GET", "/v1/audit").header("authorization", format!("Bearer {key}"));
    let audit = server.send(&list).json();
    let entry = &audit["data"][0];
    assert_eq!(entry["action"], "organisation.customer_erased");
    assert_eq!(
        (&entry["subject"], &entry["details"]),
        (&json!("TRK001"), &json!({"orders": 1}))
    );
    assert!(!audit.to_string().contains("ann@"), "{audit}");
}

#[test]
fn who_is_to_be_erased_must_be_said_rightly() {
    let data = fixture::data_directory();
    for (org, email, why) in [
        ("NONE", ANN, "no organisation NONE"),
        ("TRK001", "ann", "not an e-mail address"),
    ] {
        let refused = run(
            data.path(),
            &["customer", "erase", "--org", org, "--email", email],
        );
        assert!(!refused.status.success());
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains(why), "{said}");
    }
    let done = run(
        data.path(),
        &["customer", "erase", "--org", "TRK001", "--email", ANN],
    );
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        said.contains("0 orders") && said.contains("backups"),
        "{said}"
    );
}
