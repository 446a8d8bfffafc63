//! Batches and state changes lock the organisations that they write to, and nothing else. Whoever waits for one delays no other.

use std::path::Path;

use serde_json::{Value, json};
use wharfinger::access::rates::Rates;
use wharfinger::access::secret;
use wharfinger::store::{Change, Key, Options};
use wharfinger_core::order::organisation::{OrgAccess, Organisation, Scope};

use super::{Pair, until};
use crate::support::changes::is_replayed;
use crate::support::client::{Connection, Request, Response};
use crate::support::database::{self, Database};
use crate::support::fixture::{self, DataDirectory, secret_of};
use crate::support::seed::{Random, storm};
use crate::support::server::Server;
use crate::support::stored;
use crate::support::v1::order_id;

/// A key that reaches every organisation.
const KEY: &str = "everywhere";
/// Sessions that wait for a lock.
pub(super) const WAITING: &str =
    "pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";

/// A new data directory with organisations `M00`, `M01` … and [`KEY`].
pub(super) fn directory(organisations: usize) -> DataDirectory {
    let data = fixture::postgres_directory();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store =
            tokio::task::block_in_place(|| database::open_store(data.path(), &Options::default()));
        for at in 0..organisations {
            let change = Change::CreateOrganisation(Organisation::new(code(at), ""));
            store.administer("test", change, None).await.unwrap();
        }
        let key = Key {
            id: KEY.into(),
            secret_sha256: secret::hash(&secret_of(KEY)),
            reach: OrgAccess::All,
            scopes: Scope::ALL.into_iter().collect(),
            created_at_ms: 0,
            expires_at_ms: None,
            revoked_at_ms: None,
            last_used_at_ms: None,
            rates: Rates::default(),
            is_test: false,
        };
        store
            .administer("test", Change::CreateKey(key), None)
            .await
            .unwrap();
        store.close().await;
    });
    data
}

pub(super) fn code(at: usize) -> String {
    format!("M{at:02}")
}

pub(super) fn post(target: &str, body: &Value) -> Request {
    Request::new("POST", target)
        .header("authorization", format!("Bearer {}", secret_of(KEY)))
        .body(body.to_string())
}

/// A batch with an order for each of these organisations, of this product.
fn batch_of(sku: &str, key: &str, organisations: impl Iterator<Item = usize>) -> Request {
    let order = |at| json!({"organisation": code(at), "key": key, "placed_at": "2026-11-21", "lines": [{"sku": sku}]});
    let orders: Vec<Value> = organisations.map(order).collect();
    post("/v1/batches", &orders.into())
}

/// A batch with an order for each of these organisations.
pub(super) fn batch(key: &str, organisations: impl Iterator<Item = usize>) -> Request {
    batch_of("S-1", key, organisations)
}

/// Processes or cancels orders.
fn moving(to: &str, ids: &[String]) -> Request {
    post(&format!("/v1/orders/{to}"), &json!({"ids": ids}))
}

/// The ids of the orders that a batch has created.
fn ids_of(answer: &Response, orders: usize) -> Vec<String> {
    (0..orders).map(|at| order_id(answer, at)).collect()
}

/// How many jobs wait in a server.
pub(super) fn waiting_in(server: &Server) -> f64 {
    server.metric("wharfinger_store_queue_depth")
}

pub(super) fn assert_accepted(answer: &Response, orders: usize) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["accepted"], orders, "{}", answer.text());
}

/// The first batch of a process begins its epoch, and waits for all other writes.
pub(super) fn warm_up(server: &Server, key: &str, organisation: usize) {
    let answer = server.send(&batch(key, [organisation].into_iter()));
    assert_accepted(&answer, 1);
}

/// A session that holds an organisation, which has orders, as a server does in a transaction.
pub(super) fn hold(data: &Path, organisation: usize) -> Database {
    let mut holder = Database::of(data);
    holder.run(&format!(
        "begin; select pg_advisory_xact_lock_shared(x'7768617266'::bigint); select organisation from organisation_locks where organisation = \
         (select id from organisations where code = '{}') for update",
        code(organisation)
    ));
    holder
}

