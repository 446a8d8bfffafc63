//! Warnings name attributes, and a sender may have named one after a person: those of a person's orders go.

use serde_json::{Value, json};

use super::files::assert_gone;
use super::{ANN, BOB, assert_whole, erase, submit_as};
use crate::support::client::Response;
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::v1::{batch_id, get, order, submit};

/// An order of somebody's, with an attribute that is named after somebody.
fn named(key: &str, email: &str, name: &str) -> Value {
    let mut order = order(key);
    order["customer"] = json!({"email": email, name: "calls in the morning"});
    order
}

/// The receipt that an answer names, and the warnings of each order.
fn told(server: &Server, answer: &Response) -> (Value, Vec<Value>) {
    let path = format!("/v1/batches/{}", batch_id(answer));
    let results = get(server, &format!("{path}/results"));
    let results = results["data"].as_array().unwrap().iter();
    let warnings = results.map(|result| result["warnings"].clone()).collect();
    (get(server, &path), warnings)
}

/// Whether of the warnings of an order the codes are left, and nothing else.
fn assert_erased(warnings: &Value, codes: &[&str]) {
    let message = "has a warning of an attribute that was erased";
    let expected = codes
        .iter()
        .map(|code| json!({"pointer": "", "code": code, "message": message}));
    assert_eq!(*warnings, expected.collect::<Value>());
}

#[test]
fn attributes_that_an_erased_order_was_warned_of_are_told_no_more() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let mut rejected = named("R-1", ANN, "Annabel Refused");
    rejected["lines"] = json!([]);
    let orders = [
        named("A-1", ANN, "Annabel Harbourstone"),
        named("B-1", BOB, "Bobby"),
        rejected,
        json!({"key": "R-2", "Bobbette": true}),
    ];
    let (first, _) = submit(&server, "TRK001", &orders);
    // A second revision, and the same again.
    let second = named("A-1", ANN, "Annabella");
    let (second, again) = (
        submit(
            &server,
            "TRK001",
            &[second.clone(), named("B-2", BOB, "Bob")],
        )
        .0,
        submit(&server, "TRK001", &[second]).0,
    );
    // The keys of a PHP array may be anybody's names too.
    let keyed = r#"{"address":{"email":"ann@quay.example","country":"SE"},"products":{"Annabel":{"sku":"S","qty":1,"unitPrice":1.005}}}"#;
    let keyed = submit_as(&server, "centra", keyed);
    // An order of the same person's with another organisation is not erased.
    let (elsewhere, _) = submit(&server, "TRK002", &[named("A-1", ANN, "Elsewhere")]);

    let before = [&first, &second, &again, &keyed, &elsewhere].map(|answer| told(&server, answer));
    assert_eq!(before[0].0["warned"], 4);
    assert_eq!(
        before[0].0["warnings"][0]["pointer"],
        "/customer/Annabel Harbourstone"
    );
    assert_eq!(before[3].1[0][0]["pointer"], "/products/Annabel/unitPrice");

    let erased = erase(data.path(), ANN);
    assert_eq!(erased["orders"], 2);
    assert_whole(data.path());
    let after = [&first, &second, &again, &keyed, &elsewhere].map(|answer| told(&server, answer));
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.0["warned"], after.0["warned"]);
    }
    assert_erased(&after[0].1[0], &["unknown_attribute"]);
    assert_eq!(after[0].1[1], before[0].1[1]);
    assert_erased(&after[0].1[2], &["unknown_attribute"]);
    assert_eq!(after[0].1[3], before[0].1[3]);
    assert_erased(&after[1].1[0], &["unknown_attribute"]);
    assert_eq!(after[1].1[1], before[1].1[1]);
    assert_erased(&after[2].1[0], &["unknown_attribute"]);
    assert_erased(&after[3].1[0], &["rounded", "keyed_array"]);
    assert_eq!(after[4], before[4]);

    let said = after.map(|(receipt, _)| receipt.to_string()).concat();
    assert!(
        !said.contains("Annabel") && said.contains("Bobbette"),
        "{said}"
    );
    assert_gone(data.path(), &["annabel", "harbourstone"]);
}
