//! Batches lock the organisations that they write to, and nothing else.

use std::path::Path;

use serde_json::{Value, json};
use wharfinger::access::rates::Rates;
use wharfinger::access::secret;
use wharfinger::store::{Change, Key, Options};
use wharfinger_core::order::organisation::{OrgAccess, Organisation, Scope};

use super::{Pair, until};
use crate::support::client::{Connection, Request, Response};
use crate::support::database::{self, Database};
use crate::support::fixture::{self, DataDirectory, secret_of};
use crate::support::seed::{Random, storm};
use crate::support::server::Server;
use crate::support::stored;

/// A key that reaches every organisation.
const KEY: &str = "everywhere";
/// Sessions that wait for a lock.
const WAITING: &str =
    "pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";

/// A new data directory with organisations `M00`, `M01` … and [`KEY`].
fn directory(organisations: usize) -> DataDirectory {
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
        };
        store
            .administer("test", Change::CreateKey(key), None)
            .await
            .unwrap();
        store.close().await;
    });
    data
}

fn code(at: usize) -> String {
    format!("M{at:02}")
}

/// A batch with an order for each of these organisations.
fn batch(key: &str, organisations: impl Iterator<Item = usize>) -> Request {
    let order = |at| json!({"organisation": code(at), "key": key, "placed_at": "2026-11-21", "lines": [{"sku": "S-1"}]});
    let orders: Vec<Value> = organisations.map(order).collect();
    Request::new("POST", "/v1/batches")
        .header("authorization", format!("Bearer {}", secret_of(KEY)))
        .body(serde_json::to_vec(&orders).unwrap())
}

fn assert_accepted(answer: &Response, orders: usize) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["accepted"], orders, "{}", answer.text());
}

/// The first batch of a process begins its epoch, and waits for all other writes.
fn warm_up(server: &Server, key: &str, organisation: usize) {
    let answer = server.send(&batch(key, [organisation].into_iter()));
    assert_accepted(&answer, 1);
}

fn hold(data: &Path, organisation: usize) -> Database {
    let mut holder = Database::of(data);
    holder.run(&format!(
        "begin; select next_block from counters where organisation = \
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
