//! Warnings of a batch that is of several organisations: each key sees those of its own.

use serde_json::{Value, json};

use crate::support::client::Request;
use crate::support::fixture::{self, basic};
use crate::support::server::Server;
use crate::support::v1::{batch_id, request};

/// What a key is told.
fn told(server: &Server, key: &str, target: &str) -> Value {
    let answer = server.send(&request("GET", target, key));
    assert_eq!(answer.status, 200, "{key} {target}: {}", answer.text());
    answer.json()
}

/// The places and pointers of the warnings of a receipt.
fn of_receipt(receipt: &Value) -> Vec<String> {
    let warnings = receipt["warnings"].as_array().unwrap().iter();
    let told = warnings.map(|warning| {
        let pointer = warning["pointer"].as_str().unwrap();
        format!("{} {pointer}", warning["index"])
    });
    told.collect()
}

/// The places and pointers of the warnings of results.
fn of_results(results: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for result in results["data"].as_array().unwrap() {
        let warnings = result["warnings"].as_array().into_iter().flatten();
        told.extend(warnings.map(|warning| {
            let pointer = warning["pointer"].as_str().unwrap();
            format!("{} {pointer}", result["index"])
        }));
    }
    told
}

/// Orders of two organisations and of one that does not exist, most with a misspelt attribute; two of them are refused. The last
/// has the same one as the second.
fn batch() -> String {
    let order = |trkref: &str, number: usize, more: Value| {
        let mut order = json!({"trkref": trkref, "order_ref": format!("A-{number}"), "order_date": "25-09-2021",
            "customer": {"email": "a@b.com"}, "order_items": [{"sku": "S"}]});
        order
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        order
    };
    let orders = [
        order("TRK001", 1, json!({"langage": "en"})),
        order("TRK002", 2, json!({"local": "en-GB"})),
        order("TRK001", 3, json!({})),
        order("NOBODY", 4, json!({"langauge": "en"})),
        order("TRK002", 5, json!({"locle": "en-GB", "order_items": []})),
        order("TRK001", 6, json!({"local": "en-GB"})),
    ];
    json!(orders).to_string()
}

#[test]
fn each_organisation_of_a_key_sees_its_own_warnings() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let send = Request::new("POST", "/v4/customer_orders").header("authorization", basic("full"));
    let answer = server.send(&send.body(batch()));
    assert_eq!(answer.status, 206, "{}", answer.text());
    let header = "5; 0/langage unknown_attribute, 1/local unknown_attribute, 3/langauge unknown_attribute, \
                  4/locle unknown_attribute";
    assert_eq!(answer.header("wharfinger-warnings"), Some(header));

    let path = format!("/v1/batches/{}", batch_id(&answer));
    // Of each kind, a receipt names the first order that has it.
    for (key, of_first, of_all) in [
        (
            "full",
            &["0 /langage", "1 /local", "3 /langauge", "4 /locle"][..],
            &[
                "0 /langage",
                "1 /local",
                "3 /langauge",
                "4 /locle",
                "5 /local",
            ][..],
        ),
        (
            "one",
            &["0 /langage", "5 /local"],
            &["0 /langage", "5 /local"],
        ),
        (
            "reader",
            &["0 /langage", "5 /local"],
            &["0 /langage", "5 /local"],
        ),
        (
            "other",
            &["1 /local", "4 /locle"],
            &["1 /local", "4 /locle"],
        ),
    ] {
        let receipt = told(&server, key, &path);
        assert_eq!(receipt["warned"], of_all.len(), "{key}");
        assert_eq!(of_receipt(&receipt), of_first, "{key}");
        let listed = told(&server, key, "/v1/batches?limit=1");
        assert_eq!(listed["data"][0]["warned"], of_all.len(), "{key}");
        let results = told(&server, key, &format!("{path}/results"));
        assert_eq!(of_results(&results), of_all, "{key}");
        let first = told(&server, key, &format!("{path}/results?limit=1"));
        assert_eq!(of_results(&first), of_all[..1], "{key}");
        let is_refused = |told: &&str| told.starts_with(['3', '4']);
        let refused: Vec<_> = of_all.iter().copied().filter(is_refused).collect();
        let rejected = told(&server, key, &format!("{path}/rejected"));
        assert_eq!(of_results(&rejected), refused, "{key}");
    }
}
