//! A random load of several keys, with crashes and roll-ups in between. The statistics must be those of the receipts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{add_key_for_all, of, post, roll_up, seen, totals, without_sku};
use crate::support::client::Request;
use crate::support::fixture::{self, basic};
use crate::support::seed::{Random, storm};
use crate::support::server::Server;
use crate::support::stored::check;
use crate::support::v1::order;

const BATCHES: usize = 40;
const OUTCOMES: [&str; 5] = ["accepted", "updated", "unchanged", "rejected", "withheld"];

/// A native batch of a random key.
fn native(random: &mut Random) -> Request {
    let key = ["full", "one", "other", "all"][random.below(4)];
    let orders = (0..1 + random.below(12)).map(|_| {
        let name = format!("K{}", random.below(30));
        let mut order = match random.below(8) {
            0 => without_sku(&name, 1 + random.below(4)),
            1 => json!({"key": name}),
            2 => json!([]),
            _ => order(&name),
        };
        if order.is_object() {
            if random.chance(30) {
                order["instructions"] = format!("v{}", random.below(3)).into();
            }
            let code = ["TRK001", "TRK001", "TRK002", "NOBODY"][random.below(4)];
            order = of(code, order);
        }
        order
    });
    let orders = Vec::from_iter(orders);
    let policy = if random.chance(20) {
        "policy=all_or_nothing"
    } else {
        "policy=partial"
    };
    let dry = if random.chance(10) {
        "&dry_run=true"
    } else {
        ""
    };
    post(key, &format!("{policy}{dry}"), &orders)
}

/// A batch in a vendor's format.
fn of_vendor(random: &mut Random) -> Request {
    let orders = (0..1 + random.below(6)).map(|_| {
        let email = ["a@example.com", "none"][random.below(2)];
        let code = ["TRK001", "TRK002"][random.below(2)];
        let key = format!("R{}", random.below(9));
        json!({"trkref": code, "order_ref": key,
            "order_date": "01-02-2026", "customer": {"email": email, "surname": "A"},
            "order_items": [{"sku": "S"}]})
    });
    let request = Request::new("POST", "/v4/customer_orders");
    let request = request.header("authorization", basic("full"));
    request.body(serde_json::to_vec(&Vec::from_iter(orders)).unwrap())
}

