//! Orders that are split by warehouse, back-ordered, or attached to customers, and where that is shown.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::case::ENFORCED;
use crate::support::client::{Connection, Request, Response};
use crate::support::fixture::{self, secret_of};
use crate::support::server::{Server, load_products, run};
use crate::support::{stored, v1};

fn post(server: &Server, target: &str, body: &Value) -> Response {
    server.send(&create(target, body))
}

fn create(target: &str, body: &Value) -> Request {
    let target = format!("/centra/{ENFORCED}/{target}");
    Request::new("POST", &target)
        .header("api-authorization", secret_of("shop"))
        .body(body.to_string())
}

fn get(server: &Server, target: &str) -> Value {
    let answer = server.send(&v1::request("GET", target, "shop"));
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    answer.json()
}

/// The only order with this number.
fn order(server: &Server, number: u64) -> Value {
    let found = get(
        server,
        &format!("/v1/orders?organisation={ENFORCED}&number={number}"),
    );
    assert_eq!(found["data"].as_array().unwrap().len(), 1, "{number}");
    found["data"][0].clone()
}

fn two_warehouses(email: &str) -> Value {
    json!({
        "address": {"email": email, "country": "SE"},
        "products": [{"sku": "KETTLE", "qty": 1}, {"sku": "LAMP", "qty": 2}],
        "shippingValue": 5,
    })
}

fn stock(data: &std::path::Path, sku: &str) -> u64 {
    let output = run(
        data,
        &[
            "products", "show", "--org", ENFORCED, "--sku", sku, "--json",
        ],
    );
    let product: Value = serde_json::from_slice(&output.stdout).unwrap();
    product["stock"].as_u64().unwrap()
}

#[test]
fn parts_share_an_origin_and_a_text_and_are_one_outcome() {
    let data = fixture::data_directory_with_catalogue();
    let server = Server::start(data.path());
    let answer = post(&server, "order", &two_warehouses("eva@example.com"));
    assert_eq!(answer.json(), json!({"status": "ok", "orders": [1, 2]}));

    let [first, second] = [1, 2].map(|number| order(&server, number));
    assert_eq!(first["admission"]["origin"], first["id"]);
    assert_eq!(second["admission"]["origin"], first["id"]);
    assert_eq!(first["admission"]["orders"], json!([1, 2]));
    assert_eq!(second["admission"]["orders"], Value::Null);
    assert_eq!(
        first["lines"],
        json!([{"quantity": 1, "sku": "KETTLE", "unit_price": "9.90"}])
    );
    assert_eq!(
        second["lines"],
        json!([{"quantity": 2, "sku": "LAMP", "unit_price": "24.50"}])
    );
    assert_eq!(first["shipping_price"], "5");
    assert_eq!(second["shipping_price"], Value::Null);
    let submitted = [&first, &second].map(|order| {
        let id = order["id"].as_str().unwrap();
        get(&server, &format!("/v1/orders/{id}?as=submitted"))
    });
    assert_eq!(submitted[0], two_warehouses("eva@example.com"));
    assert_eq!(submitted[1], submitted[0]);

    let events = get(&server, "/v1/events");
    let told: Vec<_> = events["data"].as_array().unwrap().iter().collect();
    let kinds: Vec<_> = told.iter().map(|event| &event["type"]).collect();
    assert_eq!(
        kinds,
        ["batch.received", "order.accepted", "order.accepted"]
    );
    assert_eq!(told[1]["order_id"], first["id"]);
    assert_eq!(told[1]["origin"], Value::Null);
    assert_eq!(told[2]["order_id"], second["id"]);
    assert_eq!(told[2]["origin"], first["id"]);

    let batch = v1::batch_id(&answer);
    let receipt = get(&server, &format!("/v1/batches/{batch}"));
    assert_eq!(
        (&receipt["received"], &receipt["accepted"]),
        (&json!(1), &json!(1))
    );
    let results = get(&server, &format!("/v1/batches/{batch}/results"));
    let results = results["data"].as_array().unwrap();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0]["orders"], json!([1, 2]));
    assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
}

#[test]
fn parts_live_lives_of_their_own() {
    let data = fixture::data_directory_with_catalogue();
    let server = Server::start(data.path());
    post(&server, "order", &two_warehouses("eva@example.com"));
    let [first, second] = [1, 2].map(|number| order(&server, number)["id"].clone());
    let move_to = |id: &Value, verb: &str| {
        let target = format!("/v1/orders/{}/{verb}", id.as_str().unwrap());
        server.send(&v1::request("POST", &target, "shop")).status
    };
    assert_eq!(move_to(&first, "process"), 200);
    assert_eq!(move_to(&second, "cancel"), 200);
    assert_eq!(
        (stock(data.path(), "KETTLE"), stock(data.path(), "LAMP")),
        (9, 5)
    );
    assert_eq!(order(&server, 1)["state"], "processed");
    assert_eq!(order(&server, 2)["state"], "cancelled");
    // A sub-order is also found by the customer's address, and completed by its own number.
    let found = get(
        &server,
        &format!("/v1/orders?organisation={ENFORCED}&email=eva@example.com"),
    );
    assert_eq!(found["data"].as_array().unwrap().len(), 2);
    let completed = post(&server, "order/1", &json!({"poNumber": "P-1"}));
    assert_eq!(
        completed.json(),
        json!({"status": "ok", "orders": ["1", "2"]})
    );
    let again = post(&server, "order/2", &json!({}));
    assert_eq!(again.json()["code"], -7, "it is cancelled");
    drop(server);
    let purged = stored::look(data.path(), async |store| {
        store.purge(i64::MAX).await.unwrap()
    });
    assert_eq!(
        purged.organisations.iter().map(|of| of.orders).sum::<u64>(),
        2
    );
    assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
    assert_eq!(
        (stock(data.path(), "KETTLE"), stock(data.path(), "LAMP")),
        (9, 5)
    );
}

