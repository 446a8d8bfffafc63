//! Purges that are interrupted by an error or a signal.

use std::path::Path;

use serde_json::json;

use super::{DATE, age, ask, assert_whole, build_runs, events, keys, purge, told};
use crate::support::database::{self, Database};
use crate::support::fixture;
use crate::support::server::{Server, program, run};
use crate::support::stored::check;
use crate::support::v1::{get, request, submit};

/// Creates orders that each have their own block, and processes every second one. Returns their ids.
fn fill_blocks(data: &Path, server: &Server) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..BLOCKS {
        let (_, of_one) = submit(server, "TRK001", &[told(&number.to_string(), "words")]);
        ids.extend(of_one);
    }
    let processed: Vec<_> = ids.iter().step_by(2).collect();
    let body = serde_json::to_vec(&json!({"ids": processed})).unwrap();
    let post = request("POST", "/v1/orders/process", "full").body(body);
    assert_eq!(server.send(&post).status, 200);
    age(data);
    build_runs(data);
    ids
}

/// More than a purge deletes in a few transactions.
const BLOCKS: usize = 120;

/// Counts blocks with texts. Each has one order.
const LEFT: &str = "select count(*) from blocks where texts is not null";

fn orders_left(data: &Path) -> usize {
    usize::try_from(Database::of(data).number(LEFT)).unwrap()
}

#[test]
fn a_purge_that_is_broken_off_is_finished_by_the_next() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let ids = fill_blocks(data.path(), &server);
    let stop_at = |left: usize| {
        let when = format!("({LEFT}) <= {left}");
        Database::of(data.path()).stop("update", "blocks", &when);
    };
    // Interrupted in the middle of a transaction, by an error.
    stop_at(BLOCKS - 30);
    let stopped = run(data.path(), &["purge", "--before", DATE]);
    assert!(!stopped.status.success());
    let left = orders_left(data.path());
    assert!((BLOCKS / 2 + 1..BLOCKS).contains(&left), "{left}");
    assert_half_purged(&server, data.path(), &ids);
    // Interrupted by a signal, as soon as something more is deleted. Little is left then, at most.
    stop_at(0);
    let mut killed = program();
    killed.args(["purge", "--before", DATE]);
    database::aim(&mut killed, data.path());
    let mut killed = killed.spawn().unwrap();
    while orders_left(data.path()) == left {
        assert_eq!(
            killed.try_wait().unwrap(),
            None,
            "it removes something first"
        );
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_half_purged(&server, data.path(), &ids);

    // Works with an earlier date too.
    purge(data.path(), "1999-01-01");
    assert_eq!(orders_left(data.path()), BLOCKS / 2);
    assert_whole(data.path());
    for number in 0..4 {
        let found = keys(&server, &format!("email={number}@example.com"));
        assert_eq!(found.len(), number % 2, "{number}");
    }
    // New data builds on the purged store.
    submit(&server, "TRK001", &[told("0", "words")]);
    build_runs(data.path());
    assert_whole(data.path());
    assert_eq!(keys(&server, "email=0@example.com"), ["0"]);
    for (number, id) in ids.iter().enumerate() {
        let status = if number % 2 == 0 { 404 } else { 200 };
        assert_eq!(ask(&server, &format!("/v1/orders/{id}")).status, status);
    }
    let receipts = get(&server, "/v1/batches?limit=1000");
    assert_eq!(receipts["data"].as_array().unwrap().len(), BLOCKS / 2 + 1);
    // The remaining journal must start where the purge recorded it, without a gap.
    let delete = "delete from blocks where id = (select min(id) from blocks)";
    assert_eq!(Database::of(data.path()).execute(delete), 1);
    assert!(!check(data.path()).faults.is_empty());
}

/// All requests succeed, and all open orders exist.
fn assert_half_purged(server: &Server, data: &Path, ids: &[String]) {
    assert_whole(data);
    for id in ids {
        for part in ["", "/history"] {
            let status = ask(server, &format!("/v1/orders/{id}{part}")).status;
            assert!([200, 404].contains(&status), "{id}{part}: {status}");
        }
    }
    let open = keys(server, "state=pending&limit=1000");
    assert_eq!(open.len(), BLOCKS / 2);
    for query in [
        "limit=1000",
        "updated_after=1999-01-01T00:00:00Z&limit=1000",
    ] {
        assert!(keys(server, query).len() >= BLOCKS / 2);
    }
    events(server, "");
    get(server, "/v1/batches?limit=1000");
}
