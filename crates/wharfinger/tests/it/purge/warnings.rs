//! Warnings of purged orders, where the receipt stays since other orders of its batch do.

use serde_json::{Value, json};

use super::{DATE, age, assert_whole, has, post, purge, stop};
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::v1::{batch_id, get, order, submit};

#[test]
fn attributes_that_a_purged_order_was_warned_of_are_told_no_more() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let odd = |key: &str, name: &str| {
        let mut order = order(key);
        order[name] = json!(true);
        order
    };
    let orders = [odd("a", "words of a"), odd("c", "words of c")];
    let (first, ids) = submit(&server, "TRK001", &orders);
    let (second, others) = submit(&server, "TRK001", &[odd("b", "words of b")]);
    for id in [&ids[0], &others[0]] {
        post(&server, &format!("/v1/orders/{id}/process"));
    }
    age(data.path());
    purge(data.path(), DATE);
    assert_whole(data.path());

    let path = format!("/v1/batches/{}", batch_id(&first));
    let receipt = get(&server, &path);
    assert_eq!(receipt["warned"], 2);
    let told: Vec<_> = receipt["warnings"].as_array().unwrap().iter().collect();
    let places: Vec<_> = told
        .iter()
        .map(|told| (&told["index"], &told["pointer"]))
        .collect();
    assert_eq!(
        places,
        [(&json!(0), &json!("")), (&json!(1), &json!("/words of c"))]
    );
    assert_eq!(told[0]["code"], "unknown_attribute");
    let results = get(&server, &format!("{path}/results"));
    assert_eq!(results["data"].as_array().unwrap().len(), 1);
    assert_eq!(results["data"][0]["warnings"][0]["pointer"], "/words of c");
    // Where no order is left, the receipt goes with its warnings.
    let gone = format!("/v1/batches/{}", batch_id(&second));
    assert_eq!(super::ask(&server, &gone).status, 404);
    assert_eq!(get(&server, "/v1/batches")["data"][1], Value::Null);

    stop(server);
    for words in ["words of a", "words of b"] {
        assert!(!has(data.path(), words), "{words}");
    }
}
