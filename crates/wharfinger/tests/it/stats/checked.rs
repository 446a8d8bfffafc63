//! `wharfinger check` compares the sums with the receipts, and with each other.

use serde_json::json;

use super::{of, post, roll_up, without_sku};
use crate::support::database::Database;
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::stored::check;
use crate::support::v1::order;

#[test]
fn sums_that_differ_from_the_receipts_are_faults() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let orders = [
        of("TRK001", order("A")),
        of("TRK001", without_sku("B", 2)),
        of("TRK002", order("C")),
        json!({"organisation": "NOBODY", "key": "D"}),
    ];
    for _ in 0..2 {
        let sent = server.send(&post("full", "", &orders));
        assert_eq!(sent.status, 207, "{}", sent.text());
    }
    let faults = || check(data.path()).faults;
    assert_eq!(faults(), [""; 0], "what is only in the log is counted");
    server.terminate();
    let (status, _) = server.wait();
    assert!(status.success());
    roll_up(data.path());
    assert_eq!(faults(), [""; 0]);
    for (change, undo, words) in [
        (
            "accepted = accepted + 1 where step = 2 and organisation > 0",
            "accepted = accepted - 1 where step = 2 and organisation > 0",
            "its receipts count",
        ),
        (
            "rejected = rejected - 1 where step = 2 and organisation = 0",
            "rejected = rejected + 1 where step = 2 and organisation = 0",
            "of organisation none",
        ),
        (
            "unchanged = unchanged + 1 where step = 2 and organisation = -1",
            "unchanged = unchanged - 1 where step = 2 and organisation = -1",
            "days of all organisations together",
        ),
        (
            "updated = updated + 1 where step = 1 and organisation > 0",
            "updated = updated - 1 where step = 1 and organisation > 0",
            "the statistics of hours",
        ),
        (
            "withheld = withheld + 1 where step = 0 and organisation > 0",
            "withheld = withheld - 1 where step = 0 and organisation > 0",
            "the statistics of minutes",
        ),
    ] {
        Database::of(data.path()).run(&format!("update stats set {change}"));
        let found = faults();
        assert!(
            found.iter().any(|fault| fault.contains(words)),
            "{change}: {found:?}"
        );
        Database::of(data.path()).run(&format!("update stats set {undo}"));
        assert_eq!(faults(), [""; 0], "{change}");
    }
}

#[test]
fn minutes_that_a_server_with_a_clock_ahead_deleted_are_no_fault() {
    let data = fixture::data_directory();
    for key in ["A", "B"] {
        let server = Server::start(data.path());
        let sent = server.send(&post("full", "", &[of("TRK001", order(key))]));
        assert_eq!(sent.status, 200, "{}", sent.text());
        server.terminate();
        let (status, _) = server.wait();
        assert!(status.success());
        roll_up(data.path());
        if key == "A" {
            Database::of(data.path()).run("delete from stats where step = 0");
        }
    }
    assert_eq!(check(data.path()).faults, [""; 0]);
    // Also if that is the first minute of its hour, of which nothing else is left then.
    let hour_ms = 3_600_000;
    Database::of(data.path()).run(&format!(
        "update stats set at_ms = at_ms - at_ms % {hour_ms} where step = 0"
    ));
    assert_eq!(check(data.path()).faults, [""; 0]);
}
