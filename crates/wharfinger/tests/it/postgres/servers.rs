//! Two servers on one database act as one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use super::{Pair, until};
use crate::support::changes::{administrator, assert_refused, is_replayed, one, told};
use crate::support::client::{Connection, Request, Response};
use crate::support::fixture;
use crate::support::server::{Server, run};
use crate::support::stored;
use crate::support::v1::{get, order, request};

const ROUNDS: usize = 40;
const WRITERS: usize = 32;
const BATCHES: usize = 12;

/// The counts in a response that are not zero.
fn outcomes(answer: &Response) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let counts = answer.json();
    let names = ["accepted", "updated", "unchanged", "rejected"];
    let names = names.iter().filter(|name| counts[**name] != 0);
    names.map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_key_sent_to_both_at_once_is_one_order() {
    let pair = Pair::start(fixture::postgres_directory());
    for round in 0..ROUNDS {
        let key = format!("K-{round}");
        let mut changed = order(&key);
        changed["instructions"] = "Ring twice".into();
        // In every second round the contents differ.
        let is_same = round % 2 == 0;
        let second = if is_same { order(&key) } else { changed };
        let batch = |order: Value| {
            request("POST", "/v1/batches?organisation=TRK001", "one").body(order.to_string())
        };
        let answers = pair.at_once([&batch(order(&key)), &batch(second)]);
        let mut seen = answers.each_ref().map(outcomes);
        seen.sort();
        let later = if is_same { "unchanged" } else { "updated" };
        assert_eq!(seen.concat(), ["accepted", later], "{key}");
    }
    let report = stored::check(pair.data.path());
    assert_eq!(report.faults, Vec::<String>::new());
    let revisions = ROUNDS + ROUNDS / 2;
    assert_eq!(
        (report.orders, report.revisions),
        (ROUNDS as u64, revisions as u64)
    );
}

#[test]
fn an_idempotency_key_sent_to_both_at_once_is_one_answer() {
    let pair = Pair::start(fixture::postgres_directory());
    let mut busy = 0;
    for round in 0..ROUNDS {
        let name = format!("name-{round}");
        let request = one(&format!("K-{round}")).header("idempotency-key", &name);
        let answers = pair.at_once([&request, &request]);
        // A request that arrived while the other was in progress is told to retry.
        let answers: Vec<_> = answers
            .into_iter()
            .zip(&pair.servers)
            .map(|(mut answer, server)| {
                until("it is answered", || {
                    if answer.status == 409 {
                        assert_refused("native", &answer, 409);
                        busy += 1;
                        answer = server.send(&request);
                    }
                    answer.status != 409
                });
                answer
            })
            .collect();
        assert_eq!(told(&answers[0]), told(&answers[1]), "{name}");
        assert_eq!(outcomes(&answers[0]), ["accepted"], "{name}");
        let replayed = answers.iter().filter(|answer| is_replayed(answer)).count();
        assert_eq!(replayed, 1, "{name}: done by one of them");
    }
    let report = stored::check(pair.data.path());
    assert_eq!(
        (report.orders, report.batches),
        (ROUNDS as u64, ROUNDS as u64)
    );
    eprintln!("{busy} were told to come again");
}

/// Reads the feed from the beginning until it has this many new orders. Returns their keys in feed order, and the id of each
/// event.
fn follow(server: &Server, orders: usize) -> (Vec<String>, Vec<String>) {
    let (mut keys, mut ids, mut cursor) = (Vec::new(), Vec::new(), String::new());
    until("all are told", || {
        let page = get(
            server,
            &format!("/v1/events?organisation=TRK001&limit=100{cursor}"),
        );
        for event in page["data"].as_array().unwrap() {
            ids.push(event["id"].to_string());
            if event["type"] == "order.accepted" {
                keys.push(event["order_id"].to_string());
            }
        }
        cursor = format!("&after={}", page["next"].as_str().unwrap());
        keys.len() >= orders
    });
    (keys, ids)
}

#[test]
fn writers_at_both_and_readers_at_either_see_one_feed_without_gaps() {
    let pair = Pair::start(fixture::postgres_directory());
    let orders = WRITERS * BATCHES * 3;
    let (written, read) = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let address = pair.servers[writer % 2].address;
                scope.spawn(move || write(address, writer))
            })
            .collect();
        let readers = pair
            .servers
            .each_ref()
            .map(|server| scope.spawn(|| follow(server, orders)));
        let written: Vec<_> = writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect();
        (written, readers.map(|reader| reader.join().unwrap()))
    });
    let [(first, first_ids), (second, second_ids)] = read;
    assert_eq!(first.len(), orders, "no repeat");
    assert_eq!(first, second, "one order for all");
    let distinct: BTreeSet<_> = first.iter().collect();
    assert_eq!(distinct.len(), orders, "no gap");
    // Read again after all writes, either server must return the same.
    let (quiet, quiet_ids) = follow(&pair.servers[0], orders);
    assert_eq!(quiet, first);
    let distinct: BTreeSet<_> = quiet_ids.iter().collect();
    assert_eq!(distinct.len(), quiet_ids.len());
    for ids in [first_ids, second_ids] {
        assert_eq!(ids[..], quiet_ids[..ids.len()]);
    }
    // The orders of each batch appear in the feed in batch order.
    let places: BTreeMap<_, _> = quiet
        .iter()
        .enumerate()
        .map(|(at, id)| (id.clone(), at))
        .collect();
    for batch in written {
        let places: Vec<_> = batch.iter().map(|id| places[id]).collect();
        assert!(places.is_sorted(), "{places:?}");
    }
    pair.assert_whole();
}

