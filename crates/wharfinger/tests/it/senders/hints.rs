//! Values, rules and hints in the errors of every route that shows errors of orders.

use serde_json::{Value, json};

use crate::support::fixture;
use crate::support::server::Server;
use crate::support::v1::{get, request};

/// An order with a value that is wrong, one that is missing, and a misspelling.
fn faulty() -> Value {
    json!({
        "organisation": "TRK001", "kye": "A-1", "placed_at": "2026-11-31",
        "customer": {"email": "anna.example.com"}, "lines": [{"sku": "TEA-7"}],
    })
}

fn expected() -> Value {
    json!([
        {
            "pointer": "/key", "code": "required", "message": "key is required",
            "rule": "a value that is not null, blank or empty", "hint": "kye: did you mean key?",
        },
        {
            "pointer": "/placed_at", "code": "not_date",
            "message": "placed_at must be a date of the form yyyy-mm-dd or RFC 3339",
            "value": "2026-11-31",
            "rule": "a date such as 2026-11-18 or 2026-11-18T09:30:00Z (yyyy-mm-dd or RFC 3339)",
            "hint": "2026-11-31: November has 30 days",
        },
        {
            "pointer": "/customer/email", "code": "not_email", "message": "customer.email is not an e-mail address",
            "value": "anna.example.com", "rule": "one e-mail address, such as name@example.com",
            "hint": "anna.example.com: there is no @",
        },
    ])
}

#[test]
fn the_answer_the_receipt_and_the_rejected_orders_say_the_same() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let submit = request("POST", "/v1/batches", "full").body(json!([faulty()]).to_string());
    let answer = server.send(&submit).json();
    assert_eq!(answer["results"][0]["errors"], expected());
    assert_eq!(
        answer["results"][0]["warnings"][0]["hint"],
        "kye: did you mean key?"
    );
    let batch = format!("/v1/batches/{}", answer["id"].as_str().unwrap());
    let results = get(&server, &format!("{batch}/results"));
    assert_eq!(results["data"][0]["errors"], expected());
    assert_eq!(
        results["data"][0]["warnings"][0]["hint"],
        "kye: did you mean key?"
    );
    let lines = request("GET", &format!("{batch}/results"), "full")
        .header("accept", "application/x-ndjson");
    assert_eq!(server.send(&lines).json()["errors"], expected());
    let rejected = get(&server, &format!("{batch}/rejected"));
    assert_eq!(rejected["data"][0]["errors"], expected());
    assert_eq!(
        get(&server, &batch)["warnings"][0]["hint"],
        "kye: did you mean key?"
    );
}

#[test]
fn a_tried_import_says_so_too() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let target = "/v1/imports/01999999-0000-7000-8000-000000000001?dry_run=true";
    let import = request("PUT", target, "full")
        .header("content-type", "application/x-ndjson")
        .body(faulty().to_string());
    let answer = server.send(&import);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["rejections"][0]["errors"], expected());
}

#[test]
fn values_of_an_erased_person_are_gone_with_the_text() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let mut order = faulty();
    order["customer"]["email"] = json!("anna@example.com");
    let submit = request("POST", "/v1/batches", "full").body(json!([order]).to_string());
    let batch = server.send(&submit).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    drop(server);
    let erase = crate::support::server::run(
        data.path(),
        &[
            "customers",
            "erase",
            "--org",
            "TRK001",
            "--email",
            "anna@example.com",
        ],
    );
    assert!(erase.status.success(), "{erase:?}");
    let server = Server::start(data.path());
    let results = get(&server, &format!("/v1/batches/{batch}/results"));
    let errors = results["data"][0]["errors"].as_array().unwrap();
    assert!(
        errors.len() == 2 && errors.iter().all(|error| error.get("value").is_none()),
        "{errors:?}"
    );
    assert_eq!(
        errors[1]["rule"],
        "a date such as 2026-11-18 or 2026-11-18T09:30:00Z (yyyy-mm-dd or RFC 3339)"
    );
}
