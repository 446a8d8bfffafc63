//! The log of recent changes, which servers add to, read from each other, and merge into the tables one at a time.

use std::path::Path;

use postgres::NoTls;
use serde_json::Value;

use super::organisations::{assert_accepted, batch, directory, hold, post, warm_up};
use super::{Pair, until};
use crate::support::database::{self, Database};
use crate::support::seed::{Random, storm};
use crate::support::server::Server;
use crate::support::stored;

/// Keys that the servers of the storm change.
const KEYS: usize = 24;
const THREADS: usize = 4;
const BATCHES: usize = 40;

fn generation(data: &Path) -> i64 {
    Database::of(data).number("select generation from merges")
}

#[test]
fn recent_changes_are_merged_although_an_organisation_is_held() {
    let data = directory(60);
    let server = Server::start(data.path());
    assert_accepted(&server.send(&batch("first", 0..1)), 1);
    let holder = hold(data.path(), 0);
    let before = generation(data.path());
    // More keys than the server keeps.
    for at in 0..4 {
        assert_accepted(&server.send(&batch(&format!("K-{at}"), 1..60)), 59);
    }
    until("the log is merged", || generation(data.path()) > before);
    // With the counters of the organisation that is held.
    until("they are in the table", || {
        let first =
            "counters where organisation = (select id from organisations where code = 'M00')";
        Database::of(data.path()).count(first) == 1
    });
    drop(holder);
    assert_accepted(&server.send(&batch("last", 0..60)), 60);
    assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
}

#[test]
fn orders_are_accepted_and_found_while_merging_fails() {
    let data = directory(60);
    let server = Server::start(data.path());
    Database::of(data.path()).stop("insert", "block_packs", "true");
    let before = generation(data.path());
    for at in 0..4 {
        assert_accepted(&server.send(&batch(&format!("K-{at}"), 0..60)), 60);
    }
    // The same orders again, by a server that has only the log.
    let other = Server::start(data.path());
    for at in 0..4 {
        let answer = other.send(&batch(&format!("K-{at}"), 0..60));
        assert_eq!(answer.json()["unchanged"], 60, "{}", answer.text());
    }
    assert_eq!(generation(data.path()), before);
    assert_eq!(stored::check(data.path()).orders, 240);
    Database::of(data.path()).stop_no_more("block_packs");
    until("the log is merged", || generation(data.path()) > before);
    assert_eq!(stored::check(data.path()).orders, 240);
    assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
}

#[test]
fn a_server_that_does_not_know_the_log_cannot_write_around_it() {
    let data = directory(1);
    let server = Server::start(data.path());
    warm_up(&server, "first", 0);
    let url = database::url(data.path()).expect("it is on PostgreSQL");
    let refused = std::thread::spawn(move || {
        let mut client = postgres::Client::connect(&url, NoTls).expect("a connection");
        let update =
            "insert into counters select id, 1, 1, 1, 0, 0, 0, 0, 0, '' from organisations";
        client.batch_execute(update).expect_err("it is refused")
    });
    let refused = refused.join().expect("it ends");
    let told = refused.as_db_error().map(postgres::error::DbError::message);
    let told = told.unwrap_or_default();
    assert!(told.contains("newer version"), "{told}");
    assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
}

/// Servers that change the same orders again and again, while each of them merges what both have changed.
#[test]
fn storm_of_servers_that_change_the_same_orders_loses_no_revision() {
    storm(2, |seed| {
        let pair = Pair::start(directory(3));
        for (server, key) in pair.servers.iter().zip(["one", "other"]) {
            warm_up(server, key, 0);
        }
        let revisions = std::thread::scope(|scope| {
            let threads = (0..THREADS).map(|thread| {
                let server = &pair.servers[thread % 2];
                let mut random = Random::new(seed + thread as u64);
                scope.spawn(move || {
                    (0..BATCHES)
                        .map(|_| change(server, &mut random))
                        .sum::<u64>()
                })
            });
            let threads = Vec::from_iter(threads);
            let counts = threads
                .into_iter()
                .map(|thread| thread.join().expect("it ends"));
            counts.sum::<u64>()
        });
        let report = stored::check(pair.data.path());
        assert_eq!(report.faults, Vec::<String>::new());
        assert_eq!(report.revisions, revisions + 2);
    });
}

/// Sends some orders of random contents. Returns how many revisions that has made.
fn change(server: &Server, random: &mut Random) -> u64 {
    let orders = (0..1 + random.below(12)).map(|_| {
        serde_json::json!({
            "organisation": format!("M{:02}", random.below(3)), "key": format!("K-{}", random.below(KEYS)),
            "placed_at": "2026-11-21", "lines": [{"sku": format!("S-{}", random.below(1_000))}]
        })
    });
    let answer = server.send(&post("/v1/batches", &Value::from_iter(orders)));
    let told = answer.json();
    assert_eq!(answer.status, 200, "{told}");
    let count = |outcome: &str| told[outcome].as_u64().expect("a count");
    count("accepted") + count("updated")
}