/// Submits batches of new orders. Returns the ids of each.
fn write(address: std::net::SocketAddr, writer: usize) -> Vec<Vec<String>> {
    let mut connection = Connection::open(address);
    let mut written = Vec::new();
    for batch in 0..BATCHES {
        let orders: Vec<_> = (0..3)
            .map(|at| order(&format!("{writer}-{batch}-{at}")))
            .collect();
        let body = serde_json::to_vec(&orders).unwrap();
        let submit = request("POST", "/v1/batches?organisation=TRK001", "one").body(body);
        let answer = connection.exchange(&submit).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let ids = (0..3).map(|at| {
            let id = crate::support::v1::order_id(&answer, at);
            Value::from(id).to_string()
        });
        written.push(ids.collect());
    }
    written
}

/// A server's response to a key.
fn ask(server: &Server, secret: &str, target: &str) -> Response {
    let request = Request::new("GET", target).header("authorization", format!("Bearer {secret}"));
    server.send(&request)
}

#[test]
fn what_is_administered_at_one_is_soon_so_at_the_other() {
    let pair = Pair::start(fixture::postgres_directory());
    let [here, there] = &pair.servers;
    let chief = administrator(pair.data.path());
    until("the key is known", || {
        ask(here, &chief, "/v1/keys").status == 200
    });
    let chief = format!("Bearer {chief}");
    let change = |method: &str, target: &str, body: &Value| {
        let request = Request::new(method, target).header("authorization", chief.as_str());
        let answer = here.send(&request.body(body.to_string()));
        assert!(answer.status < 300, "{}", answer.text());
        answer
    };
    change("POST", "/v1/organisations", &json!({"code": "NEW1"}));
    let key = json!({"organisations": ["NEW1"], "scopes": ["orders:write", "orders:read"], "requests_per_second": 1000});
    let made = change("POST", "/v1/keys", &key).json();
    let (id, secret) = (
        made["id"].as_str().unwrap(),
        made["secret"].as_str().unwrap(),
    );
    until("the key is known", || {
        ask(there, secret, "/v1/orders").status == 200
    });
    let answer = ask(there, secret, "/v1/orders");
    let policy = answer.header("ratelimit-policy");
    assert_eq!(policy, Some("\"requests\";q=1000;w=1"), "with its rate");

    let submit = Request::new("POST", "/v1/batches?organisation=NEW1");
    let submit = submit.header("authorization", format!("Bearer {secret}"));
    let submit = submit.body(order("A").to_string());
    assert_eq!(there.send(&submit).status, 200);
    change(
        "PATCH",
        "/v1/organisations/NEW1",
        &json!({"customer_orders_enabled": false}),
    );
    until("it takes no orders", || there.send(&submit).status == 403);

    let rotated = change("POST", &format!("/v1/keys/{id}/rotate"), &Value::Null).json();
    let second = rotated["secret"].as_str().unwrap();
    until("the new secret is known", || {
        ask(there, second, "/v1/orders").status == 200
    });
    // 401, or 429 while there were many wrong secrets.
    assert_ne!(ask(there, secret, "/v1/orders").status, 200);
    change("DELETE", &format!("/v1/keys/{id}"), &Value::Null);
    until("the key is void", || {
        ask(there, second, "/v1/orders").status != 200
    });
}

/// A command has the same effect as a server: it is another process on the database.
#[test]
fn what_a_command_does_is_seen_at_both() {
    let pair = Pair::start(fixture::postgres_directory());
    let answer = pair.servers[0].send(&one("A"));
    let id = crate::support::v1::order_id(&answer, 0);
    let process = [
        "orders",
        "process",
        "--org",
        "TRK001",
        "--dialect",
        "native",
        "A",
    ];
    done(pair.data.path(), &process);
    for server in &pair.servers {
        assert_eq!(
            get(server, &format!("/v1/orders/{id}"))["state"],
            "processed"
        );
    }
    pair.assert_whole();
}

fn done(data: &Path, arguments: &[&str]) {
    let output = run(data, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}
