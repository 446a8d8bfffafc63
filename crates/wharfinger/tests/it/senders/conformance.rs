//! `wharfinger conformance` against the real server.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use wharfinger_core::dialects;

use crate::support::fixture::{self, DataDirectory};
use crate::support::server::{Server, program, run};
use crate::support::v1;

/// A server without orders, and the file of a key that may do everything.
pub(super) struct Bench {
    pub(super) server: Server,
    pub(super) data: DataDirectory,
    key: PathBuf,
}

impl Bench {
    pub(super) fn new() -> Self {
        let data = fixture::data_directory();
        let scopes = ["admin", "orders:read", "orders:write"].map(|scope| ["--scope", scope]);
        let key = [
            &["key", "create", "--all-orgs", "--json"],
            scopes.as_flattened(),
        ];
        let key = run(data.path(), &key.concat());
        let file = data.path().join("admin.json");
        std::fs::write(&file, key.stdout).unwrap();
        Self {
            server: Server::start(data.path()),
            key: file,
            data,
        }
    }

    /// Plays cases with the administrator's key.
    pub(super) fn play(&self, address: SocketAddr, dialect: &str, options: &[&str]) -> Output {
        let key = self.key.to_str().unwrap();
        let admin = ["--admin-key-file", key];
        conformance(address, dialect, &[&admin, options].concat())
    }
}

fn conformance(address: SocketAddr, dialect: &str, options: &[&str]) -> Output {
    let url = format!("http://{address}");
    let mut command = program();
    command.args(["conformance", "--dialect", dialect, "--url", &url]);
    command.args(options).output().unwrap()
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The JSON lines of a run: the cases, and the counts.
pub(super) fn lines(output: &Output) -> (Vec<Value>, Value) {
    let printed = text(&output.stdout);
    let lines = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let mut lines: Vec<Value> = lines.collect();
    let counts = lines
        .pop()
        .unwrap_or_else(|| panic!("{}", text(&output.stderr)));
    (lines, counts)
}

#[test]
fn the_server_passes_every_case_of_every_dialect() {
    std::thread::scope(|scope| {
        for dialect in dialects::ALL {
            scope.spawn(|| {
                let bench = Bench::new();
                let output = bench.play(bench.server.address, dialect.id(), &["--json"]);
                let (cases, counts) = lines(&output);
                let others: Vec<&Value> = cases
                    .iter()
                    .filter(|case| case["result"] != "passed")
                    .collect();
                assert!(others.is_empty(), "{others:#?}");
                assert_eq!(counts["passed"], cases.len());
                assert!(cases.len() >= 50);
                assert_eq!(output.status.code(), Some(0));
                // Nothing is left that could be used.
                let keys = run(bench.data.path(), &["key", "list", "--json"]);
                let keys = text(&keys.stdout);
                let made = keys
                    .lines()
                    .filter(|line| line.contains("\"expires_at\":\""));
                let made: Vec<&str> = made.collect();
                assert!(made.len() > 10, "{keys}");
                assert!(
                    made.iter()
                        .all(|line| !line.contains("\"revoked_at\":null")),
                    "{made:?}"
                );
            });
        }
    });
}

/// A user with one key of one organisation, whose server already has orders.
#[test]
fn a_plain_key_plays_what_it_can_any_number_of_times() {
    let data = fixture::data_directory();
    let key = run(data.path(), &["key", "create", "--org", "TRK002", "--json"]);
    let file = data.path().join("two.json");
    std::fs::write(&file, key.stdout).unwrap();
    let server = Server::start(data.path());
    let options = [
        "--key-file",
        file.to_str().unwrap(),
        "--org",
        "TRK001=TRK002",
        "--json",
    ];
    for dialect in ["native", "reevoo", "gosweetspot"] {
        for _ in 0..2 {
            let output = conformance(server.address, dialect, &options);
            let (cases, counts) = lines(&output);
            let differing: Vec<&Value> = cases
                .iter()
                .filter(|case| case["result"] == "differs")
                .collect();
            assert!(differing.is_empty(), "{differing:#?}");
            assert!(counts["passed"].as_u64().unwrap() > 30, "{counts}");
            let mut skipped = cases.iter().filter(|case| case["result"] == "skipped");
            assert!(skipped.all(|case| case["reason"].as_str().unwrap().starts_with("it needs ")));
            assert_eq!(output.status.code(), Some(0));
        }
    }
    let listed = v1::request("GET", "/v1/orders?organisation=TRK001", "one");
    let listed = server.send(&listed);
    assert_eq!(
        listed.json()["data"],
        Value::Array(Vec::new()),
        "TRK001 was not named"
    );
}

#[test]
fn what_cannot_be_played_is_said_in_a_sentence() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let bench = Bench::new();
    let here = bench.server.address;
    for (output, status, said) in [
        (bench.play(nobody, "native", &[]), 1, "cannot reach"),
        (
            bench.play(here, "nothing", &[]),
            1,
            "there is no dialect nothing; the dialects are centra",
        ),
        (
            bench.play(here, "native", &["--only", "7777*"]),
            1,
            "no case matches 7777*",
        ),
        (
            bench.play(here, "native", &["--key", "x=y"]),
            2,
            "cannot be used with",
        ),
        (conformance(here, "native", &[]), 1, "no API key is named"),
    ] {
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        assert!(text(&output.stderr).contains(said), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
}

#[test]
fn the_list_names_what_cases_need_and_where_their_rules_stand() {
    let output = program()
        .args([
            "conformance",
            "--dialect",
            "reevoo",
            "--list",
            "--json",
            "--only",
            "0102*",
        ])
        .output()
        .unwrap();
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(listed["case"], "0102-a-processed-order-is-turned-down");
    assert_eq!(listed["rule"], "resubmission");
    assert!(
        listed["source"]
            .as_str()
            .unwrap()
            .starts_with("docs/dialects/")
    );
    assert_eq!(listed["keys"], serde_json::json!(["full"]));
    assert_eq!(listed["organisations"], serde_json::json!(["TRK001"]));
    assert!(
        listed["commands"][0]
            .as_str()
            .unwrap()
            .starts_with("orders process")
    );
}

/// The page says how a server is tested. Its numbers must be those of the cases.
#[test]
fn the_page_of_the_kit_counts_the_cases() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conformance.md");
    let page = std::fs::read_to_string(page).unwrap();
    for dialect in dialects::ALL {
        let output = program()
            .args(["conformance", "--dialect", dialect.id(), "--list", "--json"])
            .output()
            .unwrap();
        let count = text(&output.stdout).lines().count();
        let row = format!("| `{}` | {count} |", dialect.id());
        assert!(page.contains(&row), "docs/conformance.md lacks {row}");
        if dialect.id() == "reevoo" {
            // The page shows runs of this dialect.
            let counted = page.match_indices(" cases: ").map(|(at, _)| &page[..at]);
            let counted = counted.filter_map(|before| before.split_whitespace().last());
            let counted: Vec<&str> = counted.collect();
            assert_eq!(counted, [count.to_string(), count.to_string()]);
        }
    }
}
