//! A store that was restored to an earlier state, and the readers of its feed.

use std::path::Path;

use serde_json::Value;

use crate::support::client::Response;
use crate::support::database;
use crate::support::fixture::{self, DataDirectory, copy_files};
use crate::support::server::{Server, program};
use crate::support::v1::{get, order, request, submit};

/// Submits this many orders with their own keys.
pub(crate) fn take(server: &Server, organisation: &str, prefix: &str, count: usize) -> Vec<String> {
    let orders = (0..count).map(|at| order(&format!("{prefix}-{at}")));
    submit(server, organisation, &orders.collect::<Vec<_>>()).1
}

fn read(server: &Server, filter: &str, cursor: &str) -> Response {
    let target = format!("/v1/events?limit=1000{filter}&after={cursor}");
    server.send(&request("GET", &target, "full"))
}

/// The orders in the feed after a cursor, and the cursor at its end.
pub(crate) fn read_on(server: &Server, cursor: &str) -> (Vec<String>, String) {
    let target = match cursor {
        "" => "/v1/events?limit=1000".to_owned(),
        cursor => format!("/v1/events?limit=1000&after={cursor}"),
    };
    let page = get(server, &target);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let events = page["data"].as_array().unwrap().iter();
    let orders = events.filter_map(|event| text(&event["order_id"]));
    (orders.collect(), text(&page["next"]).unwrap())
}

/// Asserts that a cursor gets 410. Returns the cursor to continue from.
fn gone(server: &Server, filter: &str, cursor: &str) -> String {
    let answer = read(server, filter, cursor);
    assert_eq!(answer.status, 410, "{}", answer.text());
    let answer = answer.json();
    let detail = answer["detail"].as_str().unwrap();
    assert!(detail.contains("restored to a moment before"), "{detail}");
    answer["first"]
        .as_str()
        .expect("a cursor to go on with")
        .to_owned()
}

/// Asserts that readers miss nothing after a restore, whatever is written later. A reader with the cursor `ahead`, which is from
/// after the restored moment, is told the orders `again` once more. `behind` is a cursor from that moment.
pub(crate) fn is_safe(data: &Path, again: &[String], (behind, ahead): (&str, &str)) {
    let server = Server::start(data);
    // Before anything is written, and when there is more than before.
    gone(&server, "", ahead);
    let mut new = take(&server, "TRK001", "N", 20);
    let first = gone(&server, "", ahead);
    // Also if the request leaves out the organisation for which the cursor is invalid.
    gone(&server, "&organisation=TRK002", ahead);
    let stream = request("GET", "/v1/events", "full")
        .header("accept", "text/event-stream")
        .header("last-event-id", ahead);
    assert_eq!(server.send(&stream).status, 410);
    assert_eq!(read_on(&server, behind).0, new);
    let mut all = again.to_vec();
    all.append(&mut new);
    let (mut told, next) = read_on(&server, &first);
    all.sort();
    told.sort();
    assert_eq!(told, all);
    assert_eq!(read_on(&server, &next).0, Vec::<String>::new());
}

/// A store before and after a moment, with its readers' cursors.
struct Moment {
    data: DataDirectory,
    /// The copy to restore.
    backup: DataDirectory,
    orders: Vec<String>,
    behind: String,
    ahead: String,
}

fn live_through() -> Moment {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let mut orders = take(&server, "TRK001", "A", 3);
    orders.extend(take(&server, "TRK002", "A", 2));
    let behind = read_on(&server, "").1;
    drop(server);
    let backup = data.duplicate();
    let server = Server::start(data.path());
    take(&server, "TRK001", "L", 10);
    let ahead = read_on(&server, &behind).1;
    Moment {
        data,
        backup,
        orders,
        behind,
        ahead,
    }
}

#[test]
fn a_store_restored_as_a_whole_turns_cursors_away_that_lie_beyond_it() {
    let moment = live_through();
    let cursors = (moment.behind.as_str(), moment.ahead.as_str());
    is_safe(moment.backup.path(), &moment.orders, cursors);
}

