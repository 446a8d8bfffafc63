//! The connection is cut during a commit. The server cannot know whether the commit was made, and must find out.

use std::process::Command;

use pg_cluster::Cluster;

use super::{own_cluster, until};
use crate::support::changes::{assert_refused, is_replayed, one, told};
use crate::support::client::{Request, Response};
use crate::support::database::Database;
use crate::support::fixture::DataDirectory;
use crate::support::server::Server;
use crate::support::stored;
use crate::support::v1::{self, order, submit};

/// The servers' backends that wait for this event.
fn waiting(cluster: &Cluster, event: &str) -> Vec<i32> {
    let select = format!(
        "select pid from pg_stat_activity \
         where datname = 'orders' and application_name = 'wharfinger' and wait_event = '{event}'"
    );
    let rows = cluster.with_client("postgres", |client| client.query(&select, &[]));
    rows.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Terminates the connections of some backends.
fn cut(cluster: &Cluster, backends: &[i32]) {
    let cut = "select pg_terminate_backend(pid) from unnest($1::int[]) as pid";
    let done = cluster.with_client("postgres", |client| client.execute(cut, &[&backends]));
    done.unwrap();
    until("they are cut", || {
        let left = "select from pg_stat_activity where pid = any($1)";
        let left = cluster.with_client("postgres", |client| client.query(left, &[&backends]));
        left.unwrap().is_empty()
    });
}

fn signal(cluster: &Cluster, signal: &str) {
    let processes = cluster.processes().unwrap();
    let processes = processes.iter().map(u32::to_string);
    let done = Command::new("kill").arg(signal).args(processes).status();
    assert!(done.unwrap().success());
}

/// Sends a request again while the response is 503 or 409.
fn settled(server: &Server, request: &Request, mut answer: Response) -> Response {
    until("it is taken", || {
        if answer.status == 503 || answer.status == 409 {
            assert_refused("native", &answer, answer.status);
            answer = server.send(request);
        }
        ![503, 409].contains(&answer.status)
    });
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

fn assert_once(data: &DataDirectory, server: &Server, request: &Request, answer: &Response) {
    assert_eq!(answer.json()["accepted"], 1, "{}", answer.text());
    let again = server.send(request);
    assert!(is_replayed(&again), "{}", again.text());
    assert_eq!(told(&again), told(answer));
    let report = stored::check(data.path());
    assert_eq!(report.faults, Vec::<String>::new());
    assert_eq!((report.orders, report.batches, report.revisions), (1, 1, 1));
}

/// Sends a request, and cuts the connection while it waits for this event. `release` may check whether it was answered.
fn send_and_cut(
    cluster: &Cluster,
    server: &Server,
    request: &Request,
    event: &str,
    release: impl FnOnce(&dyn Fn() -> bool),
) -> Response {
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| server.send(request));
        until("it waits", || !waiting(cluster, event).is_empty());
        cut(cluster, &waiting(cluster, event));
        release(&|| asked.is_finished());
        asked.join().unwrap()
    })
}

#[test]
fn a_commit_that_was_made_and_not_told_is_found() {
    let (primary, data) = own_cluster();
    let standby = primary.standby().unwrap();
    let server = Server::start(data.path());
    // From now on a commit reaches the primary's disk and then waits for the standby.
    signal(&standby, "-STOP");
    let request = one("A").header("idempotency-key", "unknown");
    let resume = |is_answered: &dyn Fn() -> bool| {
        // The server must not answer before the standby has the commit.
        until("it waits again, or was told", || {
            is_answered() || !waiting(&primary, "SyncRep").is_empty()
        });
        let is_told = is_answered();
        signal(&standby, "-CONT");
        assert!(!is_told, "the standby does not have it yet");
    };
    let answer = send_and_cut(&primary, &server, &request, "SyncRep", resume);
    // The commit is found at once, so the client need not retry.
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_once(&data, &server, &request, &answer);

    // A change without a receipt to look for.
    let (_, ids) = submit(&server, "TRK001", &[order("B")]);
    signal(&standby, "-STOP");
    let process = format!("/v1/orders/{}/process", ids[0]);
    let process = v1::request("POST", &process, "full");
    let answer = send_and_cut(&primary, &server, &process, "SyncRep", resume);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(stored::check(data.path()).events, 5, "it was done once");
}

/// The commit itself fails: a deferred trigger waits until the connection is cut.
#[test]
fn a_commit_that_was_not_made_is_not_acknowledged() {
    let (primary, data) = own_cluster();
    let server = Server::start(data.path());
    let mut other = Database::of(data.path());
    other.run(
        "create function wait() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(42); \
         return null; end $$; create constraint trigger wait after insert on batches deferrable initially deferred \
         for each row execute function wait(); select pg_advisory_lock(42)",
    );
    let request = one("A").header("idempotency-key", "unknown");
    let release = |_: &dyn Fn() -> bool| other.run("select pg_advisory_unlock(42)");
    let answer = send_and_cut(&primary, &server, &request, "advisory", release);
    assert_refused("native", &answer, 503);
    assert_eq!(stored::check(data.path()).batches, 0);
    let answer = settled(&server, &request, answer);
    assert_once(&data, &server, &request, &answer);
}

#[test]
fn a_transaction_that_was_cut_before_its_commit_leaves_nothing() {
    let (primary, data) = own_cluster();
    let server = Server::start(data.path());
    let mut other = Database::of(data.path());
    other.begin_writing();
    let request = one("A").header("idempotency-key", "cut");
    let release = |_: &dyn Fn() -> bool| other.run("rollback");
    let answer = send_and_cut(&primary, &server, &request, "relation", release);
    let answer = settled(&server, &request, answer);
    assert_once(&data, &server, &request, &answer);
}
