//! `wharfinger validate`.

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::support::fixture::{self, secret_of};
use crate::support::server::{Server, program};
use crate::support::v1::get;

/// What a command printed, and its exit status.
struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            status: output.status.code().expect("the command ends on its own"),
            stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("output is UTF-8"),
        }
    }

    #[track_caller]
    fn is(&self, status: i32, stdout: &str) {
        assert_eq!(
            (self.status, self.stdout.as_str()),
            (status, stdout),
            "{}",
            self.stderr
        );
    }

    fn json(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("each line is JSON"))
            .collect()
    }
}

const OFFLINE: &str = " (organisations, catalogue and stored orders are not checked without --url)";

/// Validates a file with this name and content, in a directory of its own.
fn validate(name: &str, content: &[u8], arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), content).unwrap();
    validate_in(folder.path(), &[&[name], arguments].concat())
}

fn validate_in(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = program();
    command.arg("validate").args(arguments).current_dir(folder);
    Ran::of(command.output().unwrap())
}

fn order(key: &str) -> String {
    format!(
        r#"{{"organisation":"ANY","key":"{key}","placed_at":"2026-11-18","lines":[{{"sku":"TEA-7"}}]}}"#
    )
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn good_files_of_every_form_are_good() {
    let [a, b] = ["A-1", "A-2"].map(order);
    let array = format!("[\n{a},\n{b}]");
    let lines = format!("{a}\n{b}\n");
    let marked = format!("\u{feff}{array}");
    for (name, content) in [
        ("orders.json", array.clone().into_bytes()),
        ("orders.ndjson", lines.clone().into_bytes()),
        ("orders", gzip(&array)),
        ("orders.ndjson.gz", gzip(&lines)),
        ("marked.json", marked.into_bytes()),
    ] {
        let expected = format!("{name}: 2 orders: 2 good, 0 bad{OFFLINE}\n");
        validate(name, &content, &[]).is(0, &expected);
    }
    validate("one.json", a.as_bytes(), &[])
        .is(0, &format!("one.json: 1 order: 1 good, 0 bad{OFFLINE}\n"));
}

#[test]
fn every_fault_has_its_place_its_value_and_a_hint() {
    let content = format!(
        "[{},\n {{\"organisation\":\"ANY\",\"key\":\"A-2\",\"placed_at\":\"31-11-2026\",\n  \"custmer\":{{}},\"lines\":[{{\"sku\":\"TEA-7\",\"currency\":\"€\"}}]}}]",
        order("A-1")
    );
    validate("orders.json", content.as_bytes(), &[]).is(
        3,
        &format!(
            "orders.json:2: A-2 /placed_at: placed_at must be a date of the form yyyy-mm-dd or RFC 3339; 31-11-2026: November has 30 days\n\
             orders.json:2: A-2 /lines/0/currency: lines[0].currency is not an ISO 4217 code; €: did you mean EUR?\n\
             orders.json:2: warning: A-2 /custmer: unknown attribute `custmer`, did you mean `customer`?; custmer: did you mean customer?\n\
             orders.json: 2 orders: 1 good, 1 bad, 1 with warnings{OFFLINE}\n"
        ),
    );
    let json = validate("orders.json", content.as_bytes(), &["--json"]);
    assert_eq!(json.status, 3);
    let said = json.json();
    assert_eq!(
        said[0],
        json!({
            "file": "orders.json", "line": 2, "index": 1, "key": "A-2", "severity": "error",
            "pointer": "/placed_at", "code": "not_date",
            "message": "placed_at must be a date of the form yyyy-mm-dd or RFC 3339",
            "value": "31-11-2026",
            "rule": "a date such as 2026-11-18 or 2026-11-18T09:30:00Z (yyyy-mm-dd or RFC 3339)",
            "hint": "31-11-2026: November has 30 days",
        })
    );
    assert_eq!(said[2]["severity"], "warning");
    assert_eq!(
        said[3],
        json!({
            "file": "orders.json", "orders": 2, "good": 1, "bad": 1, "warned": 1,
            "complete": true, "offline": true,
        })
    );
    let csv = validate("orders.json", content.as_bytes(), &["--csv"]);
    assert_eq!(csv.status, 3);
    let mut rows = csv.stdout.lines();
    assert_eq!(
        rows.next(),
        Some("file,line,column,key,severity,pointer,code,message,value,rule,hint")
    );
    assert!(
        rows.next()
            .unwrap()
            .starts_with("orders.json,2,,A-2,error,/placed_at,not_date,")
    );
    assert!(
        csv.stderr.contains("2 orders: 1 good, 1 bad"),
        "{}",
        csv.stderr
    );
}

#[test]
fn a_dialect_judges_by_its_own_rules() {
    let orders = r#"{"first":{"orderNumber":"x"},"second":[1]}"#;
    let told = validate(
        "orders.json",
        orders.as_bytes(),
        &["--dialect", "centra", "--json"],
    );
    assert_eq!(told.status, 3);
    let said = told.json();
    let of = |name: &str| -> Vec<&str> {
        let faults = said.iter().filter(|fault| fault["key"] == name);
        faults.filter_map(|fault| fault["code"].as_str()).collect()
    };
    assert!(of("first").contains(&"required"), "{said:?}");
    assert_eq!(of("second"), ["not_object"]);
    let unknown = validate("orders.json", b"[]", &["--dialect", "shopping"]);
    assert_eq!(unknown.status, 2);
    assert!(
        unknown
            .stderr
            .contains("reevoo, centra, gosweetspot, native"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn a_key_that_stands_in_a_file_twice_is_warned_of() {
    let lines = ["A-1", "A-2", "A-1"].map(order).join("\n");
    validate("f", lines.as_bytes(), &[]).is(
        0,
        &format!(
            "f:3: warning: A-1 the order has the key of the order on line 1; it is taken as the same order sent again\n\
             f: 3 orders: 3 good, 0 bad, 1 with warnings{OFFLINE}\n"
        ),
    );
    let elsewhere = lines.replacen("ANY", "OTHER", 1);
    assert_eq!(
        validate("f", elsewhere.as_bytes(), &["--json"])
            .json()
            .len(),
        1
    );
}

#[test]
fn standard_input_is_read_and_several_files_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.json"), order("A-1")).unwrap();
    std::fs::write(folder.path().join("bad.json"), "[{}]").unwrap();
    let mut command = program();
    command
        .args(["validate", "good.json", "-", "bad.json"])
        .current_dir(folder.path());
    let pipes = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(order("A-2").as_bytes())
        .unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    for part in [
        "good.json: 1 order: 1 good",
        "-: 1 order: 1 good",
        "bad.json: 1 order: 0 good, 1 bad",
    ] {
        assert!(ran.stdout.contains(part), "{}", ran.stdout);
    }
}

#[test]
fn what_cannot_be_read_is_status_1_and_names_the_place() {
    let latin = [order("A-1").as_bytes(), b"\n{\"key\":\"Malm\xf6\"}\n"].concat();
    let cut = format!("[{},", order("A-1"));
    let zipped = gzip(&order("A-1"));
    for (name, content, expected) in [
        ("latin.ndjson", latin, "iconv -f LATIN1 -t UTF-8"),
        ("cut.json", cut.into_bytes(), "cut.json"),
        ("empty.json", Vec::new(), "empty.json"),
        ("none.json", b"[]".to_vec(), "none.json has no orders"),
        ("text.json", b"hello".to_vec(), "text.json"),
        (
            "zipped.gz",
            zipped[..zipped.len() - 9].to_vec(),
            "zipped.gz",
        ),
    ] {
        let ran = validate(name, &content, &[]);
        assert_eq!(ran.status, 1, "{name}: {} {}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(expected), "{name}: {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{name}: {}", ran.stderr);
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.json"), "[{}]").unwrap();
    let ran = validate_in(folder.path(), &["missing.json", "bad.json"]);
    assert_eq!(
        ran.status, 1,
        "an unreadable file weighs more than bad orders"
    );
    assert!(
        ran.stdout.contains("bad.json: 1 order: 0 good, 1 bad"),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("missing.json"), "{}", ran.stderr);
}

/// A line of NDJSON that is no JSON is a bad order; the others are judged.
#[test]
fn a_line_that_is_no_json_is_a_bad_order() {
    let lines = format!("{}\n{{\"key\":True}}\n{}\n", order("A-1"), order("A-2"));
    let ran = validate("f.ndjson", lines.as_bytes(), &[]);
    assert_eq!(ran.status, 3);
    let first = ran.stdout.lines().next().unwrap();
    assert!(
        first.starts_with("f.ndjson:2: the order cannot be read: line 2 column 8: "),
        "{first}"
    );
    assert!(
        first.ends_with(
            "JSON writes true, false and null in lower case; Python's json.dumps does so"
        ),
        "{first}"
    );
    assert!(
        ran.stdout.contains("f.ndjson: 3 orders: 2 good, 1 bad"),
        "{}",
        ran.stdout
    );
}

#[test]
fn hostile_content_cannot_move_the_cursor_or_fill_the_memory() {
    let evil = json!({
        "organisation": "\u{1b}]0;x\u{7}", "key": "A\u{1b}[2J\n=1+1", "placed_at": "\u{1b}[31m\u{202e}gnp",
        "lines": [{"sku": "x"}], "cust\u{9b}mer": {},
    });
    let name = "\u{1b}[2J.json";
    let content = evil.to_string();
    for arguments in [&[][..], &["--json"], &["--csv"]] {
        let ran = validate(name, content.as_bytes(), arguments);
        assert_eq!(ran.status, 3);
        let is_bad = |letter: char| letter.is_control() && letter != '\n';
        // A CSV cell holds what was sent: a spreadsheet reads it, not a terminal.
        if !arguments.contains(&"--csv") {
            assert!(!ran.stdout.contains(is_bad), "{:?}", ran.stdout);
        }
        assert!(!ran.stderr.contains(is_bad), "{:?}", ran.stderr);
    }
    let large = json!({
        "organisation": "ANY", "key": "k".repeat(500_000), "placed_at": "x".repeat(300_000), "lines": [{"sku": "x"}],
    });
    let ran = validate("large.json", large.to_string().as_bytes(), &[]);
    assert_eq!(ran.status, 3);
    assert!(ran.stdout.len() < 2_000, "{} bytes", ran.stdout.len());
    let too_large = order(&"k".repeat(1_100_000));
    let ran = validate("large.json", too_large.as_bytes(), &[]);
    assert_eq!(ran.status, 3);
    assert!(
        ran.stdout.contains("the order is too large"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_table_names_row_and_column() {
    let map = "order = \"Order\"\n\n[columns]\n\"Order\" = \"key\"\n\"Date\" = \"placed_at\"\n\"Sku\" = \"lines[].sku\"\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("map.toml"), map).unwrap();
    std::fs::write(
        folder.path().join("shop.csv"),
        "Order,Date,Sku\nA-1,2026-11-18,TEA-7\nA-2,2026-11-31,TEA-7\n",
    )
    .unwrap();
    let ran = validate_in(
        folder.path(),
        &["shop.csv", "--map", "map.toml", "--org", "ANY"],
    );
    assert_eq!(ran.status, 3, "{} {}", ran.stdout, ran.stderr);
    let first = ran.stdout.lines().next().unwrap();
    assert!(
        first.starts_with("shop.csv:3: A-2 column \"Date\" /placed_at: "),
        "{first}"
    );
    assert!(
        first.ends_with("2026-11-31: November has 30 days"),
        "{first}"
    );
}

/// Runs a command that asks a server, with a key of the fixture.
fn ask(server: &Server, folder: &Path, key: &str, arguments: &[&str]) -> Ran {
    let secret = json!({ "id": key, "secret": secret_of(key) });
    std::fs::write(folder.join("key.json"), secret.to_string()).unwrap();
    let mut command = program();
    command.arg("validate").args(arguments).current_dir(folder);
    let url = format!("http://{}", server.address);
    command.args(["--url", &url, "--key-file", "key.json"]);
    Ran::of(command.output().unwrap())
}

#[test]
fn a_server_judges_with_all_that_it_knows_and_stores_nothing() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let folder = tempfile::tempdir().unwrap();
    let reached = order("A-1").replace("ANY", "TRK001");
    // White space and line breaks between values, 2,500 orders, and a line that is no JSON.
    let mut orders = vec![reached.replace(',', ",\n  ")];
    orders.extend((2..2_500).map(|number| reached.replace("A-1", &format!("A-{number}"))));
    orders.push(order("B-1").replace("ANY", "SECRET9"));
    orders.push(
        reached
            .replace("2026-11-18", "18-11-2026")
            .replace("A-1", "B-2"),
    );
    orders.push(reached.clone());
    std::fs::write(
        folder.path().join("f.json"),
        format!("[{}]", orders.join(",\n")),
    )
    .unwrap();
    let ran = ask(&server, folder.path(), "full", &["f.json"]);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    assert_eq!(lines.len(), 4, "{}", ran.stdout);
    assert!(
        lines[0].contains(": B-1 /organisation: organisation is not an organisation of this key"),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].ends_with("18-11-2026: did you mean 2026-11-18?"),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].contains(": warning: A-1 the order has the key of the order on line 1;"),
        "{}",
        lines[2]
    );
    assert_eq!(
        lines[3],
        "f.json: 2,502 orders: 2,500 good, 2 bad, 1 with warnings"
    );
    assert_eq!(get(&server, "/v1/orders")["data"], json!([]));
    assert_eq!(get(&server, "/v1/batches")["data"], json!([]));
    assert_eq!(get(&server, "/v1/events")["data"], json!([]));
    let refused = ask(&server, folder.path(), "reader", &["f.json"]);
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("403"), "{}", refused.stderr);
}

#[test]
fn a_server_s_limits_are_kept_and_a_key_of_one_organisation_needs_no_org() {
    let data = fixture::data_directory();
    let server = Server::start_with(
        data.path(),
        &[
            "--orders-per-batch-max",
            "3",
            "--body-bytes-max",
            "5000",
            "--order-bytes-max",
            "1000",
        ],
    );
    let folder = tempfile::tempdir().unwrap();
    let without = order("A-1").replace("\"organisation\":\"ANY\",", "");
    let mut orders: Vec<_> = (0..10)
        .map(|number| without.replace("A-1", &format!("A-{number}")))
        .collect();
    orders.push(
        without
            .replace("A-1", &"L".repeat(240))
            .replace("TEA-7", &"s".repeat(2_000)),
    );
    std::fs::write(folder.path().join("f.ndjson"), orders.join("\n")).unwrap();
    let ran = ask(&server, folder.path(), "one", &["f.ndjson"]);
    assert_eq!(ran.status, 3, "{} {}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout
            .contains("the order is too large: more than 1000 bytes"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .ends_with("f.ndjson: 11 orders: 10 good, 1 bad\n"),
        "{}",
        ran.stdout
    );
}
