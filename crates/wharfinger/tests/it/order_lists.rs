//! Lists of orders for people: the newest first, totals, the beginning of a key, and dates alone.

use serde_json::{Value, json};

use crate::support::client::{Request, Response};
use crate::support::fixture::{self, secret_of};
use crate::support::server::Server;
use crate::support::v1::{get, order, request, submit};

/// Organisation and key of the orders on a page.
fn told(page: &Value) -> Vec<String> {
    let orders = page["data"].as_array().expect("a page has data");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let orders = orders.iter();
    orders
        .map(|order| format!("{} {}", text(&order["organisation"]), text(&order["key"])))
        .collect()
}

/// Asks with a key for a page.
fn ask(server: &Server, key: &str, filters: &str) -> Response {
    server.send(&request("GET", &format!("/v1/orders?{filters}"), key))
}

/// The orders on all pages of a list, read with a key.
fn all(server: &Server, key: &str, filters: &str) -> Vec<String> {
    all_after(server, key, filters, None)
}

/// The orders on the pages of a list from this one on.
fn all_after(server: &Server, key: &str, filters: &str, next: Option<&str>) -> Vec<String> {
    let of = |next: &str| format!("&after={next}");
    let (mut found, mut after) = (Vec::new(), next.map(of).unwrap_or_default());
    loop {
        let answer = ask(server, key, &format!("limit=2&{filters}{after}"));
        assert_eq!(answer.status, 200, "{filters}: {}", answer.text());
        let page = answer.json();
        found.extend(told(&page));
        match page["next"].as_str() {
            None => return found,
            Some(next) => after = of(next),
        }
    }
}

/// Sends one order after the other, each in a batch of its own.
fn send(server: &Server, orders: &[(&str, &str)]) -> Vec<String> {
    let send = |(organisation, key): &(&str, &str)| {
        let (_, ids) = submit(server, organisation, &[order(key)]);
        ids[0].clone()
    };
    orders.iter().map(send).collect()
}

const SENT: [(&str, &str); 6] = [
    ("TRK001", "A-1"),
    ("TRK002", "B-1"),
    ("TRK001", "A-2"),
    ("TRK002", "B-2"),
    ("TRK001", "A-10"),
    ("TRK001", "C-1"),
];

#[test]
fn the_newest_orders_come_first_across_organisations() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let ids = send(&server, &SENT);
    let create = Request::new("POST", "/centra/TRK001/order");
    let centra = json!({"createOnly": true, "address": {"email": "Ann@example.com", "country": "SE"},
        "products": [{"sku": "A1", "qty": 1}]});
    let create = create.header("api-authorization", secret_of("full"));
    let made = server.send(&create.body(centra.to_string()));
    assert_eq!(made.status, 200, "{}", made.text());
    let cancel = format!("/v1/orders/{}/cancel", ids[1]);
    assert_eq!(server.send(&request("POST", &cancel, "full")).status, 200);
    let newest = [
        "TRK001 1",
        "TRK001 C-1",
        "TRK001 A-10",
        "TRK002 B-2",
        "TRK001 A-2",
        "TRK002 B-1",
        "TRK001 A-1",
    ];
    let at = |places: &[usize]| Vec::from_iter(places.iter().map(|&at| newest[at].to_owned()));
    for (filters, expected) in [
        ("", at(&[0, 1, 2, 3, 4, 5, 6])),
        ("organisation=TRK002", at(&[3, 5])),
        ("state=pending", at(&[1, 2, 3, 4, 6])),
        ("state=cancelled", at(&[5])),
        ("state=draft&dialect=centra", at(&[0])),
        ("dialect=native&organisation=TRK001", at(&[1, 2, 4, 6])),
        ("dialect=reevoo", at(&[])),
        ("created_before=2020-01-01", at(&[])),
        ("created_after=2020-01-01", at(&[0, 1, 2, 3, 4, 5, 6])),
        ("created_after=2200-01-01", at(&[])),
    ] {
        let filters = format!("order=newest&{filters}");
        assert_eq!(all(&server, "full", &filters), expected, "{filters}");
    }
    // Another tenant sees its own.
    assert_eq!(all(&server, "other", "order=newest"), at(&[3, 5]));
    let forms = get(&server, "/v1/orders?order=newest&as=submitted&limit=2");
    assert_eq!(told(&forms), at(&[0, 1]));
    assert_eq!(forms["data"][1]["order"], order("C-1"));
}

#[test]
fn pages_of_the_newest_go_on_over_writes_and_a_kill() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let ids = send(&server, &SENT);
    let first = get(&server, "/v1/orders?order=newest&limit=3");
    assert_eq!(told(&first), ["TRK001 C-1", "TRK001 A-10", "TRK002 B-2"]);
    let next = first["next"].as_str().expect("there are more").to_owned();
    send(&server, &[("TRK001", "N-1"), ("TRK002", "N-2")]);
    // A change does not move an order.
    let process = format!("/v1/orders/{}/process", ids[0]);
    assert_eq!(server.send(&request("POST", &process, "full")).status, 200);
    server.kill();
    let server = Server::start(data.path());
    let rest = all_after(&server, "full", "order=newest", Some(&next));
    assert_eq!(rest, ["TRK001 A-2", "TRK002 B-1", "TRK001 A-1"]);
    let first = get(&server, "/v1/orders?order=newest&limit=2");
    assert_eq!(told(&first), ["TRK002 N-2", "TRK001 N-1"]);
}