/// What a key sees in the receipts of an organisation and dialect: outcomes, and causes with their counts, senders and last times.
#[derive(Debug, Default, PartialEq)]
struct Told {
    outcomes: [u64; 5],
    causes: BTreeMap<[String; 3], (u64, BTreeSet<String>, String)>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Reads all receipts that a key sees.
fn told(server: &Server, key: &str) -> BTreeMap<[String; 2], Told> {
    let mut told = BTreeMap::<_, Told>::new();
    for receipt in seen(server, "/v1/batches?limit=1000", key)["data"]
        .as_array()
        .unwrap()
    {
        let target = format!("/v1/batches/{}/results?limit=1000", text(&receipt["id"]));
        for result in seen(server, &target, key)["data"].as_array().unwrap() {
            let dialect = text(&receipt["dialect"]);
            let of = told.entry([text(&result["organisation"]), dialect.clone()]);
            let of = of.or_default();
            let outcome = OUTCOMES.iter().position(|name| result["outcome"] == *name);
            of.outcomes[outcome.unwrap()] += 1;
            let errors = result["errors"].as_array().into_iter().flatten();
            let cause = |error: &Value| {
                let pointer = text(&error["pointer"]);
                let steps = pointer.split('/').map(|step| match step.parse::<u32>() {
                    Ok(_) => "*",
                    Err(_) => step,
                });
                let pointer = Vec::from_iter(steps).join("/");
                [dialect.clone(), text(&error["code"]), pointer]
            };
            for cause in errors.map(cause).collect::<BTreeSet<_>>() {
                let (count, senders, last) = of.causes.entry(cause).or_default();
                *count += 1;
                senders.insert(text(&receipt["key_id"]));
                *last = text(&receipt["received_at"]).max(std::mem::take(last));
            }
        }
    }
    told
}

/// Compares the statistics that a key sees, of one organisation and dialect or of all, with its receipts.
fn compare(server: &Server, key: &str, told: &BTreeMap<[String; 2], Told>, only: [&str; 2]) {
    let [organisation, dialect] = only;
    let mut expected = Told::default();
    let is_of = |[whose, of]: &[String; 2]| {
        (organisation.is_empty() || whose == organisation) && (dialect.is_empty() || of == dialect)
    };
    for (_, part) in told.iter().filter(|(of, _)| is_of(of)) {
        for (sum, count) in expected.outcomes.iter_mut().zip(part.outcomes) {
            *sum += count;
        }
        for (cause, (count, senders, last)) in &part.causes {
            let (sum, all, latest) = expected.causes.entry(cause.clone()).or_default();
            *sum += count;
            all.extend(senders.iter().cloned());
            *latest = latest.clone().max(last.clone());
        }
    }
    let mut query = String::new();
    for (name, value) in ["organisation", "dialect"].into_iter().zip(only) {
        if !value.is_empty() {
            query = format!("{query}&{name}={value}");
        }
    }
    for step in ["1m", "1h", "1d"] {
        let found = totals(server, &format!("step={step}{query}"), key);
        assert_eq!(found, expected.outcomes, "{key} {query}");
    }
    let errors = seen(server, &format!("/v1/errors?limit=1000{query}"), key);
    let errors = errors["data"].as_array().unwrap();
    let found = errors.iter().map(|error| {
        let cause = ["dialect", "code", "pointer"].map(|name| text(&error[name]));
        assert_eq!(error["open"], error["count"]);
        assert!(error["example"]["message"].is_string(), "{error}");
        (
            cause,
            json!([error["count"], error["senders"], error["last_seen"]]),
        )
    });
    let found = BTreeMap::from_iter(found);
    let expected = expected.causes.into_iter();
    let expected = expected.map(|(cause, (count, senders, last))| {
        let row = json!([count, senders.len(), last]);
        (cause, row)
    });
    let expected = BTreeMap::from_iter(expected);
    assert_eq!(found, expected, "{key} {query}");
}

fn compare_all(server: &Server) {
    for key in ["full", "one", "other", "all"] {
        let told = told(server, key);
        compare(server, key, &told, ["", ""]);
        compare(server, key, &told, ["", "native"]);
        compare(server, key, &told, ["", "reevoo"]);
        for code in ["TRK001", "TRK002"] {
            let sees = match key {
                "one" => code == "TRK001",
                "other" => code == "TRK002",
                _ => true,
            };
            if sees {
                compare(server, key, &told, [code, ""]);
                compare(server, key, &told, [code, "native"]);
            }
        }
    }
}

#[test]
fn statistics_are_those_of_the_receipts_whatever_happens() {
    storm(2, |seed| {
        let mut random = Random::new(seed);
        let data = fixture::data_directory();
        add_key_for_all(data.path());
        let mut server = Server::start(data.path());
        for _ in 0..BATCHES {
            let batch = if random.chance(70) {
                native(&mut random)
            } else {
                of_vendor(&mut random)
            };
            let named = batch.header("idempotency-key", format!("{}", random.below(1_000_000)));
            for _ in 0..1 + random.below(2) {
                let status = server.send(&named).status;
                assert!(status < 500, "{status}");
            }
            if random.chance(8) {
                server.kill();
                if random.chance(50) {
                    roll_up(data.path());
                }
                server = Server::start(data.path());
            }
        }
        compare_all(&server);
        server.kill();
        roll_up(data.path());
        server = Server::start(data.path());
        compare_all(&server);
        drop(server);
        assert_eq!(check(data.path()).faults, Vec::<String>::new());
    });
}
