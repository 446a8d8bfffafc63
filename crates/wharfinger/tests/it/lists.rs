//! Lists of orders through the native API.

use serde_json::{Value, json};

use crate::support::client::Request;
use crate::support::fixture::{self, secret_of};
use crate::support::server::Server;
use crate::support::v1::{get, order, order_id, request, submit};

/// Organisation and key of the orders on all pages of a list, in order.
fn keys(server: &Server, filters: &str) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(server, &format!("/v1/orders?limit=2&{filters}{after}"));
        for order in page["data"].as_array().unwrap() {
            let part = |name: &str| order[name].as_str().unwrap().to_owned();
            found.push(format!("{} {}", part("organisation"), part("key")));
        }
        match page["next"].as_str() {
            None => return found,
            Some(next) => after = format!("&after={next}"),
        }
    }
}

/// Creates orders in two organisations, two dialects and all states but one, for three customers.
fn fill(server: &Server) -> Vec<String> {
    let by = |key: &str, address: &str| {
        let mut order = order(key);
        order["customer"] = json!({"email": address});
        order
    };
    let sent = [
        by("A-1", "ann@example.com"),
        by("A-2", "bob@example.com"),
        by("A-3", "ann@example.com"),
    ];
    let (_, mut ids) = submit(server, "TRK001", &sent);
    let (_, there) = submit(
        server,
        "TRK002",
        &[by("A-1", "ann@example.com"), order("B-1")],
    );
    ids.extend(there);
    let centra = json!({"createOnly": true, "address": {"email": "Ann@example.com", "country": "SE"},
        "products": [{"sku": "A1", "qty": 1}]});
    let created =
        Request::new("POST", "/centra/TRK001/order").header("api-authorization", secret_of("full"));
    ids.push(order_id(&server.send(&created.body(centra.to_string())), 0));
    for (id, to) in [(&ids[1], "process"), (&ids[4], "cancel")] {
        let target = format!("/v1/orders/{id}/{to}");
        assert_eq!(server.send(&request("POST", &target, "full")).status, 200);
    }
    ids
}

#[test]
fn orders_are_listed_by_filters_in_pages() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let ids = fill(&server);
    let batch = &get(&server, &format!("/v1/orders/{}", ids[0]))["batch_id"];
    let batch = format!("batch={}", batch.as_str().unwrap());
    let all = [
        "TRK001 A-1",
        "TRK001 A-2",
        "TRK001 A-3",
        "TRK001 1",
        "TRK002 A-1",
        "TRK002 B-1",
    ];
    let at = |places: &[usize]| {
        places
            .iter()
            .map(|&at| all[at].to_owned())
            .collect::<Vec<_>>()
    };
    for (filters, expected) in [
        ("", at(&[0, 1, 2, 3, 4, 5])),
        ("organisation=TRK002", at(&[4, 5])),
        ("state=draft", at(&[3])),
        ("state=pending", at(&[0, 2, 4])),
        ("state=processed", at(&[1])),
        ("state=cancelled", at(&[5])),
        ("dialect=centra", at(&[3])),
        ("dialect=reevoo", at(&[])),
        ("dialect=native&organisation=TRK001", at(&[0, 1, 2])),
        ("key=A-1", at(&[0, 4])),
        ("key=A-1&organisation=TRK002", at(&[4])),
        ("number=1", at(&[3])),
        ("number=2", at(&[])),
        ("email=ANN@example.com", at(&[0, 2, 3, 4])),
        ("email=ann@example.com&state=draft", at(&[3])),
        ("email=nobody@example.com", at(&[])),
        (batch.as_str(), at(&[0, 1, 2])),
        ("created_before=2020-01-01T00:00:00Z", at(&[])),
        (
            "created_after=2020-01-01T00:00:00Z",
            at(&[0, 1, 2, 3, 4, 5]),
        ),
        // Ordered by last change.
        (
            "updated_after=2020-01-01T00:00:00Z",
            at(&[0, 2, 3, 1, 4, 5]),
        ),
        ("updated_after=2200-01-01T00:00:00Z", at(&[])),
    ] {
        assert_eq!(keys(&server, filters), expected, "{filters}");
    }
    let own = server.send(&request("GET", "/v1/orders", "other")).json();
    assert_eq!(own["data"].as_array().unwrap().len(), 2);
    assert_eq!(own["next"], Value::Null);
    let one = get(&server, &format!("/v1/orders/{}", ids[2]));
    assert_eq!(get(&server, "/v1/orders?key=A-3")["data"], json!([one]));
}

#[test]
fn what_a_list_does_not_take_is_400() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    fill(&server);
    let next = |filters: &str| {
        let page = get(&server, &format!("/v1/orders?limit=1&{filters}"));
        page["next"].as_str().unwrap().to_owned()
    };
    let by_change = next("updated_after=2020-01-01T00:00:00Z");
    let by_creation = next("");
    for wrong in [
        "colour=red",
        "limit=0",
        "limit=1001",
        "limit=1&limit=2",
        "state=lost",
        "dialect=x",
        "number=x",
        "number=0",
        "number=9007199254740992",
        "batch=x",
        "created_after=yesterday",
        "organisation=NEVER",
        "organisation=OFF002",
        "after=x",
        &format!("after={by_change}"),
        &format!("updated_after=2020-01-01T00:00:00Z&after={by_creation}"),
    ] {
        let response = server.send(&request("GET", &format!("/v1/orders?{wrong}"), "full"));
        assert_eq!(response.status, 400, "{wrong}: {}", response.text());
    }
    let others = request("GET", "/v1/orders?organisation=TRK001", "other");
    assert_eq!(server.send(&others).status, 400);
}

#[test]
fn a_cursor_outlives_the_server_and_what_is_added_is_behind_it() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    fill(&server);
    let first = get(&server, "/v1/orders?limit=4&organisation=TRK001");
    assert_eq!(first["next"], Value::Null);
    let page = get(&server, "/v1/orders?limit=3&organisation=TRK001");
    let next = page["next"].as_str().unwrap().to_owned();
    drop(server);
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[order("A-4")]);
    let rest = format!("organisation=TRK001&after={next}");
    assert_eq!(keys(&server, &rest), ["TRK001 1", "TRK001 A-4"]);
}