#[test]
fn an_organisation_that_is_held_delays_only_its_own_orders() {
    let pair = Pair::start(directory(4));
    let [here, there] = &pair.servers;
    for at in 0..4 {
        warm_up(here, "first", at);
    }
    warm_up(there, "second", 1);
    let mut holder = hold(pair.data.path(), 3);
    let mut looks = Database::of(pair.data.path());
    std::thread::scope(|scope| {
        for round in 0..20 {
            let key = format!("K{round}");
            for (server, at) in [(here, 0), (there, 1)] {
                assert_accepted(&server.send(&batch(&key, [at, 2].into_iter())), 2 - at);
            }
        }
        assert_eq!(looks.count(WAITING), 0, "nobody waited");
        let held = scope.spawn(|| there.send(&batch("held", [3].into_iter())));
        until("it waits for the organisation", || {
            looks.count(WAITING) == 1
        });
        assert_accepted(&here.send(&batch("beside", 0..3)), 3);
        assert!(!held.is_finished());
        holder.run("rollback");
        assert_accepted(&held.join().unwrap(), 1);
    });
    pair.assert_whole();
}

#[test]
fn organisations_in_opposite_orders_are_no_deadlock() {
    const ORGANISATIONS: usize = 50;
    storm(1, |seed| {
        let pair = Pair::start(directory(ORGANISATIONS));
        for (server, key) in pair.servers.iter().zip(["first", "second"]) {
            warm_up(server, key, 0);
        }
        let client = |at: usize| {
            let server = &pair.servers[at % 2];
            let mut random = Random::new(seed * 32 + at as u64);
            let mut connection = Connection::open(server.address);
            let mut orders = 0;
            for round in 0..10 {
                let count = random.below(ORGANISATIONS) + 1;
                let from = random.below(ORGANISATIONS);
                let of = (0..count).map(|step| (from + step) % ORGANISATIONS);
                let of: Vec<usize> = if at % 4 < 2 {
                    of.collect()
                } else {
                    of.rev().collect()
                };
                let key = format!("C{at}-{round}");
                let answer = connection.exchange(&batch(&key, of.into_iter())).unwrap();
                assert_accepted(&answer, count);
                orders += count;
            }
            orders
        };
        let sent: usize = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..32).map(|at| scope.spawn(move || client(at))).collect();
            clients
                .into_iter()
                .map(|client| client.join().unwrap())
                .sum()
        });
        let found = stored::check(pair.data.path());
        assert_eq!(found.faults, Vec::<String>::new());
        assert_eq!(found.orders, sent as u64 + 2);
        let select = "select deadlocks from pg_stat_database where datname = current_database()";
        assert_eq!(Database::of(pair.data.path()).number(select), 0);
    });
}

