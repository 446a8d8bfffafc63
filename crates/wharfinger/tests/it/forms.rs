//! `GET /v1/orders/{id}?as=`: an order of any dialect in the form of any other.

use serde_json::{Value, json};

use crate::support::client::{Request, Response};
use crate::support::fixture::{self, basic, secret_of};
use crate::support::server::Server;

fn native(method: &str, target: &str) -> Request {
    let token = format!("Bearer {}", secret_of("full"));
    Request::new(method, target).header("authorization", token)
}

/// The id of the only order in a batch.
fn order_id(server: &Server, answer: &Response) -> String {
    let batch = answer
        .header("wharfinger-batch-id")
        .expect("a submission names its batch");
    let results = server.send(&native("GET", &format!("/v1/batches/{batch}/results")));
    let id = results.json()["data"][0]["order_id"].clone();
    id.as_str().expect("the order was taken").to_owned()
}

fn shown(server: &Server, id: &str, form: &str) -> Response {
    let answer = server.send(&native("GET", &format!("/v1/orders/{id}?as={form}")));
    assert_eq!(answer.status, 200, "{form}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer
}

#[test]
fn an_order_is_shown_in_every_form() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let sent = r#"{ "trkref":"TRK001","order_ref":"R-1","order_date":"01-02-2026","customer":{"email":"a@example.com"},"order_items":[{"sku":"S","price":"5,10","currency":"GBP"}]}"#;
    let request = Request::new("POST", "/v4/organisations/TRK001/customer_order");
    let answer = server.send(&request.header("authorization", basic("full")).body(sent));
    assert_eq!(answer.status, 202, "{}", answer.text());
    let id = order_id(&server, &answer);
    for form in ["submitted", "reevoo"] {
        let answer = shown(&server, &id, form);
        assert_eq!(answer.text(), sent, "byte for byte");
        assert_eq!(answer.header("wharfinger-missing"), None);
    }
    let slip = shown(&server, &id, "gosweetspot").json();
    assert_eq!(slip["packingslipno"], "R-1");
    let own = shown(&server, &id, "native").json();
    assert_eq!(own["key"], "R-1");
    assert_eq!(own["customer"], json!({"email": "a@example.com"}));
    let created = shown(&server, &id, "centra");
    assert_eq!(created.json()["products"][0]["sku"], "S");
    let missing = created
        .header("wharfinger-missing")
        .expect("an address is demanded");
    assert!(missing.contains("country"), "{missing}");
    let read_back: Value = server
        .send(&native("GET", &format!("/v1/orders/{id}")))
        .json();
    assert_eq!(read_back["dialect"], "reevoo");
    assert_eq!(read_back["state"], "pending");
    assert_eq!(read_back["lines"][0]["unit_price"], "5.10");
    assert_eq!(read_back["organisation"], "TRK001");
}

#[test]
fn a_form_that_there_is_not_is_400_and_an_order_of_others_404() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let order = r#"{"key":"A","placed_at":"2026-11-21","lines":[{"sku":"S"}]}"#;
    let request = native("POST", "/v1/batches?organisation=TRK001").body(order);
    let answer = server.send(&request);
    let id = answer.json()["results"][0]["order_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let wrong = server.send(&native("GET", &format!("/v1/orders/{id}?as=edifact")));
    assert_eq!(wrong.status, 400, "{}", wrong.text());
    let token = format!("Bearer {}", secret_of("other"));
    let request = Request::new("GET", &format!("/v1/orders/{id}?as=submitted"));
    assert_eq!(
        server.send(&request.header("authorization", token)).status,
        404
    );
}
