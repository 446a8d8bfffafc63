//! Decimals past the digits that are calculated with: taken and told in every dialect, kept as they were sent.

use serde_json::{Value, json};

use super::{header, request};
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::stored::check;
use crate::support::v1::{batch_id, get, order_id};

/// A third of fifty digits.
const THIRD: &str = "0.33333333333333333333333333333333333333333333333333";

/// It, as it is calculated with.
const ROUNDED: &str = "0.33333333333333333333333333333333333333";

/// A dialect's route; an order with `PRICE` for a price; the place of the price; the most decimals that it is calculated with;
/// and what the canonical order has.
const ORDERS: [(&str, &str, &str, &str, &str, &str); 4] = [
    (
        "POST",
        "/v1/batches?organisation=TRK001",
        r#"[{"key":"A-1","placed_at":"2026-01-05","lines":[{"sku":"S-1","unit_price":PRICE}]}]"#,
        "/lines/0/unit_price",
        "38",
        ROUNDED,
    ),
    (
        "POST",
        "/v4/customer_orders",
        r#"[{"trkref":"TRK001","order_ref":"A-1","order_date":"25-09-2021","customer":{"email":"a@b.com"},"order_items":[{"sku":"S","price":PRICE}]}]"#,
        "/order_items/0/price",
        "38",
        ROUNDED,
    ),
    (
        "POST",
        "/centra/TRK001/orders",
        r#"{"a":{"address":{"email":"a@b.com","country":"SE"},"products":[{"id":1,"qty":1,"unitPrice":PRICE}]}}"#,
        "/products/0/unitPrice",
        "2",
        ROUNDED,
    ),
    (
        "PUT",
        "/api/customerorders",
        r#"[{"packingslipno":"A-1","consignee":"Ana","products":[{"units":1,"unitvalue":PRICE}]}]"#,
        "/products/0/unitvalue",
        "38",
        ROUNDED,
    ),
];

#[test]
fn they_are_told_in_the_receipt_and_kept_in_the_text() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for (method, target, body, pointer, decimals, canonical) in ORDERS {
        let body = body.replace("PRICE", THIRD);
        let answer = server.send(&request(method, target, &body));
        assert!(answer.status < 300, "{target}: {}", answer.text());
        assert_eq!(
            header(&answer, "wharfinger-warnings"),
            format!("1; 0{pointer} rounded")
        );
        let path = format!("/v1/batches/{}", batch_id(&answer));
        let receipt = get(&server, &path);
        assert_eq!(receipt["warned"], 1);
        assert_eq!(receipt["warnings"][0]["pointer"], pointer);
        assert_eq!(receipt["warnings"][0]["code"], "rounded");
        let message = receipt["warnings"][0]["message"].as_str().unwrap();
        let told = format!("has more than {decimals} decimals; it is stored as sent");
        assert!(message.contains(&told), "{message}");
        let results = get(&server, &format!("{path}/results"));
        assert_eq!(results["data"][0]["outcome"], "accepted");
        assert_eq!(results["data"][0]["warnings"].as_array().unwrap().len(), 1);

        let id = order_id(&answer, 0);
        let submitted = request("GET", &format!("/v1/orders/{id}?as=submitted"), "");
        let submitted = server.send(&submitted);
        let submitted = submitted.text();
        assert!(
            body.contains(submitted) && submitted.contains(THIRD),
            "{submitted}"
        );
        let order = get(&server, &format!("/v1/orders/{id}"));
        assert_eq!(order["lines"][0]["unit_price"], canonical, "{target}");

        // The same again is the same, since numbers are compared as they are spelled.
        if !target.starts_with("/centra") {
            let again = server.send(&request(method, target, &body));
            let path = format!("/v1/batches/{}/results", batch_id(&again));
            assert_eq!(get(&server, &path)["data"][0]["outcome"], "unchanged");
        }
    }
    drop(server);
    assert_eq!(check(data.path()).faults, Vec::<String>::new());
}

#[test]
fn what_is_too_large_is_still_refused_and_named() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let digits = "1".repeat(39);
    for price in [
        digits.clone(),
        format!("{digits}.5"),
        // Rounded, it would have 39.
        format!("{}.5", "9".repeat(38)),
        "1e38".to_owned(),
        "1e999999999".to_owned(),
    ] {
        for (method, target, body, pointer, ..) in ORDERS {
            let body = body.replace("PRICE", &price);
            let answer = server.send(&request(method, target, &body));
            let path = format!("/v1/batches/{}", batch_id(&answer));
            let results = get(&server, &format!("{path}/results"));
            let result = &results["data"][0];
            assert_eq!(result["outcome"], "rejected", "{target} {price}");
            let error = &result["errors"][0];
            let told = (&error["pointer"], &error["code"]);
            assert_eq!(told, (&json!(pointer), &json!("too_many_digits")));
            assert_eq!(result["warnings"], Value::Null, "{target} {price}");
        }
    }
    assert_eq!(
        get(&server, "/v1/orders?organisation=TRK001")["data"],
        json!([])
    );
}

#[test]
fn a_report_of_fulfilment_has_no_warnings_and_refuses_them() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (method, target, body, ..) = ORDERS[0];
    let answer = server.send(&request(method, target, &body.replace("PRICE", "1")));
    let target = format!("/v1/orders/{}/fulfilment", order_id(&answer, 0));
    let report = |quantity: &str| format!(r#"{{"lines":[{{"fulfilled_quantity":{quantity}}}]}}"#);
    for quantity in [THIRD.to_owned(), format!("\"{THIRD}\""), "1e-39".to_owned()] {
        let answer = server.send(&request("PUT", &target, &report(&quantity)));
        assert_eq!(answer.status, 422, "{quantity}: {}", answer.text());
        assert_eq!(answer.json()["errors"][0]["code"], "too_many_digits");
    }
    let answer = server.send(&request("PUT", &target, &report(ROUNDED)));
    assert_eq!(answer.status, 200, "{}", answer.text());
}
