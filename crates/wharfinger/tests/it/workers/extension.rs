//! The extension is created in the database of a store that was used without it. Nobody opens such a store, because its recent changes
//! would be passed over. Runs with `WHARFINGER_TEST_STORE=citus`, on a cluster of its own.

use std::process::{Output, Stdio};

use pg_cluster::Cluster;

use super::{DATABASE, batch, done, execute, filled, options_for_citus};
use crate::support::client::Request;
use crate::support::database::is_on_citus;
use crate::support::server::{Server, program, run, sentence};
use crate::support::stored;
use crate::support::v1::request;

const WHY: &str = "the extension citus was created in the database of a store";
const CREATE: &str = "create extension citus";
const DROP: &str = "drop extension citus";

/// A cluster that knows Citus, with a database without the extension.
fn node() -> Cluster {
    let node = Cluster::start(&options_for_citus()).unwrap();
    node.create_database(DATABASE).unwrap();
    node
}

fn copied(from: &str, to: &str) -> Output {
    let mut copy = program();
    copy.args(["copy", "--from", from, "--to", to]);
    copy.output().unwrap()
}

#[test]
fn no_command_uses_a_store_that_is_older_than_the_extension() {
    if !is_on_citus() {
        return;
    }
    let node = node();
    let data = filled(&node.url(DATABASE));
    execute(&node, CREATE);
    let copy = tempfile::tempdir().unwrap();
    let copy = copy.path().join("copy");
    let [url, to] = [node.url(DATABASE), copy.to_str().unwrap().to_owned()];
    // Not `serve`: if it were not refused, it would not end.
    let commands: [&[&str]; 5] = [
        &["org", "list"],
        &["check"],
        &["backup", &to],
        &["database", "distribute"],
        &["doctor"],
    ];
    for command in commands {
        let output = run(data.path(), command);
        assert!(!output.status.success(), "{command:?}: {output:?}");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains(WHY), "{command:?}: {said}");
    }
    let copied = copied(&url, &to);
    assert!(sentence(&copied).contains(WHY), "{copied:?}");
    assert!(!copy.join("orders.db").exists());
    let mut create = program();
    create.args(["org", "create", "TRK001", "--init", "--data", &to]);
    assert!(create.output().unwrap().status.success());
    let copied = self::copied(&to, &url);
    assert!(sentence(&copied).contains(WHY), "{copied:?}");

    execute(&node, DROP);
    let server = Server::start(data.path());
    assert_eq!(server.send(&batch("one", &["TRK001"])).status, 200);
    assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
}

/// The store was made with the extension, so nothing in the tables tells it from others until there are recent changes.
#[test]
fn a_store_that_was_used_while_the_extension_was_gone_is_not_opened() {
    if !is_on_citus() {
        return;
    }
    let node = node();
    execute(&node, CREATE);
    let data = filled(&node.url(DATABASE));
    execute(&node, DROP);
    let server = Server::start(data.path());
    assert_eq!(server.send(&batch("one", &["TRK001"])).status, 200);
    server.terminate();
    server.wait();
    execute(&node, CREATE);
    let said = sentence(&run(data.path(), &["org", "list"]));
    assert!(said.contains(WHY), "{said}");
}

/// Sessions that began before the extension was created go on. Those that replace them must not write around the log.
#[test]
fn a_running_server_answers_503_while_the_extension_is_there() {
    if !is_on_citus() {
        return;
    }
    const END_SESSIONS: &str = "select pg_terminate_backend(pid, 10000) from pg_stat_activity \
        where datname = current_database() and application_name = 'wharfinger'";
    let node = node();
    let data = filled(&node.url(DATABASE));
    let server = Server::start_logging_to(data.path(), Stdio::null());
    let order = |key: &str| -> Request { batch(key, &["TRK001"]) };
    assert_eq!(server.send(&order("one")).status, 200);
    execute(&node, CREATE);
    execute(&node, END_SESSIONS);
    let list = request("GET", "/v1/orders", "full");
    for refused in [&order("two"), &list, &Request::new("GET", "/readyz")] {
        let answer = server.send(refused);
        assert_eq!(answer.status, 503, "{}", answer.text());
    }
    execute(&node, DROP);
    done(&server, &order("three"));
    let listed = done(&server, &list).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2, "{listed}");
    server.terminate();
    server.wait();
    let report = stored::check(data.path());
    assert_eq!((report.orders, report.faults), (2, Vec::new()));
}
