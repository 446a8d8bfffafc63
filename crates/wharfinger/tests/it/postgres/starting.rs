//! Starting a server on a database: what it refuses, what it warns about, and what it keeps secret.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use pg_cluster::Cluster;

use super::own_cluster;
use crate::support::client::Request;
use crate::support::cluster::{options, shared};
use crate::support::database;
use crate::support::fixture;
use crate::support::server::{Server, program, run};
use crate::support::v1::{get, order, request, submit};

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The error message of a server that cannot use its database.
fn refused(url: &str) -> String {
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--database", url]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    errors(&output)
}

#[test]
fn a_database_that_may_lose_what_it_acknowledged_is_refused() {
    let cluster = Cluster::start(&options().with("fsync", "off")).unwrap();
    let said = refused(&cluster.url("postgres"));
    assert!(said.contains("fsync"), "{said}");
    assert!(!said.contains(cluster.password()), "{said}");
}

#[test]
fn standbys_of_which_none_is_synchronous_are_warned_of() {
    let (primary, data) = own_cluster();
    let _standby = primary.standby().unwrap();
    let logged = || {
        let log = tempfile::NamedTempFile::new().unwrap();
        let server = Server::start_logging_to(data.path(), log.reopen().unwrap().into());
        server.terminate();
        server.wait();
        std::fs::read_to_string(log.path()).unwrap()
    };
    let with_synchronous = logged();
    assert!(
        !with_synchronous.contains("synchronous"),
        "{with_synchronous}"
    );
    let reset = "alter system reset synchronous_standby_names";
    for statement in [reset, "select pg_reload_conf()"] {
        let done = primary.with_client("postgres", |client| client.batch_execute(statement));
        done.unwrap();
    }
    super::until("none is synchronous", || {
        let count = "select count(*) from pg_stat_replication where sync_state = 'async'";
        let row = primary.with_client("postgres", |client| client.query_one(count, &[]));
        row.unwrap().get::<_, i64>(0) == 1
    });
    let without = logged();
    assert!(without.contains("synchronous_standby_names"), "{without}");
}

#[test]
fn a_user_who_owns_the_database_is_enough() {
    let (primary, _data) = own_cluster();
    let _standby = primary.standby().unwrap();
    for statement in [
        "create user ann password 'of-ann'",
        "create database owned owner ann encoding 'UTF8' template template0",
    ] {
        let done = primary.with_client("postgres", |client| client.batch_execute(statement));
        done.unwrap();
    }
    let url = format!("postgres://ann:of-ann@127.0.0.1:{}/owned", primary.port());
    let data = fixture::DataDirectory::at(&url);
    data.fill();
    let log = tempfile::NamedTempFile::new().unwrap();
    let server = Server::start_logging_to(data.path(), log.reopen().unwrap().into());
    submit(&server, "TRK001", &[order("A")]);
    let erase = [
        "customers",
        "erase",
        "--org",
        "TRK001",
        "--email",
        "ann@example.com",
        "--compact",
    ];
    let purge = ["purge", "--before", "2020-01-01"];
    for command in [&erase[..], &purge, &["check"]] {
        let output = run(data.path(), command);
        assert!(output.status.success(), "{}", errors(&output));
    }
    server.terminate();
    server.wait();
    let said = std::fs::read_to_string(log.path()).unwrap();
    // There is no warning about the standby, which is synchronous.
    assert!(!said.contains("synchronous"), "{said}");
}

/// A database URL without its password, and the password.
fn apart(data: &Path) -> (String, String) {
    let url = database::url(data).unwrap();
    let password = shared().password().to_owned();
    (url.replace(&format!(":{password}@"), "@"), password)
}