#[test]
fn a_list_tells_its_total_where_counters_have_it() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let ids = send(&server, &SENT);
    let process = format!("/v1/orders/{}/process", ids[0]);
    assert_eq!(server.send(&request("POST", &process, "full")).status, 200);
    for (filters, expected) in [
        ("total=true", json!(6)),
        ("total=true&order=newest", json!(6)),
        ("total=true&organisation=TRK002&order=newest", json!(2)),
        ("total=true&state=pending", json!(5)),
        ("total=true&state=cancelled", json!(0)),
        ("total=true&dialect=native&state=processed", json!(1)),
        ("total=true&dialect=reevoo", json!(0)),
        ("total=true&as=submitted", json!(6)),
        ("total=true&created_after=2020-01-01", Value::Null),
        ("total=true&key_prefix=A", Value::Null),
        ("total=true&email=ann@example.com", Value::Null),
        ("total=false", Value::Null),
        ("", Value::Null),
    ] {
        let page = get(&server, &format!("/v1/orders?limit=1&{filters}"));
        assert_eq!(page["total"], expected, "{filters}");
    }
    let other = ask(&server, "other", "total=true&limit=1").json();
    assert_eq!(other["total"], 2);
}

#[test]
fn orders_are_found_by_the_beginning_of_their_keys() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let ids = send(&server, &SENT);
    let process = format!("/v1/orders/{}/process", ids[2]);
    assert_eq!(server.send(&request("POST", &process, "full")).status, 200);
    for (filters, expected) in [
        (
            "key_prefix=A-",
            &["TRK001 A-1", "TRK001 A-10", "TRK001 A-2"][..],
        ),
        ("key_prefix=A-1", &["TRK001 A-1", "TRK001 A-10"]),
        ("key_prefix=A-1&organisation=TRK002", &[]),
        ("key_prefix=B&dialect=native", &["TRK002 B-1", "TRK002 B-2"]),
        ("key_prefix=B&dialect=reevoo", &[]),
        ("key_prefix=A-&state=processed", &["TRK001 A-2"]),
        ("key_prefix=A-&key=A-10", &["TRK001 A-10"]),
        ("key_prefix=B&key=A-10", &[]),
        ("key_prefix=a", &[]),
        ("key_prefix=C-1&created_after=2020-01-01", &["TRK001 C-1"]),
        ("key_prefix=C-1&updated_after=2200-01-01", &[]),
    ] {
        assert_eq!(all(&server, "full", filters), expected, "{filters}");
    }
    assert_eq!(all(&server, "other", "key_prefix=A"), [""; 0]);
    // A cursor is of the key: what is added behind it follows.
    let page = get(&server, "/v1/orders?key_prefix=A-&limit=2");
    let next = page["next"].as_str().expect("there is more").to_owned();
    send(&server, &[("TRK001", "A-0"), ("TRK001", "A-3")]);
    server.kill();
    let server = Server::start(data.path());
    let rest = all(&server, "full", &format!("key_prefix=A-&after={next}"));
    assert_eq!(rest, ["TRK001 A-2", "TRK001 A-3"]);
}

#[test]
fn a_date_is_its_first_moment_in_utc() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let ids = send(&server, &SENT[..1]);
    let shown = get(&server, &format!("/v1/orders/{}", ids[0]));
    let day = &shown["created_at"].as_str().unwrap()[..10];
    for (filter, expected) in [
        (format!("created_after={day}"), 1),
        (format!("created_before={day}"), 0),
        (format!("updated_after={day}"), 1),
        ("created_before=2200-01-01".to_owned(), 1),
    ] {
        assert_eq!(all(&server, "full", &filter).len(), expected, "{filter}");
        let moment = format!("{filter}T00:00:00Z");
        assert_eq!(all(&server, "full", &moment).len(), expected, "{moment}");
    }
    let receipts = get(&server, &format!("/v1/batches?received_after={day}"));
    assert_eq!(receipts["data"].as_array().unwrap().len(), 1);
}

#[test]
fn what_such_a_list_does_not_take_is_400() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    send(&server, &SENT);
    let next = |filters: &str| {
        let page = get(&server, &format!("/v1/orders?limit=1&{filters}"));
        page["next"].as_str().unwrap().to_owned()
    };
    let (newest, by_key, plain) = (next("order=newest"), next("key_prefix=A"), next(""));
    let long = "k".repeat(256);
    for wrong in [
        "order=oldest",
        "total=yes",
        "key_prefix=",
        &format!("key_prefix={long}"),
        "created_after=2026-13-01",
        "created_after=2026-11-21T09:30",
        "created_after=20261121",
        "order=newest&key=A-1",
        "order=newest&key_prefix=A",
        "order=newest&number=1",
        "order=newest&email=ann@example.com",
        "order=newest&updated_after=2020-01-01",
        &format!("after={newest}"),
        &format!("order=newest&after={plain}"),
        &format!("order=newest&after={by_key}"),
        &format!("key_prefix=A&after={newest}"),
        &format!("key_prefix=A&after={plain}"),
    ] {
        let answer = ask(&server, "full", wrong);
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
    }
    let told = ask(&server, "full", "order=newest&email=ann@example.com");
    let detail = told.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains("email") && detail.contains("leave one"),
        "{detail}"
    );
}