#[test]
fn orders_of_other_organisations_are_moved_while_one_is_held() {
    let pair = Pair::start(directory(3));
    let [here, there] = &pair.servers;
    warm_up(here, "first", 0);
    warm_up(there, "second", 0);
    let mut orders = Vec::new();
    for key in ["A", "B", "C"] {
        let answer = here.send(&batch(key, 0..3));
        assert_accepted(&answer, 3);
        orders.push(ids_of(&answer, 3));
    }
    let held: Vec<String> = orders.iter().map(|ids| ids[2].clone()).collect();
    let mut holder = hold(pair.data.path(), 2);
    std::thread::scope(|scope| {
        let process = scope.spawn(|| there.send(&moving("process", &held[..1])));
        let cancel = scope.spawn(|| there.send(&moving("cancel", &held[1..2])));
        until("both wait", || waiting_in(there) >= 2.0);
        for server in [here, there] {
            let target = format!("/v1/orders/{}/fulfilment", orders[2][0]);
            let report = post(&target, &json!({"status": "shipped"})).method("PUT");
            assert_eq!(server.send(&report).status, 200);
        }
        for (server, at) in [(here, 0), (there, 1)] {
            let moved = server.send(&moving("process", &orders[0][at..=at]));
            assert_eq!(moved.status, 200, "{}", moved.text());
            let moved = server.send(&moving("cancel", &orders[1][at..=at]));
            assert_eq!(moved.status, 200, "{}", moved.text());
        }
        assert!(!process.is_finished() && !cancel.is_finished());
        holder.run("rollback");
        for answer in [process.join().unwrap(), cancel.join().unwrap()] {
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    });
    for (at, state) in [(0, "processed"), (1, "cancelled"), (2, "pending")] {
        for id in &orders[at] {
            let order = there.send(&post(&format!("/v1/orders/{id}"), &json!({})).method("GET"));
            assert_eq!(order.json()["state"], state, "{}", order.text());
        }
    }
    pair.assert_whole();
}

#[test]
fn an_organisation_that_is_held_delays_no_other_of_its_server() {
    const ORGANISATIONS: usize = 21;
    let data = directory(ORGANISATIONS);
    let server = &Server::start(data.path());
    assert_accepted(
        &server.send(&batch("first", 0..ORGANISATIONS)),
        ORGANISATIONS,
    );
    let mut holder = hold(data.path(), 0);
    std::thread::scope(|scope| {
        // One after the other, so that their order is known: the second changes what the first creates.
        let one = scope.spawn(|| server.send(&batch("held", [0].into_iter())));
        until("one waits", || waiting_in(server) == 1.0);
        let both = scope.spawn(|| server.send(&batch_of("S-2", "held", [0, 1].into_iter())));
        until("two wait", || waiting_in(server) == 2.0);
        let third = scope.spawn(|| server.send(&batch_of("S-3", "held", [0].into_iter())));
        until("three wait", || waiting_in(server) == 3.0);
        let others = (2..ORGANISATIONS).map(|at| {
            let send = move || server.send(&batch("beside", [at].into_iter()));
            scope.spawn(send)
        });
        for other in others.collect::<Vec<_>>() {
            assert_accepted(&other.join().unwrap(), 1);
        }
        let held = [one, both, third];
        assert!(held.iter().all(|held| !held.is_finished()));
        holder.run("rollback");
        let answers = held.map(|held| held.join().unwrap().json());
        let outcomes = answers.map(|answer| answer["results"][0]["outcome"].clone());
        assert_eq!(outcomes, ["accepted", "updated", "updated"]);
    });
    let found = stored::check(data.path());
    assert_eq!(found.faults, Vec::<String>::new());
    assert_eq!(found.orders, 2 * ORGANISATIONS as u64);
}

/// While it waits, a request claims no idempotency key. It does when it runs.
#[test]
fn a_request_that_waits_at_two_servers_is_done_once() {
    let pair = Pair::start(directory(2));
    let [here, there] = &pair.servers;
    warm_up(here, "first", 0);
    warm_up(there, "second", 1);
    let mut holder = hold(pair.data.path(), 1);
    let named = batch("held", 0..2).header("idempotency-key", "one");
    let mut looks = Database::of(pair.data.path());
    std::thread::scope(|scope| {
        let waiting = [here, there].map(|server| {
            let named = &named;
            let waiting = scope.spawn(move || server.send(named));
            // A first try claims the key, and waits for nothing because one organisation is free.
            until("it waits", || {
                waiting_in(server) == 1.0 && looks.count(WAITING) > 0
            });
            waiting
        });
        holder.run("rollback");
        let answers = waiting.map(|waiting| waiting.join().unwrap());
        let (done, others): (Vec<_>, Vec<_>) = answers
            .into_iter()
            .partition(|answer| answer.status == 200 && !is_replayed(answer));
        assert_eq!((done.len(), others.len()), (1, 1));
        assert_accepted(&done[0], 2);
        // It is done, or still in progress there.
        let other = &others[0];
        assert!([200, 409].contains(&other.status), "{}", other.text());
        let again = here.send(&named);
        assert_eq!((again.status, again.text()), (200, done[0].text()));
    });
    let found = stored::check(pair.data.path());
    assert_eq!((found.orders, found.faults), (4, Vec::new()));
}

#[test]
fn who_waits_too_long_for_an_organisation_is_told_to_come_again() {
    let data = directory(2);
    let server = &Server::start(data.path());
    assert_accepted(&server.send(&batch("first", 0..2)), 2);
    let mut holder = hold(data.path(), 0);
    std::thread::scope(|scope| {
        let held = scope.spawn(|| server.send(&batch("held", [0].into_iter())));
        let mut others = 0;
        while !held.is_finished() {
            let key = format!("K{others}");
            assert_accepted(&server.send(&batch(&key, [1].into_iter())), 1);
            others += 1;
        }
        let answer = held.join().unwrap();
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
    });
    holder.run("rollback");
    assert_accepted(&server.send(&batch("held", [0].into_iter())), 1);
    assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
}

/// Clients of two servers submit, process and cancel orders of all organisations, in opposite orders.
#[test]
fn moves_in_opposite_orders_are_no_deadlock() {
    const ORGANISATIONS: usize = 50;
    const ROUNDS: usize = 5;
    storm(1, |seed| {
        let pair = Pair::start(directory(ORGANISATIONS));
        for (server, key) in pair.servers.iter().zip(["first", "second"]) {
            warm_up(server, key, 0);
        }
        let client = |at: usize| {
            let mut random = Random::new(seed * 32 + at as u64);
            // Each client sends its requests to either server. Connections that wait for their turn would be closed.
            let servers = &pair.servers;
            let mut left = Vec::new();
            for round in 0..ROUNDS {
                let count = random.below(ORGANISATIONS) + 1;
                let from = random.below(ORGANISATIONS);
                let mut of: Vec<usize> = (0..count)
                    .map(|step| (from + step) % ORGANISATIONS)
                    .collect();
                if at % 4 < 2 {
                    of.reverse();
                }
                let key = format!("C{at}-{round}");
                let submit = batch(&key, of.into_iter());
                let answer = servers[at % 2].send(&submit);
                assert_accepted(&answer, count);
                let mut ids = ids_of(&answer, count);
                let rest = ids.split_off(count / 2);
                for (to, mut ids) in [("process", ids), ("cancel", rest)] {
                    if random.below(2) == 0 {
                        ids.reverse();
                    }
                    if !ids.is_empty() {
                        let answer = servers[random.below(2)].send(&moving(to, &ids));
                        assert_eq!(answer.status, 200, "{}", answer.text());
                    }
                }
                left.push((count / 2, count.div_ceil(2)));
            }
            left
        };
        let moved: Vec<(usize, usize)> = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..32).map(|at| scope.spawn(move || client(at))).collect();
            let moved = clients.into_iter().map(|client| client.join().unwrap());
            moved.flatten().collect()
        });
        let found = stored::check(pair.data.path());
        assert_eq!(found.faults, Vec::<String>::new());
        let sum = |of: fn(&(usize, usize)) -> usize| moved.iter().map(of).sum::<usize>() as u64;
        let (processed, cancelled) = (sum(|moved| moved.0), sum(|moved| moved.1));
        assert_eq!(found.orders, processed + cancelled + 2);
        let mut stored = Database::of(pair.data.path());
        let select = "select deadlocks from pg_stat_database where datname = current_database()";
        assert_eq!(stored.number(select), 0);
        for (state, expected) in [
            ("processed", processed),
            ("cancelled", cancelled),
            ("pending", 2),
        ] {
            assert_eq!(count_in(&pair, state), expected, "{state}");
        }
    });
}

/// The orders of all organisations in a state.
fn count_in(pair: &Pair, state: &str) -> u64 {
    let mut orders = 0;
    let mut target = format!("/v1/orders?state={state}&limit=1000");
    loop {
        let page = pair.servers[0]
            .send(&post(&target, &json!({})).method("GET"))
            .json();
        orders += page["data"].as_array().unwrap().len() as u64;
        let Some(next) = page["next"].as_str() else {
            return orders;
        };
        target = format!("/v1/orders?state={state}&limit=1000&after={next}");
    }
}