#[test]
fn the_password_comes_from_a_file_or_a_variable_and_is_told_to_nobody() {
    let data = fixture::postgres_directory();
    let (url, password) = apart(data.path());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{password}\n")).unwrap();
    let list = |command: &mut Command| {
        let output = command
            .args(["org", "list", "--database", &url])
            .output()
            .unwrap();
        (output.status.success(), errors(&output))
    };
    let file_path = file.path().to_str().unwrap();
    let by_file = ["--database-password-file", file_path];
    let mut with_file = program();
    with_file
        .args(["org", "list", "--database", &url])
        .args(by_file);
    let output = with_file.output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let by_variable = list(program().env("WHARFINGER_DATABASE_PASSWORD", &password));
    assert!(by_variable.0, "{}", by_variable.1);
    let (is_done, said) = list(&mut program());
    assert!(!is_done && said.contains("password"), "{said}");
    let (is_done, said) = list(program().env("WHARFINGER_DATABASE_PASSWORD", "wrong-one"));
    assert!(!is_done && !said.contains("wrong-one"), "{said}");

    // A password in the URL is not printed either, by a running server or if nothing can be reached.
    for (name, level) in [("info", "info"), ("everything", "trace")] {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut command = program();
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", level]);
        command.args(["--database", &database::url(data.path()).unwrap()]);
        command.stderr(Stdio::from(log.reopen().unwrap()));
        let server = Server::spawn(command);
        submit(&server, "TRK001", &[order(name)]);
        get(&server, "/v1/orders");
        let metrics = server.send(&Request::new("GET", "/metrics"));
        assert!(!metrics.text().contains(&password));
        server.terminate();
        let (_, said) = server.wait();
        let log = std::fs::read_to_string(log.path()).unwrap();
        assert!(log.contains("Shutting down"), "{log}");
        assert!(
            !log.contains(&password) && !said.contains(&password),
            "{name}"
        );
    }
    let nowhere = format!("postgres://postgres:{password}@127.0.0.1:1/orders");
    let said = refused(&nowhere);
    assert!(!said.contains(&password), "{said}");
    let not_there = shared().url("not_there");
    let said = refused(&not_there);
    assert!(!said.contains(&password), "{said}");
    assert!(said.contains("not_there"), "{said}");
    let broken = format!("postgres://postgres:{password}@127.0.0.1:port/orders");
    let said = refused(&broken);
    assert!(!said.contains(&password), "{said}");
}

#[test]
fn a_fresh_database_gets_its_tables_and_no_key_and_says_how_to_make_one() {
    let data = fixture::empty_postgres_directory();
    let server = Server::start(data.path());
    let answer = server.send(&request("GET", "/v1/orders", "full"));
    assert_eq!(answer.status, 401);
    server.terminate();
    let (status, greeting) = server.wait();
    assert!(status.success());
    for command in ["org create", "key create"] {
        assert!(greeting.contains(command), "{greeting}");
    }
    let made = run(data.path(), &["org", "create", "FIRST"]);
    assert!(made.status.success(), "{}", errors(&made));
}

/// When several servers start at once, one creates the tables and all become ready.
#[test]
fn servers_that_start_at_once_on_an_empty_database_are_all_ready() {
    let cluster = shared();
    cluster.create_database("started_at_once").unwrap();
    let data = fixture::DataDirectory::at(&cluster.url("started_at_once"));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let server = Server::start(data.path());
                assert_eq!(server.send(&Request::new("GET", "/readyz")).status, 200);
            });
        }
    });
    cluster.drop_database("started_at_once").unwrap();
}

/// A mistyped database name must not create tables in that database.
#[test]
fn only_a_server_makes_the_tables_unless_a_command_is_told_to() {
    let cluster = shared();
    cluster.create_database("without_a_store").unwrap();
    let data = fixture::DataDirectory::at(&cluster.url("without_a_store"));
    for command in [
        &["check"] as &[&str],
        &["org", "create", "FIRST"],
        &["key", "list"],
        &["purge", "--before", "2025-01-01"],
    ] {
        let output = run(data.path(), command);
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        let said = errors(&output);
        assert!(said.contains("there is no store"), "{said}");
    }
    let mut database = database::Database::of(data.path());
    assert_eq!(database.count("pg_tables where schemaname = 'public'"), 0);
    drop(database);
    let made = run(data.path(), &["org", "create", "FIRST", "--init"]);
    assert!(made.status.success(), "{}", errors(&made));
    assert!(run(data.path(), &["check"]).status.success());
    cluster.drop_database("without_a_store").unwrap();
}
