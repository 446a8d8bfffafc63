//! `wharfinger submit`: files of every form.

use std::io::Write;
use std::process::Stdio;

use super::desk::Desk;
use super::files::{errors, numbered, printed};
use crate::support::v1::order;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn files_of_every_form_arrive_with_one_command() {
    let desk = Desk::new();
    let array = format!("\u{feff}[\n{},\n{}]\n", order("A-1"), order("A-2"));
    let pretty = serde_json::to_string_pretty(&order("B-1")).unwrap();
    desk.write("array.json", array);
    desk.write(
        "pretty",
        format!("{pretty}\n{}", pretty.replace("B-1", "B-2")),
    );
    desk.write("lines.ndjson", numbered("C", 2));
    desk.write("lines.ndjson.gz", gzip(&numbered("D", 2)));
    desk.write(
        "any name",
        zstd::encode_all(numbered("E", 2).as_bytes(), 1).unwrap(),
    );
    let files = [
        "array.json",
        "pretty",
        "lines.ndjson",
        "lines.ndjson.gz",
        "any name",
    ];
    let arguments = [&["submit", "--dialect", "native"], &files[..]].concat();
    let out = printed(&desk.send(&arguments), 0);
    assert_eq!(out.matches("2 orders in 1 batch").count(), 5, "{out}");
    assert_eq!(
        desk.keys("native"),
        [
            "A-1", "A-2", "B-1", "B-2", "C-0", "C-1", "D-0", "D-1", "E-0", "E-1"
        ]
    );
    for file in files {
        assert_eq!(desk.read_lines(&format!("{file}.receipts.ndjson")).len(), 1);
    }
}

#[test]
fn standard_input_has_a_name_for_its_results() {
    let desk = Desk::new();
    std::fs::create_dir(desk.home.path().join("results")).unwrap();
    let text = gzip(&format!("{{\"key\":\"bad\"}}\n{}", numbered("A", 1)));
    let arguments = ["submit", "-", "--dialect", "native", "--out", "results"];
    let mut command = desk.sender(&desk.url, "one", &arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    process.stdin.take().unwrap().write_all(&text).unwrap();
    printed(&process.wait_with_output().unwrap(), 3);
    assert_eq!(desk.keys("native"), ["A-0"]);
    assert_eq!(
        desk.read("results/stdin.rejected.ndjson"),
        "{\"key\":\"bad\"}\n"
    );
    assert!(desk.read("results/stdin.reasons.csv").contains("\n1,bad,"));
    assert_eq!(desk.names(), ["results"]);
}

/// The shortest order of this dialect that is valid, and one that is not.
const NAMED: &str = r#"{
 "first": {"orderNumber": 7, "address": {"email": "a@example.com", "country": "SE"}, "products": [{"sku": "S", "qty": 1}]},
 "the \"second\"": {"address": {"email": "a@example.com", "country": "SE"}, "products": []},
 "third": {"orderNumber": 9, "address": {"country": "SE"}, "products": [{"sku": "S", "qty": 1}]}
}"#;

#[test]
fn named_orders_keep_their_names_and_numbers() {
    let desk = Desk::new();
    desk.write("orders.json", NAMED);
    let arguments = ["submit", "orders.json", "--dialect", "centra"];
    let output = desk.send(&arguments);
    printed(&output, 3);
    assert_eq!(desk.keys("centra"), ["7"], "{}", errors(&output));
    let receipts = desk.read_lines("orders.json.receipts.ndjson");
    let expected = serde_json::json!([
        {"line": 3, "name": "the \"second\""},
        {"line": 4, "key": "9", "name": "third"},
    ]);
    assert_eq!(receipts[0]["rejected_orders"], expected);
    let reasons = desk.read("orders.json.reasons.csv");
    assert!(
        reasons.contains("\n3,\"the \"\"second\"\"\",/products,"),
        "{reasons}"
    );
    assert!(reasons.contains("\n4,9,/address/email,"), "{reasons}");

    // This dialect only creates. The run is repeated nevertheless, and no order is refused because it exists.
    let out = printed(&desk.send(&arguments), 3);
    assert!(
        out.contains("already sent 3") && out.contains("accepted     1"),
        "{out}"
    );
}

#[test]
fn the_results_of_a_table_name_rows_and_columns() {
    let desk = Desk::new();
    desk.write(
        "shop.toml",
        "order = \"no\"\n[columns]\nno = \"key\"\nmail = \"customer.email\"\nat = { to = \"placed_at\", date = \"%d.%m.%Y\" }\nsku = \"lines[].sku\"\n",
    );
    let table = "no,mail,at,sku\n\
        A-1,a@example.com,18.11.2026,TEA\n\
        A-1,,,MUG\n\
        A-2,b at example.com,19.11.2026,TEA\n\
        A-3,c@example.com,31.11.2026,TEA\n\
        A-4,d@example.com,20.11.2026,TEA\n";
    desk.write("orders.csv", table);
    let arguments = [
        "submit",
        "orders.csv",
        "--dialect",
        "native",
        "--map",
        "shop.toml",
    ];
    let out = printed(&desk.send(&arguments), 3);
    assert!(
        out.contains("accepted     2") && out.contains("rejected     2"),
        "{out}"
    );
    assert_eq!(desk.keys("native"), ["A-1", "A-4"]);
    let reasons = desk.read("orders.csv.reasons.csv");
    let reasons: Vec<_> = reasons.lines().skip(1).collect();
    assert!(
        reasons[0].starts_with("4,A-2,/customer/email,not_email,\"column \"\"mail\"\": "),
        "{reasons:?}"
    );
    // The date makes no order. It was not sent, and the receipt says so.
    assert!(
        reasons[1].starts_with("5,") && reasons[1].contains("\"column \"\"at\"\": "),
        "{reasons:?}"
    );
    let receipts = desk.read_lines("orders.csv.receipts.ndjson");
    assert_eq!(
        (&receipts[0]["received"], &receipts[0]["rejected"]),
        (&3.into(), &2.into())
    );
    let rejected = &receipts[0]["rejected_orders"];
    assert_eq!(
        (&rejected[0]["key"], &rejected[1]["not_sent"]),
        (&"A-2".into(), &true.into())
    );
    let rejected = desk.read_lines("orders.csv.rejected.ndjson");
    assert_eq!(rejected[0]["lines"][0]["sku"], "TEA");
    assert_eq!(rejected.len(), 1, "only the file has the whole order");

    // The other one is added by hand. Only the one that was sent mends a batch.
    let mended = [order("A-2"), order("A-3")].map(|order| format!("{order}\n"));
    desk.write("orders.csv.rejected.ndjson", mended.concat());
    printed(&desk.send(&["resend", "orders.csv.rejected.ndjson"]), 0);
    let again = desk.read_lines("orders.csv.rejected.ndjson.receipts.ndjson");
    assert_eq!(again[0]["mends"], receipts[0]["id"]);
    assert_eq!((again.len(), again[1].get("mends")), (2, None));
}
