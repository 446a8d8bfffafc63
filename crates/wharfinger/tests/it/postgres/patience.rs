//! Long-held locks: nobody waits forever, and everything works again once they are released.

use std::path::Path;

use super::{own_cluster, until};
use crate::support::changes::{assert_refused, one};
use crate::support::client::{Request, Response};
use crate::support::database::Database;
use crate::support::server::{Server, run};
use crate::support::stored;
use crate::support::v1::{get, order, request, submit};

/// The lock that every writing transaction takes first.
const WRITE_LOCK: &str = "select pg_advisory_xact_lock(x'7768617266'::bigint)";

fn assert_told_to_come_again(answer: &Response) {
    assert_refused("native", answer, 503);
    let seconds = answer.header("retry-after").map(str::parse::<u32>);
    assert!(matches!(seconds, Some(Ok(1..))), "{answer:?}");
}

/// Does something while another connection holds a lock.
fn while_locked<T>(data: &Path, lock: &str, work: impl FnOnce() -> T) -> T {
    let mut other = Database::of(data);
    other.run(&format!("begin; {lock}"));
    let done = work();
    other.run("rollback");
    done
}

#[test]
fn who_waits_too_long_for_the_write_lock_is_told_to_come_again() {
    let (_cluster, data) = own_cluster();
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[order("A")]);
    let named = || one("B").header("idempotency-key", "b");
    let (answer, by_command) = while_locked(data.path(), WRITE_LOCK, || {
        std::thread::scope(|scope| {
            let by_command = scope.spawn(|| run(data.path(), &["org", "create", "NEW001"]));
            let answer = server.send(&named());
            // Reads do not wait.
            assert_eq!(
                get(&server, "/v1/orders")["data"].as_array().unwrap().len(),
                1
            );
            assert_eq!(server.send(&Request::new("GET", "/healthz")).status, 200);
            // One check serves all concurrent requests. With one each, the last would exceed the tests' timeout.
            let asks: Vec<_> = (0..20)
                .map(|_| scope.spawn(|| server.send(&Request::new("GET", "/readyz")).status))
                .collect();
            for ask in asks {
                assert_eq!(ask.join().unwrap(), 503);
            }
            (answer, by_command.join().unwrap())
        })
    });
    assert_told_to_come_again(&answer);
    let said = String::from_utf8_lossy(&by_command.stderr);
    assert_eq!(by_command.status.code(), Some(1), "{said}");
    assert!(said.contains("another process"), "{said}");
    assert_eq!(stored::check(data.path()).orders, 1, "nothing was stored");

    until("it heals", || {
        server.send(&Request::new("GET", "/readyz")).status == 200
    });
    assert_eq!(server.send(&named()).status, 200);
    assert_eq!(stored::check(data.path()).orders, 2);
}

#[test]
fn who_waits_too_long_for_a_table_is_told_to_come_again() {
    let (_cluster, data) = own_cluster();
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[order("A")]);
    let lock = "lock table recent_changes, order_leaves, blocks in access exclusive mode";
    let answers = while_locked(data.path(), lock, || {
        std::thread::scope(|scope| {
            let write = scope.spawn(|| server.send(&one("B")));
            // More requests than read connections.
            let reads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| server.send(&request("GET", "/v1/orders", "full"))))
                .collect();
            let asked = std::iter::once(write).chain(reads);
            asked.map(|asked| asked.join().unwrap()).collect::<Vec<_>>()
        })
    });
    for answer in &answers {
        assert_told_to_come_again(answer);
    }
    assert_eq!(
        get(&server, "/v1/orders")["data"].as_array().unwrap().len(),
        1
    );
    assert_eq!(server.send(&one("B")).status, 200);
    let report = stored::check(data.path());
    assert_eq!((report.orders, report.faults), (2, Vec::new()));
}
