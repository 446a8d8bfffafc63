//! Erasures that are interrupted by an error or a signal, and one that a reader prevents from finishing.

use std::path::Path;

use serde_json::json;

use super::{ANN, BOB, assert_whole, erase, files, found, history, of};
use crate::support::database::{self, Database, is_on_postgres, on_embedded};
use crate::support::fixture;
use crate::support::server::{Server, program, run};
use crate::support::stored;
use crate::support::v1::submit;
use wharfinger::store::EmailRuns;

/// More blocks than an erasure rewrites in a few transactions.
const BLOCKS: usize = 120;

const ARGUMENTS: [&str; 6] = ["customer", "erase", "--org", "TRK001", "--email", ANN];

/// Creates orders that each have their own block. Every second one belongs to Ann, by its first or its second revision.
fn fill(server: &Server) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..BLOCKS {
        let (email, name) = if number % 2 == 0 {
            (ANN, "Annabel")
        } else {
            (BOB, "Bobby")
        };
        let email = if number % 4 == 0 {
            "old@example.com"
        } else {
            email
        };
        let (_, of_one) = submit(server, "TRK001", &[of(email, name, &number.to_string())]);
        ids.extend(of_one);
    }
    for number in (0..BLOCKS).step_by(2) {
        let email = if number % 4 == 0 {
            ANN
        } else {
            "new@example.com"
        };
        submit(
            server,
            "TRK001",
            &[of(email, "Annabel", &number.to_string())],
        );
    }
    ids
}

/// Builds the e-mail index of everything stored so far, in parts of a few entries.
fn build_runs(data: &Path) {
    let email_runs = EmailRuns {
        blocks_min: 1,
        part_entries: 8,
        fan_in: 3,
        ..EmailRuns::default()
    };
    stored::build_runs(data, email_runs);
}

/// Number of blocks that contain the name Annabel. The query itself must not leave the name in the file.
fn blocks_left(data: &Path) -> usize {
    let mut database = Database::of(data);
    let of_ann = format!("blocks where {}", database.has("texts", "Annabel"));
    usize::try_from(database.count(&of_ann)).unwrap()
}

#[test]
fn an_erasure_that_is_broken_off_is_finished_by_the_next() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let ids = fill(&server);
    build_runs(data.path());
    drop(stored::settled(data.path()));
    let all = blocks_left(data.path());
    assert_eq!(all, BLOCKS);
    let stop_at = |left: usize| {
        let mut database = Database::of(data.path());
        let has = database.has("texts", "Annabel");
        let when = format!("(select count(*) from blocks where {has}) <= {left}");
        database.stop("update of texts", "blocks", &when);
    };
    // Interrupted in the middle of a transaction, by an error.
    stop_at(all - 40);
    assert!(!run(data.path(), &ARGUMENTS).status.success());
    let left = blocks_left(data.path());
    assert!((BLOCKS / 2..BLOCKS).contains(&left), "{left}");
    assert_whole(data.path());
    // Interrupted by a signal, as soon as something more is erased.
    stop_at(0);
    let mut killed = program();
    killed.args(ARGUMENTS);
    database::aim(&mut killed, data.path());
    let mut killed = killed.spawn().unwrap();
    while blocks_left(data.path()) == left {
        assert_eq!(
            killed.try_wait().unwrap(),
            None,
            "it erases something first"
        );
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_whole(data.path());
    Database::of(data.path()).stop_no_more("blocks");

    assert_eq!(erase(data.path(), ANN)["orders"], BLOCKS / 2);
    assert_eq!(blocks_left(data.path()), 0);
    assert_whole(data.path());
    files::assert_gone(
        data.path(),
        &[ANN, "annabel", "old@example.com", "new@example.com"],
    );
    for id in ids.iter().step_by(2) {
        assert!(!history(&server, id).to_string().contains("Anna"), "{id}");
    }
    assert_eq!(found(&server, BOB), BLOCKS / 2);
    build_runs(data.path());
    assert_whole(data.path());
    assert_eq!(
        erase(data.path(), ANN),
        json!({"organisation": "TRK001", "orders": 0, "cancelled": 0, "customers": 0, "rejected": 0, "answers": 0, "attempts": 0, "delivered_to": [], "compacted": !is_on_postgres()})
    );
}

#[test]
fn no_hash_of_an_erased_address_is_left_in_the_index() {
    if !on_embedded("looks through the files") {
        return;
    }
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    fill(&server);
    build_runs(data.path());
    let hashes = |address: &str| {
        let database = rusqlite::Connection::open(data.path().join("orders.db")).unwrap();
        let select = "select value from settings where name = ?1";
        let half = |name: &str| -> i64 {
            database
                .query_row(select, [name], |row| row.get(0))
                .unwrap()
        };
        let mut key = [0; 16];
        key[..8].copy_from_slice(&half("email_key_1").to_le_bytes());
        key[8..].copy_from_slice(&half("email_key_2").to_le_bytes());
        let hash = siphasher::sip::SipHasher13::new_with_key(&key).hash(address.as_bytes());
        let file = std::fs::read(data.path().join("orders.db")).unwrap();
        let log = std::fs::read(data.path().join("orders.db-wal")).unwrap();
        let bytes = hash.to_le_bytes();
        [file, log]
            .iter()
            .flat_map(|file| file.windows(8))
            .filter(|window| *window == bytes)
            .count()
    };
    assert!(hashes(ANN) > 0);
    erase(data.path(), ANN);
    for address in [ANN, "old@example.com", "new@example.com"] {
        assert_eq!(hashes(address), 0, "{address}");
    }
    assert!(hashes(BOB) > 0);
    assert_eq!(found(&server, BOB), BLOCKS / 2);
    assert_whole(data.path());
}

#[test]
fn a_reader_that_keeps_the_log_is_told_of() {
    if !on_embedded("is of SQLite's log") {
        return;
    }
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[of(ANN, "Annabel", "A-1")]);
    let reader = rusqlite::Connection::open(data.path().join("orders.db")).unwrap();
    reader
        .execute_batch("begin; select count(*) from order_leaves;")
        .unwrap();
    let refused = run(data.path(), &ARGUMENTS);
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("its log could not be emptied"), "{said}");
    // The server keeps working meanwhile.
    submit(&server, "TRK001", &[of(BOB, "Bobby", "B-1")]);
    reader.execute_batch("rollback").unwrap();
    assert_eq!(erase(data.path(), ANN)["orders"], 1);
    files::assert_gone(data.path(), &[ANN, "annabel"]);
}
