//! Locks of organisations that are held for long: by a session, by a server that was killed, and by one that hangs.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::organisations::{
    WAITING, assert_accepted, batch, code, directory, hold, post, waiting_in, warm_up,
};
use super::{Pair, until};
use crate::support::client::{Connection, Request};
use crate::support::database::Database;
use crate::support::fixture::DataDirectory;
use crate::support::server::{Server, run};
use crate::support::stored;

/// The lock that keeps a transaction from writing its receipts.
const RECEIPTS: u32 = 42;

fn readiness(server: &Server) -> u16 {
    server.send(&Request::new("GET", "/readyz")).status
}

/// Creates an organisation, and a key for another one.
fn administer(server: &Server, new: &str, organisation: usize) {
    let key = json!({"organisations": [code(organisation)], "scopes": ["orders:read"]});
    for (target, body) in [
        ("/v1/organisations", json!({"code": new})),
        ("/v1/keys", key),
    ] {
        let answer = server.send(&post(target, &body));
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
}

#[test]
fn an_organisation_that_is_held_delays_no_administration() {
    let pair = Pair::start(directory(3));
    let [here, there] = &pair.servers;
    for (server, key) in [(here, "first"), (there, "second")] {
        warm_up(server, key, 0);
    }
    warm_up(here, "third", 2);
    let data = pair.data.path();
    let mut holder = hold(data, 2);
    std::thread::scope(|scope| {
        let held = scope.spawn(|| there.send(&batch("held", [2].into_iter())));
        until("it waits", || waiting_in(there) == 1.0);
        for (server, at) in [(here, 0), (there, 1)] {
            assert_eq!(readiness(server), 200);
            administer(server, &format!("NEW{at}"), at);
            assert_accepted(&server.send(&batch("beside", [at].into_iter())), 1);
        }
        // Neither do processes wait that have just started.
        let output = run(data, &["org", "create", "NEW2"]);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(readiness(&Server::start(data)), 200);
        assert!(!held.is_finished());
        holder.run("rollback");
        assert_accepted(&held.join().unwrap(), 1);
    });
    pair.assert_whole();
}

/// A check of `/readyz` writes. It does not wait for one that another server makes.
#[test]
fn whoever_checks_whether_it_can_write_waits_for_nobody_who_does() {
    let data = directory(1);
    let server = Server::start(data.path());
    let mut other = Database::of(data.path());
    other.run("begin; update settings set value = value + 1 where name = 'touched'");
    assert_eq!(readiness(&server), 200);
    warm_up(&server, "first", 0);
    assert_eq!(readiness(&server), 200);
    other.run("rollback");
    let touched = "select value from settings where name = 'touched'";
    let before = other.number(touched);
    until("it is written", || {
        assert_eq!(readiness(&server), 200);
        other.number(touched) > before
    });
}

/// Each server writes for an organisation of its own. The lock view never shows that one waits for a row or for a transaction.
#[test]
fn servers_with_organisations_of_their_own_wait_for_nobody() {
    const BATCHES: usize = 200;
    let pair = Pair::start(directory(3));
    for (at, server) in pair.servers.iter().enumerate() {
        warm_up(server, "first", at);
    }
    warm_up(&pair.servers[0], "first", 2);
    let mut looks = Database::of(pair.data.path());
    let mut holder = hold(pair.data.path(), 2);
    let write = |at: usize| {
        let mut connection = Connection::open(pair.servers[at].address);
        for round in 0..BATCHES {
            let own = batch(&format!("K{round}"), [at].into_iter());
            assert_accepted(&connection.exchange(&own).unwrap(), 1);
        }
    };
    let is_over = AtomicBool::new(false);
    let looked = std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut looked = 0;
            while !is_over.load(Ordering::Relaxed) {
                let waits = "pg_locks where not granted and locktype in ('transactionid', 'tuple', 'advisory') \
                             and pid in (select pid from pg_stat_activity where datname = current_database())";
                assert_eq!(looks.count(waits), 0, "somebody waits");
                looked += 1;
            }
            looked
        });
        let writing = [0, 1].map(|at| scope.spawn(move || write(at)));
        let written = writing.map(std::thread::ScopedJoinHandle::join);
        is_over.store(true, Ordering::Relaxed);
        assert!(written.iter().all(Result::is_ok), "a batch was refused");
        looking.join().unwrap()
    });
    assert!(looked > 0);
    holder.run("rollback");
    let found = stored::check(pair.data.path());
    assert_eq!(found.faults, Vec::<String>::new());
    assert_eq!(found.orders, 2 * BATCHES as u64 + 3);
}