#[test]
fn what_is_sent_again_under_a_key_is_split_once() {
    let data = fixture::data_directory_with_catalogue();
    let server = Server::start(data.path());
    let request = create("order", &two_warehouses("eva@example.com"));
    let request = request.header("idempotency-key", "once");
    let [first, again] = [0, 1].map(|_| server.send(&request).json());
    assert_eq!(first, json!({"status": "ok", "orders": [1, 2]}));
    assert_eq!(again, first);
    assert_eq!(stock(data.path(), "LAMP"), 3);
}

#[test]
fn a_dry_run_says_what_would_come_and_takes_nothing() {
    let data = fixture::data_directory_with_catalogue();
    let server = Server::start(data.path());
    let batch = json!({
        "a": two_warehouses("eva@example.com"),
        "b": two_warehouses("eva@example.com"),
        "c": two_warehouses("eva@example.com"),
    });
    let dry = create("orders", &batch).header("wharfinger-dry-run", "true");
    let told = server.send(&dry).json();
    assert_eq!(told["a"], json!({"status": "ok", "orders": [1, 2]}));
    assert_eq!(told["b"], json!({"status": "ok", "orders": [3, 4]}));
    assert_eq!(told["c"]["code"], -2);
    assert_eq!(
        (stock(data.path(), "KETTLE"), stock(data.path(), "LAMP")),
        (10, 5)
    );
    assert_eq!(
        post(&server, "orders", &batch).json(),
        told,
        "and so it comes"
    );
    assert_eq!(
        (stock(data.path(), "KETTLE"), stock(data.path(), "LAMP")),
        (8, 1)
    );
}

