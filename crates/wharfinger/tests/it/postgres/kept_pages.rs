//! A server keeps pages of the index from one transaction to the next. What others change meanwhile must not be overlooked.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Pair;
use crate::support::client::Response;
use crate::support::fixture;
use crate::support::server::{Server, run};
use crate::support::stored;
use crate::support::v1::{order, order_id, request};

/// Keys that are used, several pages of them.
const KEYS: u32 = 150;
const ROUNDS: u32 = 120;
const ORDERS: u32 = 5;

/// Numbers that look random and are the same in each run.
fn scattered(number: u32) -> u32 {
    (number.wrapping_mul(2_654_435_761) >> 7) % KEYS
}

fn version(key: u32, version: u32) -> Value {
    let mut order = order(&format!("K-{key:03}"));
    order["instructions"] = format!("version {version}").into();
    order
}

fn submit(server: &Server, orders: &[Value]) -> Response {
    let target = "/v1/batches?organisation=TRK001";
    let body = Value::from(orders).to_string();
    let answer = server.send(&request("POST", target, "one").body(body));
    assert!(matches!(answer.status, 200 | 207), "{}", answer.text());
    answer
}

/// The outcomes of a batch, in order.
fn outcomes(answer: &Response) -> Vec<String> {
    let results = answer.json()["results"].clone();
    let results = results.as_array().expect("results").iter();
    results
        .map(|result| result["outcome"].as_str().expect("an outcome").to_owned())
        .collect()
}

#[test]
fn servers_that_take_turns_see_each_others_orders() {
    let pair = Pair::start(fixture::postgres_directory());
    let mut model = BTreeMap::new();
    for round in 0..ROUNDS {
        // Sometimes one server writes twice, and can use what it has kept.
        let server = &pair.servers[(scattered(round) % 2) as usize];
        let keys = (0..ORDERS).map(|at| scattered(round * ORDERS + at));
        let sent = Vec::from_iter(keys.map(|key| (key, round % 3)));
        let orders = Vec::from_iter(sent.iter().map(|(key, of)| version(*key, *of)));
        let expected = Vec::from_iter(sent.iter().map(|(key, of)| match model.insert(*key, *of) {
            None => "accepted",
            Some(before) if before == *of => "unchanged",
            Some(_) => "updated",
        }));
        assert_eq!(outcomes(&submit(server, &orders)), expected, "{round}");
    }
    assert!(model.len() > 100);
    pair.assert_whole();
}

#[test]
fn a_purge_by_another_process_frees_keys_for_servers_that_knew_them() {
    let pair = Pair::start(fixture::postgres_directory());
    let [server, other] = &pair.servers;
    let orders = Vec::from_iter((0..KEYS).map(|key| version(key, 0)));
    let made = submit(server, &orders);
    let ids = Vec::from_iter((0..KEYS as usize).map(|at| order_id(&made, at)));
    for server in [server, other] {
        // Both know all pages now.
        assert!(
            outcomes(&submit(server, &orders))
                .iter()
                .all(|of| of == "unchanged")
        );
    }
    let half = Vec::from_iter(ids.iter().step_by(2));
    let body = json!({"ids": half}).to_string();
    let moved = server.send(&request("POST", "/v1/orders/process", "full").body(body));
    assert_eq!(moved.status, 200, "{}", moved.text());
    let refused = outcomes(&submit(other, &orders[..2]));
    assert_eq!(refused, ["rejected", "unchanged"]);
    assert_eq!(outcomes(&submit(server, &orders[..2])), refused);
    let age = "update blocks set at_ms = 946684800000, latest_ms = 946684800000; \
               update batches set received_at_ms = 946684800000";
    stored::settled(pair.data.path()).run(age);
    let purged = run(pair.data.path(), &["purge", "--before", "2020-01-01"]);
    assert!(purged.status.success());
    let expected = ["accepted", "unchanged"].repeat(orders.len() / 2);
    assert_eq!(outcomes(&submit(other, &orders)), expected);
    assert_eq!(
        outcomes(&submit(server, &orders)),
        vec!["unchanged"; orders.len()]
    );
    pair.assert_whole();
}
