//! The files of a data directory: who can read them, who locks them, and what happens if a running server loses them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::client::{Connection, Request, Response};
use crate::support::database::on_embedded;
use crate::support::fixture::{self, basic};
use crate::support::server::{Server, program, run};
use crate::support::stored;

fn order(key: &str) -> Request {
    let order = format!(
        r#"{{"trkref":"TRK001","order_ref":"{key}","order_date":"01-02-2026","customer":{{"email":"a@example.com"}},"order_items":[{{"sku":"S"}}]}}"#
    );
    let request = Request::new("POST", "/v4/customer_orders");
    let request = request.header("authorization", basic("full"));
    let request = request.header("idempotency-key", key);
    request.body(format!("[{order}]"))
}

fn send(server: &Server, key: &str) -> Response {
    server.send(&order(key))
}

fn keys(data: &Path) -> Vec<String> {
    let orders = stored::all_orders(data, "TRK001", "reevoo");
    orders.into_iter().map(|order| order.key).collect()
}

/// Changes a server's files, then sends an order. It must not be acknowledged, and the server must exit.
fn assert_not_acknowledged_after(server: Server, what: impl FnOnce(), key: &str) {
    let mut connection = Connection::open(server.address);
    what();
    let answer = connection.exchange(&order(key));
    // One of the server's own commits may have detected the change first.
    assert!(answer.is_none_or(|answer| answer.status == 503));
    let (status, _) = server.wait();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn nothing_is_acknowledged_into_a_removed_log_and_what_was_in_it_is_saved() {
    if !on_embedded("is of files") {
        return;
    }
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for key in ["A", "B"] {
        assert_eq!(send(&server, key).status, 202);
    }
    let log = data.path().join("orders.db-wal");
    assert_not_acknowledged_after(server, || std::fs::remove_file(log).unwrap(), "C");
    // The acknowledged data was only in the log.
    assert_eq!(keys(data.path())[..2], ["A", "B"]);
    let server = Server::start(data.path());
    assert_eq!(send(&server, "C").status, 202);
    drop(server);
    assert_eq!(keys(data.path()), ["A", "B", "C"]);
    assert_eq!(stored::check(data.path()).faults, Vec::<String>::new());
}

#[test]
fn nothing_is_acknowledged_once_a_file_was_replaced() {
    if !on_embedded("is of files") {
        return;
    }
    for name in ["orders.db", "orders.db-wal", "orders.db-shm"] {
        let data = fixture::data_directory();
        let server = Server::start(data.path());
        let replace = || {
            let file = data.path().join(name);
            let other = data.path().join("other");
            std::fs::copy(&file, &other).unwrap();
            std::fs::rename(&other, &file).unwrap();
        };
        assert_not_acknowledged_after(server, replace, "A");
    }
}

#[test]
fn a_second_server_is_refused_also_where_the_lock_file_was_removed() {
    if !on_embedded("is of files") {
        return;
    }
    let data = fixture::data_directory();
    let first = Server::start(data.path());
    std::fs::remove_file(data.path().join("server.lock")).unwrap();
    let second = run(data.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("another server or copy is using"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    // The first server continues, and commands work alongside it.
    assert_eq!(send(&first, "A").status, 202);
    assert!(run(data.path(), &["org", "list"]).status.success());
    assert_eq!(send(&first, "B").status, 202);
    first.terminate();
    assert!(first.wait().0.success());
    assert_eq!(keys(data.path()), ["A", "B"]);
}

/// Runs a shell line in which `"$@"` is the program with its arguments.
fn shell(line: &str, data: &Path, arguments: &[&str]) -> Command {
    let program = program();
    let mut command = Command::new("sh");
    command.args(["-c", line, "sh"]).arg(program.get_program());
    command.args(arguments).arg("--data").arg(data);
    command
}

#[test]
fn every_file_is_for_its_owner_alone_whatever_the_directory_and_the_umask() {
    if !on_embedded("is of files") {
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let set_mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set_mode(data.path(), 0o777);
    for umask in ["000", "277", "022"] {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--log", "error"];
        let line = format!("umask {umask}; exec \"$@\"");
        let server = Server::spawn(shell(&line, data.path(), &serve));
        for name in ["server.lock", "orders.db", "orders.db-wal", "orders.db-shm"] {
            assert_eq!(
                mode(&data.path().join(name)),
                0o600,
                "{name}, umask {umask}"
            );
        }
        assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 4);
        server.kill();
        // The next start fixes the modes of files left by an earlier version or a restored backup.
        for entry in std::fs::read_dir(data.path()).unwrap() {
            set_mode(&entry.unwrap().path(), 0o664);
        }
    }
    assert_eq!(mode(data.path()), 0o777, "the directory is its operator's");
}

#[test]
fn a_low_limit_on_open_files_is_told_in_a_sentence() {
    if !on_embedded("is of files") {
        return;
    }
    let data = fixture::data_directory();
    let started = |limit: usize, arguments: &[&str]| -> Output {
        let line = format!("ulimit -n {limit}; exec \"$@\"");
        shell(&line, data.path(), arguments).output().unwrap()
    };
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let refused = |limit, arguments: &[&str]| {
        let output = started(limit, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{limit}: {said}");
        assert!(said.contains("ulimit -n 4096"), "{limit}: {said}");
        assert_eq!(said.lines().count(), 1, "{limit}: {said}");
    };
    for limit in [8, 12, 16, 20, 24, 28, 48, 64] {
        refused(limit, &serve);
    }
    for limit in [8, 16, 24] {
        refused(limit, &["org", "list"]);
    }
    assert!(started(32, &["org", "list"]).status.success());
    // Only the soft limit is low, and the program raises it.
    let line = "ulimit -S -n 24; exec \"$@\"";
    let server = Server::spawn(shell(line, data.path(), &serve));
    assert_eq!(send(&server, "A").status, 202);
}
