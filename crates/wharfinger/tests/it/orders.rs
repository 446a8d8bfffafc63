//! Orders of every dialect through the native API.

use serde_json::{Value, json};

use crate::support::client::{Request, Response};
use crate::support::fixture::{self, basic, secret_of};
use crate::support::server::Server;
use crate::support::stored;
use crate::support::v1::{get, order, order_id, request, submit};

/// Changes the state of an order.
fn move_one(server: &Server, id: &str, to: &str) -> Response {
    let target = format!("/v1/orders/{id}/{to}");
    server.send(&request("POST", &target, "full"))
}

/// Changes the state of orders.
fn move_many(server: &Server, to: &str, ids: &[impl AsRef<str>]) -> Response {
    let ids: Vec<_> = ids.iter().map(AsRef::as_ref).collect();
    let body = json!({"ids": ids}).to_string();
    let target = format!("/v1/orders/{to}");
    server.send(&request("POST", &target, "full").body(body))
}

/// The detail of a refusal.
fn refused(response: &Response, status: u16) -> String {
    assert_eq!(response.status, status, "{}", response.text());
    let content_type = response.header("content-type");
    assert_eq!(content_type, Some("application/problem+json"));
    let json = response.json();
    assert_eq!(json["status"], status);
    json["detail"].as_str().unwrap().to_owned()
}

/// An order that the key cannot access is not read at all, so response times reveal neither its size nor its state. The test
/// damages the block: a key without access must not notice.
#[test]
fn an_order_out_of_reach_is_not_read_at_all() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let target = "/v1/batches?organisation=TRK002";
    let made = server.send(&request("POST", target, "other").body(order("FAR").to_string()));
    assert_eq!(made.status, 200, "{}", made.text());
    let id = crate::support::v1::order_id(&made, 0);
    let ask = |key: &str, path: &str| {
        server.send(&request("GET", &format!("/v1/orders/{id}{path}"), key))
    };
    assert_eq!(ask("other", "").status, 200);
    let mut database = crate::support::stored::settled(data.path());
    assert_eq!(
        database.execute("update blocks set slots = indexes, checksum = 0"),
        1
    );
    for path in ["", "/history"] {
        assert_eq!(ask("other", path).status, 500, "the block is damaged");
        let unreached = ask("one", path);
        assert_eq!(unreached.status, 404, "{}", unreached.text());
    }
    for (method, path) in [("POST", "/process"), ("PUT", "/fulfilment")] {
        let target = format!("/v1/orders/{id}{path}");
        let body = r#"{"status":"picked"}"#;
        let answer = server.send(&request(method, &target, "one").body(body));
        assert_eq!(answer.status, 404, "{}", answer.text());
    }
}

#[test]
fn an_order_is_shown_by_its_id_with_its_history() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (_, first) = submit(&server, "TRK001", &[order("A-1"), order("A-2")]);
    let mut changed = order("A-2");
    changed["instructions"] = "Ring twice".into();
    let (second, _) = submit(&server, "TRK001", &[changed.clone()]);
    let id = &first[1];
    assert_eq!(move_one(&server, id, "process").status, 200);

    let shown = get(&server, &format!("/v1/orders/{id}"));
    for (name, value) in [
        ("id", json!(id)),
        ("key", json!("A-2")),
        ("state", json!("processed")),
        ("revision", json!(2)),
        ("organisation", json!("TRK001")),
        ("dialect", json!("native")),
        ("batch_id", json!(first[1].replace("00000002", "00000000"))),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    let (created, updated) = (&shown["created_at"], &shown["updated_at"]);
    assert!(created.as_str().unwrap() <= updated.as_str().unwrap());

    let history = get(&server, &format!("/v1/orders/{id}/history"));
    assert_eq!(history["next"], Value::Null);
    let entries = history["data"].as_array().unwrap();
    let types: Vec<_> = entries.iter().map(|entry| &entry["type"]).collect();
    assert_eq!(
        types,
        ["order.processed", "order.updated", "order.accepted"]
    );
    assert_eq!(entries[0]["key_id"], "full");
    assert_eq!(entries[0]["at"], shown["updated_at"]);
    assert_eq!(entries[1]["revision"], 2);
    let batch = second.header("wharfinger-batch-id").unwrap();
    assert_eq!(entries[1]["batch_id"], batch);
    assert_eq!(entries[1]["order"], changed);
    assert_eq!(entries[2]["order"], order("A-2"));
    assert_eq!(entries[2]["at"], shown["created_at"]);

    let mut after = String::new();
    for entry in entries {
        let page = get(&server, &format!("/v1/orders/{id}/history?limit=1{after}"));
        assert_eq!(page["data"], json!([entry]));
        after = format!("&after={}", page["next"].as_str().unwrap_or_default());
    }
    assert_eq!(after, "&after=");
    let bad = format!("/v1/orders/{id}/history?after=x");
    refused(&server.send(&request("GET", &bad, "full")), 400);
}

