//! Error messages if a database cannot be reached or refuses access: one sentence, with a remedy.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use super::own_cluster;
use crate::support::cluster::shared;
use crate::support::database;
use crate::support::fixture;
use crate::support::server::{Server, program};

/// The single line that a command prints for a failing URL, apart from warnings.
fn refused(url: &str) -> String {
    let mut command = program();
    let output = command.args(["org", "list", "--database", url]).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let lines = said.trim_end().lines();
    let lines = lines.filter(|line| !line.starts_with("wharfinger: warning"));
    assert_eq!(lines.count(), 1, "{said}");
    assert!(!said.contains(shared().password()), "{said}");
    said
}

#[test]
fn each_refusal_names_the_way_out() {
    let data = fixture::postgres_directory();
    let url = database::url(data.path()).unwrap();
    let password = shared().password();
    let port = shared().port().to_string();
    // A listener that is not a database and never responds.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let silent_port = silent.local_addr().unwrap().port().to_string();
    let at = |place: &str| url.replace(&format!("127.0.0.1:{port}"), place);
    let cases = [
        (
            url.replace(password, "wrong-one"),
            "--database-password-file",
        ),
        (
            url.replace(&format!(":{password}"), ""),
            "requires a password for user postgres",
        ),
        (url.replace("//postgres:", "//nobody:"), "user nobody"),
        (shared().url("not_there"), "create database \"not_there\""),
        (at("127.0.0.1:1"), "check the address"),
        (at("nowhere.invalid"), "check the address"),
        (at("127.0.0.1:port"), "invalid database URL"),
        (at(&format!("127.0.0.1:{silent_port}")), "does not respond"),
        (url.replace(password, &format!("p@{password}")), "%40"),
        (format!("{url}?sslmode=no"), "'no'"),
        (
            format!("host=127.0.0.1 password={password}"),
            "postgres://USER@HOST/NAME",
        ),
        ("postgres://".into(), "has no host"),
    ];
    for (url, told) in cases {
        let said = refused(&url);
        assert!(said.contains(told) && !said.contains("wrong-one"), "{said}");
    }
    drop(silent);
}

#[test]
fn a_replica_is_refused_and_of_several_hosts_the_primary_is_taken() {
    let (primary, _data) = own_cluster();
    let standby = primary.standby().unwrap();
    let list = |url: &str| {
        let mut command = program();
        let output = command.args(["org", "list", "--database", url]).output();
        output.unwrap()
    };
    let output = list(&standby.url("orders"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("does not accept writes"), "{said}");
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}/", standby.port(), primary.port());
    let both = standby
        .url("orders")
        .replace(&format!("127.0.0.1:{}/", standby.port()), &hosts);
    let output = list(&both);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_database_is_reached_by_its_unix_socket() {
    let data = fixture::postgres_directory();
    let directory = shared().with_client("postgres", |client| {
        client.query_one("show unix_socket_directories", &[])
    });
    let directory: String = directory.unwrap().get(0);
    let socket = format!("@{}:", directory.replace('/', "%2F"));
    let url = database::url(data.path()).unwrap();
    let url = url.replace("@127.0.0.1:", &socket);
    let mut command = program();
    let output = command.args(["org", "list", "--database", &url]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    let said = refused(&format!("{url}?sslmode=require"));
    assert!(said.contains("Unix socket"), "{said}");
}

/// Other users of the machine can see a process's arguments.
#[test]
fn a_password_from_a_file_or_a_variable_is_not_among_the_arguments() {
    let data = fixture::postgres_directory();
    let password = shared().password();
    let url = database::url(data.path()).unwrap();
    let url = url.replace(&format!(":{password}@"), "@");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), password).unwrap();
    let configure: [&dyn Fn(&mut Command); 3] = [
        &|command| {
            command.args(["--database", &url, "--database-password-file"]);
            command.arg(file.path());
        },
        &|command| {
            command.args(["--database", &url]);
            command.env("WHARFINGER_DATABASE_PASSWORD", password);
        },
        &|command| {
            let with_password = database::url(data.path()).unwrap();
            command.env("WHARFINGER_DATABASE", with_password);
        },
    ];
    for configure in configure {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut command = program();
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "warn"]);
        command.stderr(log.reopen().unwrap());
        configure(&mut command);
        let server = Server::spawn(command);
        let arguments = server.arguments();
        assert!(arguments.contains("--listen"), "{arguments}");
        assert!(!arguments.contains(password), "{arguments}");
        server.terminate();
        assert!(server.wait().0.success());
        assert_eq!(std::fs::read_to_string(log.path()).unwrap(), "");
    }
    let log = tempfile::NamedTempFile::new().unwrap();
    let server = Server::start_logging_to(data.path(), log.reopen().unwrap().into());
    server.terminate();
    server.wait();
    let said = std::fs::read_to_string(log.path()).unwrap();
    assert!(said.contains("--database-password-file"), "{said}");
    assert!(!said.contains(password), "{said}");
}
