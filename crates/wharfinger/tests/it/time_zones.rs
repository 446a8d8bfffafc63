//! An organisation's time zone and list order, set by command and over HTTP, on both stores. Used by a dialect whose dates have
//! no offsets.

use serde_json::{Value, json};

use crate::support::client::{Request, Response};
use crate::support::fixture::{self, DataDirectory, secret_of};
use crate::support::server::{Server, run};
use crate::support::v1::order_id;

fn shop(method: &str, target: &str) -> Request {
    let target = format!("/centra/TRK001/{target}");
    Request::new(method, &target).header("api-authorization", secret_of("full"))
}

/// A key that may do everything.
fn chief(data: &DataDirectory) -> String {
    let scopes = ["orders:read", "admin"].map(|scope| ["--scope", scope]);
    let create = ["key", "create", "--all-orgs", "--json"];
    let output = run(data.path(), &[&create[..], &scopes.concat()].concat());
    let key: Value = serde_json::from_slice(&output.stdout).expect("a key is printed");
    format!("Bearer {}", key["secret"].as_str().unwrap())
}

fn ask(server: &Server, key: &str, method: &str, target: &str, body: &Value) -> Response {
    let request = Request::new(method, target).header("authorization", key);
    server.send(&request.body(body.to_string()))
}

fn dates(server: &Server, query: &str) -> Vec<String> {
    let answer = server.send(&shop("GET", &format!("orders?{query}")));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let orders = answer.json();
    let orders = orders["orders"].as_array().unwrap().iter();
    orders
        .map(|order| order["orderDate"].as_str().unwrap().to_owned())
        .collect()
}

fn create(server: &Server, more: &Value) {
    let mut order = json!({
        "address": {"email": "eva@example.com", "country": "SE"},
        "products": [{"sku": "A1", "qty": 1}],
    });
    let more = more.as_object().unwrap().clone();
    order.as_object_mut().unwrap().extend(more);
    let answer = server.send(&shop("POST", "order").body(order.to_string()));
    assert_eq!(answer.json()["status"], "ok", "{}", answer.text());
}