#[test]
fn so_does_one_whose_files_were_written_over_in_their_place() {
    if !database::on_embedded("files are written over") {
        return;
    }
    let moment = live_through();
    let log = moment.data.path().join("orders.db-wal");
    copy_files(moment.backup.path(), moment.data.path());
    if !moment.backup.path().join("orders.db-wal").exists() && log.exists() {
        std::fs::remove_file(log).unwrap();
    }
    let cursors = (moment.behind.as_str(), moment.ahead.as_str());
    is_safe(moment.data.path(), &moment.orders, cursors);
}

#[test]
fn so_does_one_restored_to_a_moment_within_the_life_of_its_server() {
    if !database::on_embedded("files are copied beside a server") {
        return;
    }
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    take(&server, "TRK001", "A", 3);
    let behind = read_on(&server, "").1;
    let backup = data.duplicate();
    take(&server, "TRK001", "L", 10);
    let ahead = read_on(&server, &behind).1;
    drop(server);
    // The store knows the reader's epoch, and with it where their histories part.
    is_safe(backup.path(), &[], (&behind, &ahead));
}

#[test]
fn a_restart_a_kill_and_a_copy_keep_cursors() {
    let data = fixture::data_directory();
    let mut cursor = String::new();
    for (round, is_killed) in [false, true, true, false].into_iter().enumerate() {
        let server = Server::start(data.path());
        // At the start, and after something was written.
        let told = read_on(&server, &cursor);
        assert_eq!(told.0, Vec::<String>::new());
        let taken = take(&server, "TRK001", &format!("R{round}"), 3);
        let (told, next) = read_on(&server, &cursor);
        assert_eq!(told, taken);
        // The cursor includes an organisation that gets no more writes.
        take(&server, "TRK002", "same", 1);
        cursor = read_on(&server, &next).1;
        if is_killed {
            server.kill();
        } else {
            server.terminate();
            server.wait();
        }
    }
    let target = fixture::empty_directory();
    copy(data.path(), target.path());
    let server = Server::start(target.path());
    let taken = take(&server, "TRK001", "C", 1);
    assert_eq!(read_on(&server, &cursor).0, taken);
    // The source continued separately, and its readers switch to the copy.
    let source = Server::start(data.path());
    take(&source, "TRK001", "S", 1);
    let ahead = read_on(&source, &cursor).1;
    gone(&server, "", &ahead);
}

#[test]
fn a_cursor_tells_nothing_of_an_organisation_that_the_key_does_not_reach() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    take(&server, "TRK001", "A", 3);
    let there = take(&server, "TRK002", "A", 1);
    // Key `other` can access only TRK002. The cursor stands in the middle of TRK001.
    let full = get(&server, "/v1/events?limit=2")["next"].clone();
    let target = format!("/v1/events?after={}", full.as_str().unwrap());
    let answer = server.send(&request("GET", &target, "other"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let events = answer.json()["data"].as_array().unwrap().clone();
    let orders = events.iter().filter_map(|event| event["order_id"].as_str());
    assert_eq!(orders.collect::<Vec<_>>(), there);
}

/// Copies a store with `wharfinger copy`.
fn copy(from: &Path, to: &Path) {
    let place = |data: &Path| match database::url(data) {
        Some(url) => url,
        None => data.to_str().unwrap().to_owned(),
    };
    let mut copy = program();
    copy.args(["copy", "--from", &place(from), "--to", &place(to)]);
    let output = copy.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_copy_to_the_other_engine_and_back_keeps_cursors() {
    let (first, second) = (fixture::postgres_directory(), tempfile::tempdir().unwrap());
    let third = fixture::empty_postgres_directory();
    let stores = [first.path(), second.path(), third.path()];
    let mut cursors: Vec<(String, usize)> = Vec::new();
    let mut written = Vec::new();
    for (round, data) in stores.into_iter().enumerate() {
        if let Some(before) = round.checked_sub(1) {
            copy(stores[before], data);
        }
        let server = Server::start(data);
        for (cursor, from) in &cursors {
            // Before and after the first write.
            assert_eq!(read_on(&server, cursor).0, written[*from..]);
        }
        let taken = take(&server, "TRK001", &format!("R{round}"), 3);
        written.extend(taken);
        for (cursor, from) in &cursors {
            assert_eq!(read_on(&server, cursor).0, written[*from..]);
        }
        let page = get(&server, "/v1/events?limit=1");
        let middle = page["next"].as_str().unwrap().to_owned();
        cursors.push((middle, 0));
        cursors.push((read_on(&server, "").1, written.len()));
    }
}
