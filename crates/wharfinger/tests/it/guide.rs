//! The guides and the page about catalogues, each typed into one shell from its beginning to its end.

use std::path::Path;
use std::process::Command;

use crate::support::case::normalise;
use crate::support::server::{Server, run};

/// What the shell prints between two blocks.
const MARK: &str = "\n-- the next block --\n";

/// The guide in pieces: its text, and its blocks of commands.
#[derive(Debug)]
enum Piece<'g> {
    Text(&'g str),
    Commands(&'g str),
    /// What the commands before print.
    Answer,
}

fn pieces(guide: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = guide;
    while let Some((text, behind)) = rest.split_once("```sh\n") {
        let (commands, behind) = behind.split_once("```\n").expect("the block ends");
        pieces.push(Piece::Text(text));
        pieces.push(Piece::Commands(commands));
        rest = behind;
        if let Some(answer) = rest.strip_prefix("\n```text\n") {
            let (_, behind) = answer.split_once("```\n").expect("the block ends");
            pieces.push(Piece::Answer);
            rest = behind;
        }
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// The text with what stands between `open` and `close` written as `<name>`, where it is of these letters.
fn masked(
    text: &str,
    (open, close): (&str, char),
    name: &str,
    is_of: impl Fn(char) -> bool,
) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(open) {
        let (before, behind) = rest.split_at(at + open.len());
        plain.push_str(before);
        rest = behind;
        let Some(end) = rest.find(close) else {
            break;
        };
        if end > 0 && rest[..end].chars().all(&is_of) {
            plain.push_str(name);
            rest = &rest[end..];
        }
    }
    plain + rest
}

/// What was printed, without what differs from one run to the next.
fn told(printed: &str, key_id: &str) -> String {
    let mut told = normalise(printed).replace(key_id, "<key>");
    let is_number = |letter: char| letter.is_ascii_digit() || letter == '.';
    for name in ["duration_ms", "active_seconds", "lines_per_second"] {
        let open = format!("\"{name}\":");
        for close in [',', '}'] {
            told = masked(&told, (&open, close), "<number>", is_number);
        }
    }
    for name in [
        "received_at",
        "started_at",
        "updated_at",
        "created_at",
        "at",
    ] {
        let is_time = |letter: char| letter.is_ascii_digit() || "-:.TZ".contains(letter);
        told = masked(&told, (&format!("\"{name}\":\""), '"'), "<time>", is_time);
    }
    let is_cursor = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let told = masked(&told, ("\"next\":\"", '"'), "<cursor>", is_cursor);
    match told.trim_end_matches('\n') {
        "" => String::new(),
        lines => format!("{lines}\n"),
    }
}

#[test]
fn every_command_of_the_guide_is_answered_as_it_says() {
    play("docs/guide.md", &[]);
}

#[test]
fn every_command_of_the_page_about_catalogues_is_answered_as_it_says() {
    play("docs/catalogue.md", &["--scope", "admin"]);
}

#[test]
fn every_command_of_the_guide_to_catalogues_is_answered_as_it_says() {
    play("docs/guide-catalogue.md", &[]);
}

/// Types a page into a shell, with the secret of a key that has these scopes, and holds what is printed against what it says.
fn play(page: &str, scopes: &[&str]) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(page);
    let guide = std::fs::read_to_string(&file).unwrap();
    let pieces = pieces(&guide);

    let data = tempfile::tempdir().unwrap();
    run(data.path(), &["org", "create", "DEMO", "--init"]);
    let create = [&["key", "create", "--org", "DEMO", "--json"], scopes].concat();
    let key = run(data.path(), &create);
    let key: serde_json::Value = serde_json::from_slice(&key.stdout).unwrap();
    let server = Server::start(data.path());
    let mut script = String::new();
    for piece in &pieces {
        if let Piece::Commands(commands) = piece {
            script.push_str(commands);
            script.push_str(&format!("printf '{}'\n", MARK.replace('\n', "\\n")));
        }
    }
    let script = script.replace("127.0.0.1:8080", &server.address.to_string());
    let shelf = tempfile::tempdir().unwrap();
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(shelf.path())
        .env("KEY_SECRET", key["secret"].as_str().unwrap())
        .env("WHARFINGER_DATA", data.path())
        .env("PATH", path_with_program())
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let mut printed = printed.split(MARK);

    let mut told_guide = String::new();
    let mut answer = String::new();
    for piece in &pieces {
        match piece {
            Piece::Text(text) => told_guide.push_str(text),
            Piece::Commands(commands) => {
                answer = told(
                    printed.next().expect("every block is run"),
                    key["id"].as_str().unwrap(),
                );
                told_guide.push_str(&format!("```sh\n{commands}```\n"));
            }
            Piece::Answer => {
                told_guide.push_str(&format!("\n```text\n{answer}```\n"));
                answer.clear();
            }
        }
        if let Piece::Text(_) = piece {
            assert_eq!(answer, "", "what is printed is not shown");
        }
    }
    if std::env::var_os("UPDATE_GUIDE").is_some() {
        std::fs::write(&file, &told_guide).unwrap();
    } else {
        for (said, is) in guide.lines().zip(told_guide.lines()) {
            assert_eq!(is, said, "UPDATE_GUIDE=1 rewrites the answers");
        }
        assert_eq!(told_guide.len(), guide.len());
    }
}

/// Where the shell finds the program besides its own commands.
fn path_with_program() -> std::ffi::OsString {
    let program = Path::new(env!("CARGO_BIN_EXE_wharfinger"));
    let mut folders = vec![program.parent().unwrap().to_owned()];
    let known = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&known));
    std::env::join_paths(folders).unwrap()
}
