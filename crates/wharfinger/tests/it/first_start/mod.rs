//! The first start: who gets a key without asking, and what the server says.

mod pipes;
mod settings;
mod terminal;

use std::path::Path;
use std::process::Command;

use crate::support::client::Request;
use crate::support::database::{Database, on_embedded};
use crate::support::fixture;
use crate::support::server::{Server, program, run};

/// The two lines of a greeting to paste into a shell, and its `curl` command.
fn to_paste(greeting: &str) -> String {
    let lines = greeting.lines().map(str::trim);
    let found = lines.filter(|line| line.starts_with("export ") || line.starts_with("curl "));
    let found = Vec::from_iter(found);
    assert!(
        found.len() == 3
            && found[0].starts_with("export KEY_ID=key_")
            && found[1].starts_with("export KEY_SECRET="),
        "{greeting}"
    );
    found.join("\n")
}

fn organisations(data: &Path) -> i64 {
    Database::of(data).count("organisations")
}

#[test]
fn a_demo_key_that_was_asked_for_works_as_it_is_pasted() {
    let data = fixture::empty_directory();
    let server = Server::start_with(data.path(), &["--demo-key"]);
    let address = server.address;
    server.terminate();
    let (status, greeting) = server.wait();
    assert!(status.success());
    let pasted = to_paste(&greeting);

    // A second start changes nothing, and shows no secret.
    let server = Server::start_with(data.path(), &["--demo-key"]);
    let pasted = pasted.replace(&address.to_string(), &server.address.to_string());
    // The exported pair is the key of the curl command.
    let url = format!("http://{}", server.address);
    let own = format!("{pasted}\ncurl -s -H \"Authorization: Bearer $KEY_SECRET\" {url}/v1/orders");
    let output = Command::new("sh").args(["-c", &own]).output().unwrap();
    let answer = String::from_utf8_lossy(&output.stdout);
    assert!(answer.starts_with("HTTP/1.1 20"), "{own}\n{answer}");
    assert!(answer.contains("\"data\":[{"), "{own}\n{answer}");
    server.terminate();
    let (_, greeting) = server.wait();
    assert!(!greeting.contains("KEY_"), "{greeting}");
    assert_eq!(organisations(data.path()), 1);
}

/// The output of the server is a pipe here, as it is in a service or a container.
#[test]
fn away_from_a_terminal_no_key_is_made_and_the_greeting_says_how_to_make_one() {
    let data = tempfile::tempdir().unwrap();
    let directory = data.path().join("a new place");
    if !on_embedded("is of a directory; a database never gets a key unasked") {
        return;
    }
    let server = Server::start(&directory);
    let url = format!("http://{}", server.address);
    server.terminate();
    let (status, greeting) = server.wait();
    assert!(status.success());
    assert!(greeting.contains(&format!("{url}/console")), "{greeting}");
    assert!(greeting.contains(&format!("{url}/docs")), "{greeting}");
    assert!(
        !greeting.contains("DEMO") && !greeting.contains("KEY_"),
        "{greeting}"
    );
    assert_eq!(organisations(&directory), 0);

    // What it says works as it stands, with a code of one's own.
    let lines = greeting.lines().map(str::trim);
    let commands = Vec::from_iter(lines.filter(|line| line.starts_with("wharfinger ")));
    assert_eq!(commands.len(), 2, "{greeting}");
    let program = program();
    for command in commands {
        let line = command
            .replacen("wharfinger", "\"$0\"", 1)
            .replace("CODE", "SHOP1");
        let done = Command::new("sh")
            .args(["-c", &line])
            .arg(program.get_program())
            .output();
        let done = done.unwrap();
        assert!(done.status.success(), "{line}: {done:?}");
    }
    assert_eq!(organisations(&directory), 1);
}

#[test]
fn the_root_leads_to_the_console_and_docs_has_a_slash_or_none() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let root = server.send(&Request::new("GET", "/"));
    assert_eq!(
        (root.status, root.header("location")),
        (303, Some("/console"))
    );
    let page = server.send(&Request::new("GET", "/docs"));
    let with_slash = server.send(&Request::new("GET", "/docs/"));
    assert_eq!((page.status, with_slash.status), (200, 200));
    assert_eq!(page.body, with_slash.body);
    assert!(
        page.text().contains("/docs/page.js"),
        "its files are found from both"
    );
}

#[test]
fn an_open_data_directory_is_warned_of() {
    if !on_embedded("is of a directory") {
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    let data = fixture::data_directory();
    for (mode, is_open) in [(0o700, false), (0o750, false), (0o770, true), (0o755, true)] {
        std::fs::set_permissions(data.path(), PermissionsExt::from_mode(mode)).unwrap();
        let log = tempfile::NamedTempFile::new().unwrap();
        let server = Server::start_logging_to(data.path(), log.reopen().unwrap().into());
        server.terminate();
        assert!(server.wait().0.success());
        let log = std::fs::read_to_string(log.path()).unwrap();
        assert_eq!(log.contains("chmod 700"), is_open, "{mode:o}: {log}");
    }
    assert!(run(data.path(), &["check"]).status.success());
}
