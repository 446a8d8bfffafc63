//! Erases a customer of an enforced catalogue: split orders, the attached customer, and the stock that the orders took.

use std::path::Path;

use serde_json::{Value, json};

use super::{assert_whole, files};
use crate::support::client::Request;
use crate::support::fixture;
use crate::support::server::{Server, run};

const ANN: &str = "annabel@quay.example";

fn done(data: &Path, arguments: &[&str]) -> Vec<Value> {
    let done = run(data, arguments);
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{arguments:?}: {errors}");
    let lines = String::from_utf8(done.stdout).unwrap();
    let lines = lines.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_registered_customer_goes_with_all_parts_of_an_order_and_the_stock_comes_back() {
    let data = fixture::data_directory_with_catalogue();
    let server = Server::start(data.path());
    let list = |what| done(data.path(), &[what, "list", "--org", "CAT001", "--json"]);
    let before = (list("products"), list("customers"));
    let shop = |method, target| {
        Request::new(method, target).header("api-authorization", fixture::secret_of("shop"))
    };
    let order = r#"{"address":{"email":"annabel@quay.example","firstName":"Annabel","country":"SE"},"customerRegister":true,"products":[{"sku":"KETTLE","qty":2},{"sku":"LAMP","qty":1}]}"#;
    let answer = server.send(&shop("POST", "/centra/CAT001/order").body(order));
    assert_eq!(answer.json()["orders"], json!([1, 2]), "{}", answer.text());
    assert_ne!(list("products"), before.0);
    assert_eq!(list("customers").len(), before.1.len() + 1);

    let erase = [
        "customers",
        "erase",
        "--org",
        "CAT001",
        "--email",
        ANN,
        "--json",
    ];
    let told = &done(data.path(), &erase)[0];
    let counts = (&told["orders"], &told["cancelled"], &told["customers"]);
    assert_eq!(counts, (&json!(2), &json!(2), &json!(1)));
    assert_eq!((list("products"), list("customers")), before);
    assert_whole(data.path());
    files::assert_gone(data.path(), &["annabel"]);
    let listed = server.send(&shop("GET", "/centra/CAT001/orders")).json();
    let orders = listed["orders"].as_array().unwrap();
    let skus: Vec<_> = orders
        .iter()
        .map(|order| &order["products"][0]["sku"])
        .collect();
    assert_eq!(skus, ["LAMP", "KETTLE"], "{listed}");
    for order in orders {
        assert_eq!(order["orderStatus"], "cancelled");
        assert_eq!(order["customerId"], "");
    }
    // The number is not reused.
    let ben = order
        .replace("annabel", "benjamin")
        .replace("Annabel", "Ben");
    server.send(&shop("POST", "/centra/CAT001/order").body(ben));
    let numbers: Vec<_> = list("customers")
        .iter()
        .map(|customer| customer["id"].clone())
        .collect();
    assert_eq!(numbers, [7, 8, 10]);
}

#[test]
fn an_order_that_names_the_customer_by_number_alone_is_erased_too() {
    let data = fixture::data_directory_with_catalogue();
    let server = Server::start(data.path());
    let shop = |method, target| {
        Request::new(method, target).header("api-authorization", fixture::secret_of("shop"))
    };
    // Customer 7 is ann@example.com.
    let order = r#"{"accountId":1,"customerId":7,"address":{"firstName":"Annabel","country":"SE"},"products":[{"sku":"PLAIN","qty":1}]}"#;
    let answer = server.send(&shop("POST", "/centra/CAT001/order").body(order));
    assert_eq!(answer.json()["orders"], json!([1]), "{}", answer.text());
    let erase = [
        "customers",
        "erase",
        "--org",
        "CAT001",
        "--email",
        "ann@example.com",
        "--json",
    ];
    let told = &done(data.path(), &erase)[0];
    assert_eq!(
        (&told["orders"], &told["cancelled"]),
        (&json!(1), &json!(1))
    );
    assert_whole(data.path());
    files::assert_gone(data.path(), &["annabel"]);
}
