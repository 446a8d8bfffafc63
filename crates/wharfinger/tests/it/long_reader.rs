//! A reader that holds the write-ahead log for a long time.

use crate::support::database;
use crate::support::fixture;
use crate::support::server::{Server, program};
use crate::support::v1::{order, submit};

/// Intended size of the log in pages, and the size in bytes at which a reader is reported: four times as much.
const PAGES: &str = "32";
const BEHIND_BYTES: f64 = 4.0 * 32.0 * 4_096.0;

#[test]
fn the_log_grows_beside_a_long_reader_and_it_is_told_who_that_is() {
    if !database::on_embedded("a server of PostgreSQL has its own log") {
        return;
    }
    let data = fixture::data_directory();
    let mut command = program();
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--log",
        "info",
        "--log-format",
        "json",
    ]);
    command.args(["--log-pages", PAGES]);
    let path = data.path().join("log");
    command.stderr(std::fs::File::create(&path).unwrap());
    database::aim(&mut command, data.path());
    let server = Server::spawn(command);
    let mut taken = 0;
    let mut take = || {
        taken += 1;
        let keys = (0..50).map(|at| order(&format!("{taken}-{at}")));
        let answer = submit(&server, "TRK001", &keys.collect::<Vec<_>>()).0;
        assert_eq!(answer.json()["accepted"], 50);
    };
    take();
    let reader = rusqlite::Connection::open(data.path().join("orders.db")).unwrap();
    reader
        .execute_batch("begin; select count(*) from blocks")
        .unwrap();
    // If each commit waited for the reader, this would take hours.
    let mut rounds = 0;
    while server.metric("wharfinger_store_log_bytes") < 3.0 * BEHIND_BYTES {
        take();
        rounds += 1;
        assert!(rounds < 5_000, "the log does not grow");
    }
    assert!(server.metric("wharfinger_store_log_held_since_seconds") > 1.7e9);
    let log = std::fs::read_to_string(&path).unwrap();
    let warning = log
        .lines()
        .find(|line| line.contains("long read transaction"));
    let warning = warning.expect("it is warned of");
    assert!(
        warning.contains(&format!("{} (", std::process::id())),
        "{warning}"
    );

    drop(reader);
    while server.metric("wharfinger_store_log_bytes") > BEHIND_BYTES {
        take();
        rounds += 1;
        assert!(rounds < 10_000, "the log does not begin anew");
    }
    assert_eq!(
        server.metric("wharfinger_store_log_held_since_seconds"),
        0.0
    );
}
