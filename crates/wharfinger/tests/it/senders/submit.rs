//! `wharfinger submit`: what is sent, what is written beside the file, and how it ends.

use serde_json::{Value, json};

use super::desk::Desk;
use super::files::{errors, numbered, printed};
use super::proxy::{Act, Proxy};
use crate::support::server::Server;
use crate::support::stored::rows;
use crate::support::v1::order;

const SUBMIT: [&str; 4] = ["submit", "orders.json", "--dialect", "native"];

/// Two good orders, and three that are not.
const MIXED: &str = r#"[
 {"key":"A-1","placed_at":"2026-11-21","lines":[{"sku":"S"}]},
 {
  "key":"=A-2",
  "lines":[{"sku":"S","unit_price":55.10}]
 },
 {"key":"A-3","placed_at":"2026-11-21","lines":[{"sku":"S"}]},
 {"key":"A-4","placed_at":tru},
 {"key":"A-5","placed_at":"2026-11-21","lines":[]}
]"#;

#[test]
fn rejected_orders_their_reasons_and_the_receipts_stand_beside_the_file() {
    let desk = Desk::new();
    desk.write("orders.json", MIXED);
    let output = desk.send(&[&SUBMIT[..], &["--batch", "3"]].concat());
    let out = printed(&output, 3);
    for line in ["accepted     2", "rejected     3", "5 orders in 2 batches"] {
        assert!(out.contains(line), "{out}");
    }
    assert_eq!(
        desk.names(),
        [
            "orders.json",
            "orders.json.reasons.csv",
            "orders.json.receipts.ndjson",
            "orders.json.rejected.ndjson"
        ]
    );
    assert_eq!(
        desk.read("orders.json.rejected.ndjson"),
        "{   \"key\":\"=A-2\",   \"lines\":[{\"sku\":\"S\",\"unit_price\":55.10}]  }\n\
         {\"key\":\"A-4\",\"placed_at\":tru}\n\
         {\"key\":\"A-5\",\"placed_at\":\"2026-11-21\",\"lines\":[]}\n"
    );
    let reasons = desk.read("orders.json.reasons.csv");
    let place = "byte 26 of the order that begins in line 8: expected a value";
    assert!(reasons.contains(place), "{reasons}");
    let mut reasons = reasons.lines();
    assert_eq!(reasons.next(), Some("line,key,pointer,code,message,hint"));
    let reasons: Vec<_> = reasons
        .map(|line| line.split(',').take(4).collect::<Vec<_>>())
        .collect();
    assert_eq!(
        reasons,
        [
            ["3", "'=A-2", "/placed_at", "required"],
            ["8", "", "", "not_json"],
            ["9", "A-5", "/lines", "required"],
        ]
    );
    receipts_name_what_they_answer(&desk);
    assert_eq!(desk.keys("native"), ["A-1", "A-3"]);
}

/// The receipts of the orders above, in batches of three.
fn receipts_name_what_they_answer(desk: &Desk) {
    let receipts = desk.read_lines("orders.json.receipts.ndjson");
    let told = |receipt: &Value| {
        let lines = (&receipt["first_line"], &receipt["last_line"]);
        let counts = (
            &receipt["received"],
            &receipt["accepted"],
            &receipt["rejected"],
        );
        format!("{lines:?} {counts:?} {}", receipt["rejected_orders"])
    };
    let number = |number: i32| Value::from(number);
    let [two, seven, eight, nine] = [2, 7, 8, 9].map(number);
    let [one, three] = [1, 3].map(number);
    let expected = [
        format!(
            "{:?} {:?} {}",
            (&two, &seven),
            (&three, &two, &one),
            json!([{"line": 3, "key": "=A-2"}])
        ),
        format!(
            "{:?} {:?} {}",
            (&eight, &nine),
            (&two, &number(0), &two),
            json!([{"line": 8}, {"line": 9, "key": "A-5"}])
        ),
    ];
    assert_eq!(receipts.iter().map(told).collect::<Vec<_>>(), expected);
    for receipt in &receipts {
        assert_eq!(receipt["url"], desk.url);
        assert_eq!(
            (&receipt["key_id"], &receipt["dialect"]),
            (&json!("one"), &json!("native"))
        );
        assert_eq!(receipt["organisation"], "TRK001", "the only one of the key");
        let of_server = desk.receipt(&receipt["id"]);
        assert_eq!(of_server["received"], receipt["received"]);
    }
}

