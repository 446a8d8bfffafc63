//! Runs the README's requests as a reader would, in a shell.

use std::path::Path;
use std::process::Command;

use crate::support::case::normalise;
use crate::support::server::{Server, run};

/// The README's requests and expected responses.
fn exchanges(readme: &str) -> Vec<(String, String)> {
    let mut exchanges = Vec::new();
    let mut rest = readme;
    while let Some((_, behind)) = rest.split_once("```sh\n") {
        let (request, behind) = behind.split_once("\n```\n").expect("the block ends");
        let (_, behind) = behind.split_once("```text\n").expect("an answer follows");
        let (answer, behind) = behind.split_once("\n```\n").expect("the block ends");
        exchanges.push((request.to_owned(), answer.to_owned()));
        rest = behind;
    }
    exchanges
}

#[test]
fn every_request_is_answered_as_the_readme_says() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let exchanges = exchanges(&readme);
    assert!(exchanges.len() >= 3);

    let data = tempfile::tempdir().unwrap();
    run(data.path(), &["org", "create", "DEMO", "--init"]);
    let key = run(data.path(), &["key", "create", "--org", "DEMO", "--json"]);
    let key: serde_json::Value = serde_json::from_slice(&key.stdout).unwrap();
    let server = Server::start(data.path());
    for (request, promised) in exchanges {
        let request = request.replace("127.0.0.1:8080", &server.address.to_string());
        let output = Command::new("sh")
            .args(["-c", &request])
            .env("KEY_ID", key["id"].as_str().unwrap())
            .env("KEY_SECRET", key["secret"].as_str().unwrap())
            .output()
            .unwrap();
        let answer = normalise(&String::from_utf8(output.stdout).unwrap());
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        let status = head.lines().next().unwrap();
        assert_eq!(format!("{status}\n{body}"), promised, "{request}");
    }
}

/// Every command in the documents must exist.
#[test]
fn every_command_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for document in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        for (_, behind) in text
            .match_indices("`wharfinger ")
            .map(|(at, mark)| text[at..].split_at(mark.len()))
        {
            let command: Vec<_> = behind
                .split(['`', ' ', '\n'])
                .take_while(|word| {
                    word.bytes().all(|byte| byte.is_ascii_lowercase()) && !word.is_empty()
                })
                .take(2)
                .collect();
            let output = crate::support::server::program()
                .args(&command)
                .arg("--help")
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{document}: wharfinger {command:?}"
            );
        }
    }
}

/// Every file that the documents link to must exist.
#[test]
fn every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        for (at, mark) in text.match_indices("](") {
            let target = text[at + mark.len()..].split(')').next().unwrap();
            let is_there = target.starts_with("http") || root.join(target).exists();
            assert!(is_there, "{document} links to {target}");
        }
    }
}