/// Two servers. The first has stopped within a transaction that holds all organisations.
struct Stopped {
    first: Server,
    second: Server,
    data: DataDirectory,
    /// Where the first owes an answer.
    unanswered: Connection,
}

const ORGANISATIONS: usize = 100;

/// The batch that the first server was writing.
fn unfinished() -> Request {
    batch("held", 0..ORGANISATIONS)
}

impl Stopped {
    fn start() -> Self {
        let Pair {
            servers: [first, second],
            data,
        } = Pair::start(directory(ORGANISATIONS));
        warm_up(&first, "first", 0);
        let all = second.send(&batch("first", 1..ORGANISATIONS));
        assert_accepted(&all, ORGANISATIONS - 1);
        let mut other = Database::of(data.path());
        other.run(&format!(
            "create function wait() returns trigger language plpgsql as $$ begin \
             perform pg_advisory_xact_lock_shared({RECEIPTS}); return new; end $$; \
             create trigger wait before insert on batches for each row execute function wait(); \
             select pg_advisory_lock({RECEIPTS})"
        ));
        let mut unanswered = Connection::open(first.address);
        assert!(unanswered.write(&unfinished().bytes()));
        until("it has locked all and waits", || other.count(WAITING) == 1);
        let session = other.number(&format!("select pid from {WAITING}"));
        first.stop();
        // The statement ends. The server does not know it, and its transaction stays open.
        other.run(&format!("select pg_advisory_unlock({RECEIPTS})"));
        let idle =
            format!("pg_stat_activity where state = 'idle in transaction' and pid = {session}");
        until("its session is idle", || other.count(&idle) == 1);
        Self {
            first,
            second,
            data,
            unanswered,
        }
    }
}

fn assert_orders(data: &Path, orders: usize) {
    let found = stored::check(data);
    assert_eq!(found.faults, Vec::<String>::new());
    assert_eq!(found.orders, orders as u64);
}

#[test]
fn a_server_that_is_killed_leaves_its_organisations_at_once() {
    let Stopped {
        first,
        second,
        data,
        ..
    } = Stopped::start();
    first.kill();
    // Nothing of it was stored.
    assert_accepted(&second.send(&unfinished()), ORGANISATIONS);
    assert_orders(data.path(), 2 * ORGANISATIONS);
}

/// The system keeps the connection of a process that hangs. So the database ends the session.
#[test]
fn a_server_that_hangs_leaves_its_organisations_in_time() {
    let Stopped {
        first,
        second,
        data,
        mut unanswered,
    } = Stopped::start();
    until("the organisations are free", || {
        let answer = second.send(&unfinished());
        if answer.status == 200 {
            assert_accepted(&answer, ORGANISATIONS);
            return true;
        }
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
        false
    });
    first.resume();
    // It says truly that it stored nothing, or has tried again and found the orders of the second.
    let late = unanswered.read().expect("it answers");
    if late.status == 503 {
        assert!(late.header("retry-after").is_some(), "{late:?}");
    } else {
        assert_eq!(late.status, 200, "{}", late.text());
        let unchanged = late.json()["unchanged"].as_u64();
        assert_eq!(unchanged, Some(ORGANISATIONS as u64), "{}", late.text());
    }
    warm_up(&first, "second", 0);
    assert_orders(data.path(), 2 * ORGANISATIONS + 1);
}