#[test]
fn a_history_gives_each_revision_byte_for_byte() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let text = r#"{ "key":"A-1","placed_at":"2026-11-21", "lines":[{"sku":"S","unit_price":5.10}],"x":"\u00e9" }"#;
    let body = format!("[{text}]");
    let target = "/v1/batches?organisation=TRK001";
    let response = server.send(&request("POST", target, "full").body(body));
    let id = order_id(&response, 0);
    let history = server.send(&request("GET", &format!("/v1/orders/{id}/history"), "full"));
    assert!(history.text().contains(text), "{}", history.text());
}

#[test]
fn what_is_not_there_and_what_is_not_the_callers_are_told_alike() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (_, ids) = submit(&server, "TRK001", &[order("A-1")]);
    let unknown = ids[0].replace("-00000001", "-00000002");
    let unknown = if unknown == ids[0] {
        ids[0][..35].to_owned() + "2"
    } else {
        unknown
    };
    for (method, rest) in [
        ("GET", ""),
        ("GET", "/history"),
        ("POST", "/process"),
        ("POST", "/cancel"),
    ] {
        let ask = |id: &str, key: &str| {
            let target = format!("/v1/orders/{id}{rest}");
            refused(&server.send(&request(method, &target, key)), 404).replace(id, "it")
        };
        let others = ask(&ids[0], "other");
        assert_eq!(others, ask(&unknown, "other"), "{method} {rest}");
        assert_eq!(others, ask("nonsense", "full"), "{method} {rest}");
    }
    assert_eq!(
        get(&server, &format!("/v1/orders/{}", ids[0]))["state"],
        "pending"
    );
}

#[test]
fn a_move_that_cannot_be_is_a_conflict_that_tells_the_state() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (_, ids) = submit(&server, "TRK001", &[order("A-1"), order("A-2")]);
    let moved = move_one(&server, &ids[0], "process");
    let expected = json!({"order_id": ids[0], "outcome": "processed", "state": "processed"});
    assert_eq!((moved.status, moved.json()), (200, expected));
    for to in ["process", "cancel"] {
        let detail = refused(&move_one(&server, &ids[0], to), 409);
        assert!(detail.contains("is processed"), "{detail}");
    }
    assert_eq!(move_one(&server, &ids[1], "cancel").status, 200);
    let detail = refused(&move_one(&server, &ids[1], "process"), 409);
    assert!(detail.contains("is cancelled"), "{detail}");
    // The key stays taken.
    let (again, _) = submit(&server, "TRK001", &[order("A-2")]);
    assert_eq!(again.json()["results"][0]["outcome"], "rejected");
    drop(server);
    let report = stored::check(data.path());
    assert_eq!((report.faults, report.events), (Vec::new(), 6));
}

#[test]
fn many_orders_are_moved_each_by_itself() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (_, here) = submit(&server, "TRK001", &[order("A-1"), order("A-2")]);
    let (_, there) = submit(&server, "TRK002", &[order("A-1")]);
    let ids = [&here[0], &there[0], &here[1], "nonsense"];
    assert_eq!(move_one(&server, &here[1], "cancel").status, 200);
    let moved = move_many(&server, "process", &ids);
    assert_eq!(moved.status, 207);
    let rejected =
        |id: &str, code: &str| json!({"order_id": id, "outcome": "rejected", "code": code});
    let mut results = moved.json()["results"].clone();
    for result in results.as_array_mut().unwrap() {
        if result["outcome"] == "rejected" {
            let message = result.as_object_mut().unwrap().remove("message");
            assert!(message.unwrap().as_str().unwrap().starts_with("the order "));
        }
    }
    let mut cancelled = rejected(&here[1], "already_cancelled");
    cancelled["state"] = "cancelled".into();
    let processed =
        |id: &str| json!({"order_id": id, "outcome": "processed", "state": "processed"});
    let expected = json!([
        processed(&here[0]),
        processed(&there[0]),
        cancelled,
        rejected("nonsense", "unknown_order"),
    ]);
    assert_eq!(results, expected);
    assert_eq!(move_many(&server, "cancel", &ids).status, 422);
    // An order of another organisation is reported as unknown.
    let (_, more) = submit(&server, "TRK001", &[order("A-3")]);
    let body = json!({"ids": more}).to_string();
    let others = request("POST", "/v1/orders/process", "other").body(body.clone());
    let others = server.send(&others);
    assert_eq!(others.status, 422);
    assert_eq!(others.json()["results"][0]["code"], "unknown_order");
    let own = server.send(&request("POST", "/v1/orders/process", "one").body(body));
    assert_eq!(own.status, 200);
}