#[test]
fn a_second_run_is_answered_as_the_first_and_stores_nothing() {
    let desk = Desk::new();
    desk.write("orders.json", MIXED);
    printed(&desk.send(&SUBMIT), 3);
    let files =
        ["orders.json.rejected.ndjson", "orders.json.reasons.csv"].map(|name| desk.read(name));
    let receipts = desk.read_lines("orders.json.receipts.ndjson");
    let stored = rows(desk.data.path());
    let out = printed(&desk.send(&SUBMIT), 3);
    assert!(out.contains("already sent 5"), "{out}");
    assert_eq!(rows(desk.data.path()), stored);
    let again =
        ["orders.json.rejected.ndjson", "orders.json.reasons.csv"].map(|name| desk.read(name));
    assert_eq!(again, files);
    let replayed = desk.read_lines("orders.json.receipts.ndjson");
    assert_eq!(replayed[0]["id"], receipts[0]["id"]);
    assert_eq!(
        (&receipts[0]["replayed"], &replayed[0]["replayed"]),
        (&Value::Null, &json!(true))
    );

    // With --again, all are judged anew.
    let out = printed(&desk.send(&[&SUBMIT[..], &["--again"]].concat()), 3);
    assert!(
        !out.contains("already sent") && out.contains("unchanged    2"),
        "{out}"
    );
    assert_eq!(desk.keys("native"), ["A-1", "A-3"]);

    // Of a file without faults, no files of rejected orders are left.
    desk.write("orders.json", format!("[{}]", order("A-9")));
    let out = printed(&desk.send(&[&SUBMIT[..], &["--json"]].concat()), 0);
    let summary: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(summary["accepted"], 1);
    assert_eq!(
        (&summary["complete"], &summary["rejected_file"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(summary["receipts_file"], "orders.json.receipts.ndjson");
    assert_eq!(desk.names(), ["orders.json", "orders.json.receipts.ndjson"]);
}

#[test]
fn rejected_orders_that_were_edited_are_not_lost_in_a_second_run() {
    let desk = Desk::new();
    desk.write("orders.json", MIXED);
    printed(&desk.send(&SUBMIT), 3);
    let name = "orders.json.rejected.ndjson";
    let rejected = desk.read(name);
    desk.write(name, "mended");
    let edited = std::fs::File::options()
        .write(true)
        .open(desk.home.path().join(name))
        .unwrap();
    let written = edited.metadata().unwrap().modified().unwrap();
    let later = written + std::time::Duration::from_secs(1);
    edited.set_modified(later).unwrap();
    let output = desk.send(&SUBMIT);
    printed(&output, 3);
    let said = errors(&output);
    assert!(
        said.contains("it is orders.json.rejected.ndjson.edited now"),
        "{said}"
    );
    assert_eq!(desk.read(&format!("{name}.edited")), "mended");
    assert_eq!(desk.read(name), rejected);
    // Files that nobody has edited are replaced.
    let names = desk.names();
    assert_eq!(errors(&desk.send(&SUBMIT)), "");
    assert_eq!(desk.names(), names);

    // What was kept before stays. A file without receipts may be anybody's.
    desk.write(name, "mended again");
    std::fs::remove_file(desk.home.path().join("orders.json.receipts.ndjson")).unwrap();
    let output = desk.send(&SUBMIT);
    printed(&output, 3);
    let said = errors(&output);
    assert!(said.contains("ndjson.edited.2 now"), "{said}");
    assert_eq!(desk.read(&format!("{name}.edited")), "mended");
    assert_eq!(desk.read(&format!("{name}.edited.2")), "mended again");
    assert_eq!(desk.read(name), rejected);
}

#[test]
fn a_dry_run_stores_nothing_and_writes_files_of_its_own() {
    let desk = Desk::new();
    desk.write("orders.json", MIXED);
    let before = rows(desk.data.path());
    let out = printed(&desk.send(&[&SUBMIT[..], &["--dry-run"]].concat()), 3);
    assert!(out.contains("dry run: nothing is stored"), "{out}");
    assert_eq!(rows(desk.data.path()), before);
    assert_eq!(
        desk.names(),
        [
            "orders.json",
            "orders.json.dry-run.reasons.csv",
            "orders.json.dry-run.receipts.ndjson",
            "orders.json.dry-run.rejected.ndjson"
        ]
    );
    let receipts = desk.read_lines("orders.json.dry-run.receipts.ndjson");
    assert_eq!(receipts[0]["dry_run"], true);
}

#[test]
fn batches_fit_the_limits_of_the_server() {
    let mut desk = Desk::new();
    desk.kill_server();
    let limits = ["--orders-per-batch-max", "7", "--body-bytes-max", "400"];
    let server = Server::start_with(desk.data.path(), &limits);
    desk.url = format!("http://{}", server.address);
    desk.server = Some(server);
    desk.write("orders.json", numbered("A", 20));
    printed(&desk.send(&SUBMIT), 0);
    let receipts = desk.read_lines("orders.json.receipts.ndjson");
    let received: Vec<_> = receipts
        .iter()
        .map(|receipt| receipt["received"].as_u64().unwrap())
        .collect();
    assert_eq!(received.iter().sum::<u64>(), 20);
    let line = order("A-10").to_string().len() as u64 + 1;
    assert!(
        received
            .iter()
            .all(|count| *count <= 7 && count * line <= 400 + line),
        "{received:?}"
    );
    assert_eq!(desk.keys("native").len(), 20);
}

#[test]
fn a_batch_too_large_for_a_proxy_is_halved() {
    let desk = Desk::new();
    let length = order("A-0").to_string().len();
    let proxy = Proxy::start(desk.server().address, move |passing| {
        match passing.body.len() > 3 * length + 2 {
            true => Act::Answer(413, ""),
            false => Act::Pass,
        }
    });
    desk.write("orders.json", numbered("A", 9));
    let send = || desk.sender(&proxy.url(), "one", &SUBMIT).output().unwrap();
    printed(&send(), 0);
    let receipts = desk.read_lines("orders.json.receipts.ndjson");
    let lines: Vec<_> = receipts
        .iter()
        .map(|receipt| receipt["first_line"].as_u64().unwrap())
        .collect();
    assert_eq!(
        lines,
        [1, 3, 5, 7],
        "9 are 4 and 5; 4 are 2 and 2; 5 are 2 and 3"
    );
    let out = printed(&send(), 0);
    assert!(out.contains("already sent 9"), "{out}");
    assert_eq!(desk.keys("native").len(), 9);

    // One order that is too large ends the run, and says which one it is.
    let mut large = order("B-1");
    large["instructions"] = "x".repeat(4 * length).into();
    desk.write("orders.json", format!("{}{large}\n", numbered("B", 1)));
    let output = send();
    printed(&output, 1);
    let said = errors(&output);
    assert!(
        said.contains("the order that begins in line 2 has"),
        "{said}"
    );
    assert!(said.contains("run the same command again"), "{said}");
    assert_eq!(desk.keys("native").len(), 10);
}

#[test]
fn what_the_server_refuses_as_a_whole_ends_the_run_and_changes_no_file() {
    let desk = Desk::new();
    desk.write("orders.json", MIXED);
    printed(&desk.send(&SUBMIT), 3);
    let names = desk.names();
    let before = names.iter().map(|name| desk.read(name)).collect::<Vec<_>>();
    let stored = rows(desk.data.path());
    let cases = [
        ("nobody", &SUBMIT[..], "the server answered 401"),
        ("reader", &SUBMIT[..], "the server answered 403"),
        (
            "full",
            &[&SUBMIT[..], &["--org", "XXX"]].concat(),
            "the server answered 400: The organisation does not exist",
        ),
    ];
    for (key, arguments, error) in cases {
        let output = desk.sender(&desk.url, key, arguments).output().unwrap();
        printed(&output, 1);
        let said = errors(&output);
        assert!(said.contains(error), "{said}");
        assert_eq!(desk.names(), names, "{error}");
        let after = names.iter().map(|name| desk.read(name)).collect::<Vec<_>>();
        assert_eq!(after, before, "{error}");
    }
    assert_eq!(rows(desk.data.path()), stored);
}

#[test]
fn a_file_that_breaks_off_is_sent_up_to_the_last_whole_batch() {
    let desk = Desk::new();
    let text = format!(
        "[{},{},\n{},{}\n\"x]",
        order("A-1"),
        order("A-2"),
        order("A-3"),
        order("A-4")
    );
    desk.write("orders.json", text);
    let output = desk.send(&[&SUBMIT[..], &["--batch", "3", "--json"]].concat());
    let summary: Value = serde_json::from_str(&printed(&output, 1)).unwrap();
    let said = errors(&output);
    assert!(
        said.contains("orders.json: line 3, byte 1: expected ',' or ']'"),
        "{said}"
    );
    assert_eq!(
        (&summary["complete"], &summary["accepted"]),
        (&json!(false), &json!(3))
    );
    assert_eq!(desk.keys("native"), ["A-1", "A-2", "A-3"]);
    assert_eq!(
        desk.names(),
        ["orders.json", "orders.json.receipts.ndjson.part"]
    );
    assert_eq!(summary["receipts_file"], "orders.json.receipts.ndjson.part");

    // It is mended. What was sent is not sent as something new, also where an order cannot be sent twice.
    desk.write(
        "orders.json",
        format!(
            "[{},{},{},{}]",
            order("A-1"),
            order("A-2"),
            order("A-3"),
            order("A-4")
        ),
    );
    let out = printed(&desk.send(&[&SUBMIT[..], &["--batch", "3"]].concat()), 0);
    assert!(out.contains("already sent 3"), "{out}");
    assert_eq!(desk.names(), ["orders.json", "orders.json.receipts.ndjson"]);
}

#[test]
fn what_cannot_be_read_or_written_is_refused_before_anything_is_sent() {
    let desk = Desk::new();
    desk.write("empty.json", " \n");
    desk.write("latin.json", b"{\"key\":\"\xe9\"}");
    desk.write("orders.json", numbered("A", 1));
    std::fs::create_dir(desk.home.path().join("a")).unwrap();
    desk.write("a/orders.json", numbered("B", 1));
    let before = rows(desk.data.path());
    for (arguments, error) in [
        (&["none.json"][..], "cannot read none.json"),
        (&["a"], "a is a directory; name the files in it"),
        (&["empty.json"], "empty.json has no orders"),
        (
            &["latin.json"],
            "latin.json: line 1, byte 9: byte 0xE9 is not UTF-8",
        ),
        (&["-", "-"], "standard input (-) can be read only once"),
        (
            &["orders.json", "a/orders.json", "--out", "a"],
            "two files would have the same files of results",
        ),
        (
            &["orders.json", "orders.json.receipts.ndjson"],
            "orders.json.receipts.ndjson has receipts of an earlier run, not orders",
        ),
        (
            &["orders.json", "it's.rejected.ndjson"],
            r"use `wharfinger resend 'it'\''s.rejected.ndjson'`",
        ),
        (
            &["orders.json", "--out", "none"],
            "cannot write none/orders.json.receipts.ndjson.part",
        ),
    ] {
        let arguments = [&["submit", "--dialect", "native"], arguments].concat();
        let output = desk.send(&arguments);
        printed(&output, 1);
        let said = errors(&output);
        assert!(said.contains(error), "{said}");
    }
    assert_eq!(rows(desk.data.path()), before);
    assert_eq!(
        desk.names(),
        ["a", "empty.json", "latin.json", "orders.json"]
    );
    for arguments in [
        &["submit", "orders.json"][..],
        &["submit", "orders.json", "--dialect", "x"],
    ] {
        printed(&desk.send(arguments), 2);
    }
}