#[test]
fn dates_follow_the_time_zone_that_a_command_sets() {
    let data = fixture::data_directory();
    let set = |zone: &str| {
        run(
            data.path(),
            &["org", "set", "TRK001", "--time-zone", zone, "--json"],
        )
    };
    let unknown = set("Europe/Nowhere");
    assert!(!unknown.status.success());
    let told = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(told.contains("IANA time zone"), "{told}");

    let server = Server::start(data.path());
    create(&server, &json!({}));
    let in_utc = dates(&server, "");
    drop(server);
    let output = set("asia/tokyo");
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["time_zone"], "Asia/Tokyo");
    let listed = run(data.path(), &["org", "list"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("Asia/Tokyo"));

    // Tokyo is nine hours ahead all year.
    let server = Server::start(data.path());
    let in_tokyo = dates(&server, "");
    let [utc, tokyo] =
        [&in_utc[0], &in_tokyo[0]].map(|date| date.parse::<jiff::civil::DateTime>().unwrap());
    assert_eq!(tokyo, utc + jiff::SignedDuration::from_hours(9));
    // A client that polls with its local time gets what is new, and nothing newer.
    let at = |date: &str| date.replace(' ', "+");
    let found = dates(&server, &format!("newer_than={}", at(&in_tokyo[0])));
    assert_eq!(found, in_tokyo);
    let found = dates(&server, &format!("older_than={}", at(&in_tokyo[0])));
    assert_eq!(found, in_tokyo);
    let found = dates(&server, &format!("older_than={}", at(&in_utc[0])));
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_time_zone_and_a_sort_are_set_over_http_and_written_to_the_audit_log() {
    let data = fixture::data_directory();
    let key = chief(&data);
    let server = Server::start(data.path());
    let path = "/v1/organisations/TRK001";
    for (wrong, code) in [
        (json!({"time_zone": "Mars/Olympus"}), "not_of_form"),
        (json!({"time_zone": 1}), "not_of_form"),
        (json!({"list_sort": "up"}), "not_one_of"),
    ] {
        let answer = ask(&server, &key, "PATCH", path, &wrong);
        assert_eq!(answer.status, 422, "{}", answer.text());
        assert_eq!(answer.json()["errors"][0]["code"], code);
    }
    let change = json!({"time_zone": "Europe/Stockholm", "list_sort": "asc"});
    let changed = ask(&server, &key, "PATCH", path, &change);
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(changed.json()["time_zone"], "Europe/Stockholm");
    assert_eq!(changed.json()["list_sort"], "asc");
    let audit = ask(&server, &key, "GET", "/v1/audit?limit=1", &Value::Null).json();
    assert_eq!(audit["data"][0]["details"], change, "{audit}");

    create(&server, &json!({"orderDate": "2026-07-15T12:00:00Z"}));
    create(&server, &json!({"orderDate": "2026-01-15T12:00:00Z"}));
    let [summer, winter] = ["2026-07-15 14:00:00", "2026-01-15 13:00:00"];
    assert_eq!(dates(&server, ""), [summer, winter]);
    assert_eq!(dates(&server, "sort=desc"), [winter, summer]);
    let orders = ask(
        &server,
        &key,
        "GET",
        "/v1/orders?organisation=TRK001&limit=1",
        &Value::Null,
    );
    assert_eq!(
        orders.json()["data"][0]["placed_at"],
        "2026-07-15T12:00:00Z"
    );
}

#[test]
fn dialects_with_times_in_utc_or_days_alone_pass_the_time_zone_over() {
    let data = fixture::data_directory();
    let set = ["org", "set", "TRK001", "--time-zone", "Pacific/Auckland"];
    assert!(run(data.path(), &set).status.success());
    let server = Server::start(data.path());
    let site = |method: &str, target: &str| {
        Request::new(method, target).header("access_key", secret_of("one"))
    };
    let bearer = format!("Bearer {}", secret_of("one"));
    let native =
        |method: &str, target: &str| Request::new(method, target).header("authorization", &*bearer);
    let put =
        site("PUT", "/api/customerorders").body(r#"[{"packingslipno":"A-1","consignee":"Ana"}]"#);
    let put = server.send(&put);
    let report = r#"{"status":"PICKED","picked_at":"2026-07-15T12:00:00Z"}"#;
    let target = format!("/v1/orders/{}/fulfilment", order_id(&put, 0));
    assert_eq!(
        server.send(&native("PUT", &target).body(report)).status,
        200
    );

    // Auckland is twelve hours ahead, or thirteen.
    let now = jiff::Timestamp::now();
    let at = |hours| (now + jiff::SignedDuration::from_hours(hours)).strftime("%Y-%m-%dT%H:%M:%S");
    for (query, found) in [
        (format!("createdfrom={}&createdto={}", at(-1), at(1)), 1),
        (format!("createdfrom={}", at(1)), 0),
        (format!("createdto={}", at(-1)), 0),
    ] {
        let page = server
            .send(&site("GET", &format!("/api/customerorders?{query}")))
            .json();
        let results = page["Results"].as_array().unwrap();
        assert_eq!(results.len(), found, "{query}");
        for order in results {
            assert_eq!(order["status"]["Picked"], "2026-07-15T12:00:00Z");
        }
    }

    let reviewed = r#"[{"trkref":"TRK001","order_ref":"B-1","order_date":"25-09-2021","fulfilment_date":"31-12-2021",
        "customer":{"email":"a@b.com"},"order_items":[{"sku":"S"}]}]"#;
    let send =
        Request::new("POST", "/v4/customer_orders").header("authorization", fixture::basic("one"));
    let sent = server.send(&send.body(reviewed));
    assert_eq!(sent.status, 202, "{}", sent.text());
    let order = server
        .send(&native(
            "GET",
            &format!("/v1/orders/{}", order_id(&sent, 0)),
        ))
        .json();
    assert_eq!(order["placed_at"], "2021-09-25");
    assert_eq!(order["fulfilled_at"], "2021-12-31");
}

#[test]
fn a_slash_at_the_end_is_the_same_route_in_every_dialect() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    create(&server, &json!({}));
    let plain = server.send(&shop("GET", "orders"));
    let slash = server.send(&shop("GET", "orders/"));
    assert_eq!((slash.status, slash.text()), (200, plain.text()));
    let bearer = format!("Bearer {}", secret_of("full"));
    for target in ["/v1/orders/", "/v1/batches/?limit=1"] {
        let answer = server.send(&Request::new("GET", target).header("authorization", &*bearer));
        assert_eq!(answer.status, 200, "{target}");
    }
    // Every route is recognised by its path alone, so that a key is required.
    for (method, path, _) in wharfinger::http::dialect_routes() {
        let target = format!("{}/", path.replace(['{', '}'], ""));
        let answer = server.send(&Request::new(method, &target));
        assert_eq!(answer.status, 401, "{method} {target}");
    }
    let other = server.send(&shop("GET", "orders//"));
    assert_eq!(other.status, 404);
}
