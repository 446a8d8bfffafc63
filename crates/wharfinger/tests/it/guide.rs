//! Types the commands of each documentation page into one shell, from beginning to end.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::case::normalise;
use crate::support::server::{Server, run};

/// Where the pages say that the server listens, and their own receiver.
const SERVER: &str = "127.0.0.1:8080";
const RECEIVER: &str = "127.0.0.1:9000";

/// Printed by the shell between two blocks.
const MARK: &str = "\n-- the next block --\n";

/// A piece of the guide: text, commands, or expected output.
#[derive(Debug)]
enum Piece<'g> {
    Text(&'g str),
    Commands(&'g str),
    /// The expected output of the commands before it.
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

/// Replaces what is between `open` and `close` by `<name>`, if it consists of these characters.
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

/// The output without the parts that differ between runs.
fn told(printed: &str, key_id: &str) -> String {
    let mut told = normalise(printed).replace(key_id, "<key>");
    let is_number = |letter: char| letter.is_ascii_digit() || letter == '.';
    for (open, close) in [("batch, ", ' '), (" s, ", ' ')] {
        told = masked(&told, (open, close), "<number>", is_number);
    }
    for name in [
        "duration_ms",
        "active_seconds",
        "lines_per_second",
        "took_ms",
    ] {
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
        "delivered_at",
        "failing_since",
        "since",
        "at",
    ] {
        let is_time = |letter: char| letter.is_ascii_digit() || "-:.TZ".contains(letter);
        told = masked(&told, (&format!("\"{name}\":\""), '"'), "<time>", is_time);
    }
    let is_cursor = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    for open in ["\"next\":\"", "\"cursor\":\""] {
        told = masked(&told, (open, '"'), "<cursor>", is_cursor);
    }
    let is_secret = |letter: char| letter.is_ascii_alphanumeric() || "_+/=".contains(letter);
    told = masked(&told, ("\"secret\":\"", '"'), "<secret>", is_secret);
    match told.trim_end_matches('\n') {
        "" => String::new(),
        lines => format!("{lines}\n"),
    }
}

#[test]
fn every_command_of_the_guide_is_answered_as_it_says() {
    play("docs/guide.md");
}

#[test]
fn every_command_of_the_page_about_catalogues_is_answered_as_it_says() {
    play("docs/catalogue.md");
}

#[test]
fn every_command_of_the_guide_to_catalogues_is_answered_as_it_says() {
    play("docs/guide-catalogue.md");
}

#[test]
fn every_command_of_the_guide_to_destinations_is_answered_as_it_says() {
    let shelf = Shelf::with(&["--destinations-allow", "127.0.0.0/8"]);
    play_on(&shelf, "docs/onward-guide.md");
}

#[test]
fn every_command_of_the_dialects_pages_is_answered_as_it_says() {
    play("docs/dialects/native.md");
    play("docs/dialects/centra.md");
}

#[test]
fn every_command_of_the_page_for_senders_is_answered_as_it_says() {
    play("docs/senders.md");
}

/// The pages that the tests above run. The README has its own test.
const PLAYED: [&str; 7] = [
    "docs/guide.md",
    "docs/catalogue.md",
    "docs/guide-catalogue.md",
    "docs/onward-guide.md",
    "docs/senders.md",
    "docs/dialects/native.md",
    "docs/dialects/centra.md",
];

/// A curl command that no test runs may become wrong unnoticed.
#[test]
fn every_curl_of_every_page_is_typed_by_a_test() {
    let root = root();
    let mut pages = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/dialects"] {
        let entries = std::fs::read_dir(root.join(folder)).unwrap();
        let files = entries.map(|entry| entry.unwrap().path());
        pages.extend(files.filter(|file| file.extension().is_some_and(|name| name == "md")));
    }
    assert!(pages.len() > 10);
    for page in pages {
        let name = page.strip_prefix(&root).unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&page).unwrap();
        let mut has_commands = false;
        for piece in pieces(&text) {
            match piece {
                Piece::Text(text) => {
                    // Text may mention curl, but contain no command.
                    let is_command = text.contains("curl -") || text.contains("curl http");
                    let is_quoted = text.contains("curl '") || text.contains("curl \"");
                    assert!(!is_command && !is_quoted, "{name}: {text}");
                }
                Piece::Commands(_) => has_commands = true,
                Piece::Answer => {}
            }
        }
        let is_played = name == "README.md" || PLAYED.contains(&name);
        assert!(is_played || !has_commands, "{name} is typed by no test");
    }
}

