//! Copies that are interrupted and resumed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::{copied, copying};
use crate::postgres::until;
use crate::support::cluster::shared;
use crate::support::database::{self, Database};
use crate::support::fixture::{self, DataDirectory};
use crate::support::server::{Server, program, run, sentence};
use crate::support::stored;
use crate::support::v1::{order, submit};

/// A store with some orders.
fn source() -> DataDirectory {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let orders = (0..20).map(|number| order(&number.to_string()));
    submit(&server, "TRK001", &Vec::from_iter(orders));
    server.terminate();
    assert!(server.wait().0.success());
    data
}

/// Empty stores, one of each engine.
fn targets() -> (tempfile::TempDir, [PathBuf; 2], DataDirectory) {
    let embedded = tempfile::tempdir().unwrap();
    stored::look(embedded.path(), async |_| ());
    let on_server = fixture::empty_postgres_directory();
    let paths = [embedded.path().to_owned(), on_server.path().to_owned()];
    (embedded, paths, on_server)
}

/// The number of rows in an unfinished copy.
fn there(to: &Path) -> i64 {
    Database::of(to).number("select copied from copying")
}

fn break_off(from: &Path, to: &Path) {
    break_off_when(from, to, "order_leaves", "true");
}

/// Makes a copy fail at the first row of a table for which the condition holds.
fn break_off_when(from: &Path, to: &Path, table: &str, when: &str) {
    Database::of(to).stop("insert", table, when);
    let said = sentence(&copying(from, to).output().unwrap());
    assert!(said.contains("stopped"), "{said}");
    Database::of(to).stop_no_more(table);
    assert!(there(to) > 0);
}

/// More products than one transaction copies, and how many one transaction copies.
const PRODUCTS: u64 = 5_000;
const TOGETHER: i64 = 4_096;

#[test]
fn a_copy_goes_on_where_an_error_ended_it() {
    let (from, (_embedded, targets, _on_server)) = (source(), targets());
    let table = from.path().join("products.csv");
    let rows = (0..PRODUCTS).map(|id| format!("{id},{id}\n"));
    std::fs::write(&table, format!("id,stock\n{}", String::from_iter(rows))).unwrap();
    let table = table.to_str().unwrap();
    let loaded = run(from.path(), &["products", "load", "--org", "TRK001", table]);
    assert!(loaded.status.success());
    let last = "select max(number) from products";
    let last = Database::of(from.path()).number(last);
    for to in &targets {
        break_off_when(from.path(), to, "products", &format!("new.number = {last}"));
        assert_eq!(Database::of(to).count("products"), TOGETHER);
        let there = there(to);
        assert_eq!(copied(from.path(), to)["resumed"], there);
        // It is now a normal store.
        let server = Server::start(to);
        submit(&server, "TRK001", &[order("later")]);
        assert_eq!(stored::check(to).orders, 21);
    }
}

#[test]
fn nobody_opens_an_unfinished_copy() {
    let (from, (_embedded, targets, _on_server)) = (source(), targets());
    for to in &targets {
        break_off(from.path(), to);
        let elsewhere = tempfile::tempdir().unwrap();
        let mut serve = program();
        serve.args(["serve", "--listen", "127.0.0.1:0", "--log", "error"]);
        database::aim(&mut serve, to);
        for output in [
            serve.output().unwrap(),
            run(to, &["org", "list"]),
            run(to, &["check"]),
            copying(to, elsewhere.path()).output().unwrap(),
        ] {
            let said = sentence(&output);
            assert!(said.contains("unfinished copy of"), "{said}");
            assert!(said.contains("`wharfinger copy` again"), "{said}");
            assert!(!said.contains(shared().password()), "{said}");
        }
    }
}

#[test]
fn a_source_that_has_changed_meanwhile_is_noticed() {
    let (from, (_embedded, targets, _on_server)) = (source(), targets());
    for (number, to) in targets.iter().enumerate() {
        break_off(from.path(), to);
        let before = there(to);
        let code = format!("NEW{number}");
        assert!(run(from.path(), &["org", "create", &code]).status.success());
        let said = sentence(&copying(from.path(), to).output().unwrap());
        assert!(said.contains("has changed since"), "{said}");
        assert_eq!(there(to), before);
        // A completely different store, with less content.
        let other = fixture::data_directory();
        let said = sentence(&copying(other.path(), to).output().unwrap());
        assert!(said.contains("has changed since"), "{said}");
    }
}

#[test]
fn rows_that_were_changed_in_the_copy_are_noticed() {
    let (from, (_embedded, targets, _on_server)) = (source(), targets());
    for to in &targets {
        break_off(from.path(), to);
        Database::of(to).run("update batches set duration_ms = duration_ms + 1");
        let said = sentence(&copying(from.path(), to).output().unwrap());
        assert!(said.contains("differ from those read back"), "{said}");
        assert!(there(to) > 0, "it is not to be served");
    }
}

/// The program's sessions that wait for a table lock.
const WAITING: &str = "from pg_stat_activity where datname = current_database() \
     and application_name = 'wharfinger' and wait_event = 'relation'";

#[test]
fn a_copy_goes_on_where_it_was_killed_or_has_lost_its_database() {
    let (from, to) = (source(), fixture::empty_postgres_directory());
    let url = database::url(to.path()).unwrap();
    let name = url.rsplit('/').next().unwrap();
    for is_killed in [true, false] {
        let before = Database::of(to.path()).count("copying");
        assert_eq!(
            before == 0,
            is_killed,
            "the second one goes on with the first"
        );
        let mut other = Database::of(to.path());
        other.run("begin; lock table order_leaves in exclusive mode");
        let mut copy = copying(from.path(), to.path());
        let mut copy = copy.stderr(Stdio::piped()).spawn().unwrap();
        until("it waits for the table", || {
            let count = format!("select count(*) {WAITING}");
            let row = shared().with_client(name, |client| client.query_one(&count, &[]));
            row.unwrap().get::<_, i64>(0) == 1
        });
        assert!(!can_be_written(from.path()));
        if is_killed {
            copy.kill().unwrap();
            assert!(!copy.wait().unwrap().success());
        } else {
            let cut = format!("select pg_terminate_backend(pid) {WAITING}");
            let done = shared().with_client(name, |client| client.batch_execute(&cut));
            done.unwrap();
            let said = sentence(&copy.wait_with_output().unwrap());
            assert!(said.contains("cannot copy"), "{said}");
            assert!(said.contains("to resume the copy"), "{said}");
        }
        other.run("rollback");
        assert!(there(to.path()) > 0);
    }
    let there = there(to.path());
    assert_eq!(copied(from.path(), to.path())["resumed"], there);
    assert!(can_be_written(from.path()));
}

/// Whether the store could be written now.
fn can_be_written(data: &Path) -> bool {
    match Database::of(data) {
        Database::Embedded(connection) => {
            connection.busy_timeout(Duration::ZERO).unwrap();
            connection.execute_batch("begin immediate").is_ok()
        }
        mut database @ Database::Postgres(_) => {
            // The lock that every writer takes.
            let lock = i64::from_be_bytes(*b"\0\0\0wharf");
            database.number(&format!("select pg_try_advisory_xact_lock({lock})")) == 1
        }
    }
}