#[test]
fn a_list_of_ids_is_read_strictly() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let post = |body: String| {
        let request = request("POST", "/v1/orders/process", "full");
        server.send(&request.body(body))
    };
    for (body, status) in [
        ("{}".to_owned(), 422),
        (json!({"ids": []}).to_string(), 422),
        (json!({"ids": "A"}).to_string(), 422),
        (json!({"ids": [1]}).to_string(), 422),
        ("[]".to_owned(), 400),
        ("{".to_owned(), 400),
        (String::new(), 400),
        (json!({"ids": vec!["x"; 10_001]}).to_string(), 413),
    ] {
        refused(&post(body), status);
    }
    assert_eq!(
        post(json!({"ids": vec!["x"; 10_000]}).to_string()).status,
        422
    );
    let odd = request("POST", "/v1/orders/process?x=1", "full").body("{}");
    refused(&server.send(&odd), 400);
}

#[test]
fn a_move_is_made_once_under_an_idempotency_key_and_a_refused_one_is_not_kept() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let draft = json!({"createOnly": true, "address": {"email": "eva@example.com", "country": "SE"},
        "products": [{"sku": "A1", "qty": 1}]});
    let created = Request::new("POST", "/centra/TRK001/order")
        .header("api-authorization", secret_of("full"))
        .body(draft.to_string());
    let created = server.send(&created);
    let id = order_id(&created, 0);
    let process = || {
        let target = format!("/v1/orders/{id}/process");
        server.send(&request("POST", &target, "full").header("idempotency-key", "once"))
    };
    let detail = refused(&process(), 409);
    assert!(detail.contains("is draft"), "{detail}");
    let complete = Request::new("POST", "/centra/TRK001/order/1")
        .header("api-authorization", secret_of("full"));
    let complete = complete.body(r#"{"payment":{"auth":{"status":1,"amount":10}}}"#);
    assert_eq!(server.send(&complete).status, 200);
    // The refusal left nothing behind, so the request now runs.
    let done = process();
    assert_eq!(
        (done.status, done.header("idempotent-replayed")),
        (200, None)
    );
    let again = process();
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!((again.status, again.text()), (200, done.text()));
}

#[test]
fn the_dialects_see_what_was_moved() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let secret = secret_of("full");
    let reevoo = |content: &str| {
        let body = format!(
            r#"{{"trkref":"TRK001","order_ref":"A-1","order_date":"25-09-2021","customer":{{"email":"{content}@example.com"}},"order_items":[{{"sku":"S-1"}}]}}"#
        );
        let request = Request::new("POST", "/v4/organisations/TRK001/customer_order");
        server.send(&request.header("authorization", basic("full")).body(body))
    };
    let id = order_id(&reevoo("ann"), 0);
    assert_eq!(move_one(&server, &id, "process").status, 200);
    let told = reevoo("bob");
    assert!(
        told.text().contains("order_ref has already been processed"),
        "{}",
        told.text()
    );
    assert_eq!(
        get(&server, &format!("/v1/orders/{id}"))["dialect"],
        "reevoo"
    );

    let centra = |method: &str, path: &str, body: &str| {
        let request = Request::new(method, path).header("api-authorization", &secret);
        server.send(&request.body(body))
    };
    let order = r#"{"address":{"email":"eva@example.com","country":"SE"},"products":[{"sku":"A1","qty":1}]}"#;
    let created = centra("POST", "/centra/TRK001/order", order);
    let id = order_id(&created, 0);
    assert_eq!(get(&server, &format!("/v1/orders/{id}"))["number"], 1);
    let status =
        || centra("GET", "/centra/TRK001/orders", "").json()["orders"][0]["orderStatus"].clone();
    assert_eq!(status(), "pending");
    assert_eq!(move_one(&server, &id, "process").status, 200);
    assert_eq!(status(), "processing");

    let gosweetspot = |method: &str, target: &str, body: &str| {
        let request = Request::new(method, target).header("access_key", &secret);
        server.send(&request.header("site_id", "TRK001").body(body))
    };
    let order = r#"[{"packingslipno":"A-1","consignee":"Ann"}]"#;
    let put = gosweetspot("PUT", "/api/customerorders", order);
    let id = order_id(&put, 0);
    assert_eq!(move_one(&server, &id, "process").status, 200);
    let again = gosweetspot("PUT", "/api/customerorders", &order.replace("Ann", "Bob"));
    assert!(
        again.text().contains("already processed"),
        "{}",
        again.text()
    );
    let read = gosweetspot("GET", "/api/customerorders?packingslipno=A-1", "");
    assert!(
        read.text().contains(r#""Status":"PROCESSED""#),
        "{}",
        read.text()
    );
    // An order that a vendor's client deletes is cancelled for everybody.
    let put = gosweetspot("PUT", "/api/customerorders", &order.replace("A-1", "A-2"));
    let id = order_id(&put, 0);
    gosweetspot("DELETE", "/api/customerorders?packingslipno=A-2", "");
    let detail = refused(&move_one(&server, &id, "process"), 409);
    assert!(detail.contains("is cancelled"), "{detail}");
}