#[test]
fn a_batch_that_is_taken_whole_takes_stock_whole() {
    let data = fixture::data_directory_with_catalogue();
    let server = Server::start(data.path());
    let submit = |orders: &[Value]| {
        let target =
            format!("/v1/batches?dialect=centra&organisation={ENFORCED}&policy=all_or_nothing");
        let request = v1::request("POST", &target, "shop");
        server.send(&request.body(serde_json::to_vec(orders).unwrap()))
    };
    let order = two_warehouses("eva@example.com");
    let refused = submit(&[order.clone(), order.clone(), order.clone()]);
    assert_eq!(refused.status, 422, "{}", refused.text());
    let outcomes = |answer: &Response| {
        let results = answer.json()["results"].as_array().unwrap().clone();
        results
            .iter()
            .map(|result| result["outcome"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(outcomes(&refused), ["withheld", "withheld", "rejected"]);
    assert_eq!(
        refused.json()["results"][2]["errors"][0]["code"],
        "stock_missing"
    );
    assert_eq!(
        (stock(data.path(), "KETTLE"), stock(data.path(), "LAMP")),
        (10, 5)
    );
    let taken = submit(&[order.clone(), order]);
    assert_eq!(
        taken.json()["results"][1]["orders"],
        json!([3, 4]),
        "{}",
        taken.text()
    );
    assert_eq!(stock(data.path(), "LAMP"), 1);
    assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
}

#[test]
fn a_product_that_has_gone_inactive_is_back_ordered_when_a_draft_is_placed() {
    let data = fixture::data_directory_with_catalogue();
    let server = Server::start(data.path());
    let mut draft = two_warehouses("eva@example.com");
    draft["createOnly"] = true.into();
    assert_eq!(post(&server, "order", &draft).json()["order"], 1);
    assert_eq!(stock(data.path(), "LAMP"), 3);
    load_products(data.path(), "sku,active\nLAMP,false\n");
    let placed = post(&server, "order/1", &json!({}));
    assert_eq!(placed.json(), json!({"status": "ok", "orders": ["1", "2"]}));
    let admitted = |number| order(&server, number)["admission"]["lines"][0].clone();
    assert_eq!(
        (&admitted(1)["back_ordered"], &admitted(1)["taken"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(
        (&admitted(2)["back_ordered"], &admitted(2)["taken"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(stock(data.path(), "LAMP"), 5, "it went back");
    let later = post(&server, "order", &two_warehouses("eva@example.com"));
    assert_eq!(later.json()["code"], -1);
    assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
}

#[test]
fn many_who_register_one_address_at_once_are_one_customer() {
    let data = fixture::data_directory_with_catalogue();
    let server = Server::start(data.path());
    let numbers: BTreeSet<u64> = std::thread::scope(|threads| {
        let client = |at: usize| {
            let mut connection = Connection::open(server.address);
            threads.spawn(move || {
                let email = if at.is_multiple_of(2) {
                    "new@example.com"
                } else {
                    "NEW@example.com"
                };
                let order = json!({
                    "address": {"email": email, "country": "SE"},
                    "customerRegister": true,
                    "products": [{"sku": "PLAIN", "qty": 1}],
                });
                let answer = connection.exchange(&create("order", &order)).unwrap();
                answer.json()["orders"][0].as_u64().unwrap()
            })
        };
        let clients: Vec<_> = (0..32).map(client).collect();
        let answers = clients.into_iter().map(|client| client.join().unwrap());
        answers.collect()
    });
    let customers = numbers.iter().map(|&number| {
        let admission = &order(&server, number)["admission"];
        admission["customer_id"].as_u64().unwrap()
    });
    let customers: BTreeSet<u64> = customers.collect();
    assert_eq!((numbers.len(), customers.len()), (32, 1));
    let target = format!("/centra/{ENFORCED}/orders?limit=100&customer_id=9");
    let found = Request::new("GET", &target).header("api-authorization", secret_of("shop"));
    assert_eq!(
        server.send(&found).json()["orders"]
            .as_array()
            .unwrap()
            .len(),
        32
    );
    let listed = run(
        data.path(),
        &["customers", "list", "--org", ENFORCED, "--json"],
    );
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(listed.matches("new@example.com").count(), 1);
}

#[test]
fn an_order_of_too_many_warehouses_is_turned_down() {
    let data = fixture::data_directory_with_catalogue();
    let lines: String = (0..33).map(|at| format!("P{at},House {at},5\n")).collect();
    load_products(data.path(), &format!("sku,warehouse,stock\n{lines}"));
    let server = Server::start(data.path());
    let of = |count: usize| {
        let products: Vec<_> = (0..count)
            .map(|at| json!({"sku": format!("P{at}"), "qty": 1}))
            .collect();
        json!({"address": {"email": "eva@example.com", "country": "SE"}, "products": products})
    };
    let refused = post(&server, "order", &of(33)).json();
    let told =
        json!({"status": "no", "code": -7, "msg": "products are in more than 32 warehouses"});
    assert_eq!(refused, told);
    assert_eq!(stock(data.path(), "P0"), 5);
    let taken = post(&server, "order", &of(32)).json();
    assert_eq!(taken["orders"].as_array().unwrap().len(), 32);
    assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
}

#[test]
fn an_order_of_very_many_unknown_products_tells_a_thousand_problems() {
    let data = fixture::data_directory_with_catalogue();
    let server = Server::start(data.path());
    let products: Vec<_> = (0..5_000)
        .map(|at| json!({"sku": format!("X{at}"), "qty": 1}))
        .collect();
    let order =
        json!({"address": {"email": "eva@example.com", "country": "SE"}, "products": products});
    for dry in ["true", "false"] {
        let request = create("order", &order).header("wharfinger-dry-run", dry);
        let told = server.send(&request).json();
        assert_eq!(told["code"], -1);
        let problems = told["msg"].as_str().unwrap().split("; ").count();
        assert_eq!(problems, 1_000, "dry run: {dry}");
    }
}

#[test]
fn a_dry_run_of_a_completion_names_the_parts() {
    let data = fixture::data_directory_with_catalogue();
    let server = Server::start(data.path());
    let mut draft = two_warehouses("eva@example.com");
    draft["createOnly"] = true.into();
    post(&server, "order", &draft);
    let complete = create("order/1", &json!({}));
    let dry = complete.clone().header("wharfinger-dry-run", "true");
    for request in [&dry, &dry, &complete, &dry, &complete] {
        let answer = server.send(request);
        assert_eq!(
            answer.json()["orders"],
            json!(["1", "2"]),
            "{}",
            answer.text()
        );
    }
}

#[test]
fn what_comes_back_to_full_shelves_is_not_counted() {
    const MOST: u64 = (1 << 53) - 1;
    let data = fixture::data_directory_with_catalogue();
    let server = Server::start(data.path());
    let load = || load_products(data.path(), &format!("sku,stock\nPLAIN,{MOST}\n"));
    for number in 1..=3 {
        load();
        let mut order = two_warehouses("eva@example.com");
        order["products"] = json!([{"sku": "PLAIN", "qty": MOST}]);
        assert_eq!(
            post(&server, "order", &order).json()["orders"],
            json!([number])
        );
    }
    for number in ["1", "2", "3"] {
        let arguments = [
            "orders",
            "cancel",
            "--org",
            ENFORCED,
            "--dialect",
            "centra",
            number,
        ];
        assert!(run(data.path(), &arguments).status.success());
        assert_eq!(stock(data.path(), "PLAIN"), MOST);
    }
    load();
    assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
}