/// A reader can go through the guide again, with the data from the first time.
#[test]
fn the_guide_can_be_typed_twice() {
    let guide = std::fs::read_to_string(root().join("docs/guide.md")).unwrap();
    let pieces = pieces(&guide);
    let shelf = Shelf::new();
    let first = shelf.type_in(&pieces);
    let second = shelf.type_in(&pieces);
    let blocks = |printed: &str| printed.split(MARK).map(str::to_owned).collect::<Vec<_>>();
    let (first, second) = (blocks(&first), blocks(&second));
    assert_eq!(first.len(), second.len());
    for (first, second) in first.iter().zip(&second) {
        assert_eq!(first.trim().is_empty(), second.trim().is_empty(), "{first}");
    }
    let told = second.concat();
    for state in ["interrupted", "complete"] {
        assert!(told.contains(&format!("\"state\":\"{state}\"")), "{told}");
    }
}

/// A reader's server, with its first key, and a directory for files.
struct Shelf {
    server: Server,
    key: serde_json::Value,
    /// A free address for the page's own receiver.
    receiver: String,
    data: tempfile::TempDir,
    files: tempfile::TempDir,
}

impl Shelf {
    fn new() -> Self {
        Self::with(&[])
    }

    /// With these options of the server.
    fn with(options: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        run(data.path(), &["org", "create", "DEMO", "--init"]);
        let key = run(data.path(), &["key", "create", "--org", "DEMO", "--json"]);
        Self {
            server: Server::start_with(data.path(), options),
            receiver: free_address(),
            key: serde_json::from_slice(&key.stdout).unwrap(),
            data,
            files: tempfile::tempdir().unwrap(),
        }
    }

    /// Types all commands into one shell. Returns the output, with a mark after each block.
    fn type_in(&self, pieces: &[Piece<'_>]) -> String {
        let mut script = String::new();
        for piece in pieces {
            if let Piece::Commands(commands) = piece {
                script.push_str(commands);
                script.push_str(&format!("printf '{}'\n", MARK.replace('\n', "\\n")));
            }
        }
        let script = script
            .replace(SERVER, &self.server.address.to_string())
            .replace(RECEIVER, &self.receiver);
        let output = Command::new("timeout")
            .args(["60", "sh", "-c", &script])
            .current_dir(self.files.path())
            .env("KEY_ID", self.key["id"].as_str().unwrap())
            .env("KEY_SECRET", self.key["secret"].as_str().unwrap())
            .env("XDG_STATE_HOME", self.files.path())
            .env("WHARFINGER_DATA", self.data.path())
            .env("PATH", path_with_program())
            .output()
            .unwrap();
        assert_ne!(output.status.code(), Some(124), "the page does not end");
        let printed = String::from_utf8(output.stdout).unwrap();
        printed.replace(&self.receiver, RECEIVER)
    }
}

/// An address at which nobody listens.
fn free_address() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().to_string()
}

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

/// Types a page into a shell and compares the output with the page.
fn play(page: &str) {
    play_on(&Shelf::new(), page);
}

fn play_on(shelf: &Shelf, page: &str) {
    let file = root().join(page);
    let guide = std::fs::read_to_string(&file).unwrap();
    let pieces = pieces(&guide);
    let key = &shelf.key;
    let printed = shelf.type_in(&pieces);
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

/// The shell's search path, with the program's directory first.
fn path_with_program() -> std::ffi::OsString {
    let program = Path::new(env!("CARGO_BIN_EXE_wharfinger"));
    let mut folders = vec![program.parent().unwrap().to_owned()];
    let known = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&known));
    std::env::join_paths(folders).unwrap()
}
