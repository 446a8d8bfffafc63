//! `wharfinger resend`: rejected orders that were mended.

use std::process::Command;

use serde_json::{Value, json};

use super::desk::Desk;
use super::files::{errors, printed};
use crate::support::stored::rows;
use crate::support::v1::order;

/// Sends 6 orders in 3 batches. The key says which are not good.
fn rejected(desk: &Desk) -> Vec<Value> {
    let bad = |key: &str| json!({"key": key, "lines": [{"sku": "S", "unit_price": "ten"}]});
    let orders = [
        bad("A-1"),
        order("A-2"),
        order("A-3"),
        order("A-4"),
        bad("A-5"),
        bad("A-6"),
    ];
    desk.write("orders.json", Value::from(orders.to_vec()).to_string());
    let arguments = [
        "submit",
        "orders.json",
        "--dialect",
        "native",
        "--batch",
        "2",
    ];
    printed(&desk.send(&arguments), 3);
    let receipts = desk.read_lines("orders.json.receipts.ndjson");
    assert_eq!(receipts.len(), 3);
    receipts
        .into_iter()
        .map(|receipt| receipt["id"].clone())
        .collect()
}

/// Replaces the lines of the rejected orders.
fn mend(desk: &Desk, lines: &[Value]) {
    let lines = lines.iter().map(|line| format!("{line}\n"));
    desk.write("orders.json.rejected.ndjson", lines.collect::<String>());
}

const RESEND: [&str; 2] = ["resend", "orders.json.rejected.ndjson"];

/// What the new batches mend, and the keys of their orders, as the server has it.
fn mended(desk: &Desk) -> Vec<Value> {
    let receipts = desk.read_lines("orders.json.rejected.ndjson.receipts.ndjson");
    let of_server = |receipt: &Value| {
        let stored = desk.receipt(&receipt["id"]);
        assert_eq!(stored["mends"], receipt["mends"]);
        stored["mends"].clone()
    };
    receipts.iter().map(of_server).collect()
}

#[test]
fn the_receipts_of_mended_orders_name_the_batches_that_they_mend() {
    let desk = Desk::new();
    let batches = rejected(&desk);
    let still_bad = json!({"key": "A-5", "placed_at": "2026-11-21", "lines": []});
    mend(&desk, &[order("A-1"), still_bad.clone(), order("A-6")]);
    let out = printed(&desk.send(&RESEND), 3);
    assert!(
        out.contains("accepted     2") && out.contains("rejected     1"),
        "{out}"
    );
    assert_eq!(mended(&desk), [batches[0].clone(), batches[2].clone()]);
    let name = "orders.json.rejected.ndjson.rejected.ndjson";
    assert_eq!(desk.read(name), format!("{still_bad}\n"));
    let reasons = desk.read("orders.json.rejected.ndjson.reasons.csv");
    assert!(
        reasons
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("2,A-5,/lines,required,"),
        "{reasons}"
    );
    // The files of the first run are as they were.
    assert_eq!(desk.read_lines("orders.json.receipts.ndjson").len(), 3);

    // Once more, until all is good.
    let second = desk.read_lines("orders.json.rejected.ndjson.receipts.ndjson");
    desk.write(name, format!("\n{}\n", order("A-5")));
    printed(&desk.send(&["resend", name]), 0);
    let third = desk.read_lines(&format!("{name}.receipts.ndjson"));
    assert_eq!(third[0]["mends"], second[1]["id"]);
    let mut keys = desk.keys("native");
    keys.sort();
    assert_eq!(keys, ["A-1", "A-2", "A-3", "A-4", "A-5", "A-6"]);

    // A repeated run does nothing.
    let stored = rows(desk.data.path());
    let out = printed(&desk.send(&["resend", name]), 0);
    assert!(out.contains("already sent 1"), "{out}");
    assert_eq!(rows(desk.data.path()), stored);
}

#[test]
fn orders_are_recognised_by_their_keys_after_lines_were_added_or_removed() {
    let desk = Desk::new();
    let batches = rejected(&desk);
    mend(&desk, &[order("new"), order("A-6")]);
    let output = desk.send(&RESEND);
    let out = printed(&output, 0);
    assert!(out.contains("2 orders in 2 batches"), "{out}");
    let said = errors(&output);
    assert!(
        said.contains("1 order is not among the rejected ones"),
        "{said}"
    );
    assert_eq!(mended(&desk), [Value::Null, batches[2].clone()]);
}

#[test]
fn orders_are_recognised_by_their_keys_after_lines_were_swapped() {
    let desk = Desk::new();
    let batches = rejected(&desk);
    // The order in the middle has a new key: its line counts.
    mend(&desk, &[order("A-6"), order("new"), order("A-1")]);
    let output = desk.send(&RESEND);
    printed(&output, 0);
    assert_eq!(errors(&output), "");
    let expected = [&batches[2], &batches[0]].map(Clone::clone);
    let found = mended(&desk);
    assert_eq!([found[0].clone(), found[found.len() - 1].clone()], expected);
    let receipts = desk.read_lines("orders.json.rejected.ndjson.receipts.ndjson");
    let received = receipts.iter().map(|receipt| receipt["received"].clone());
    assert_eq!(
        received.collect::<Vec<_>>(),
        [2, 1],
        "A-5 was of the same batch as A-6"
    );
}

#[test]
fn rows_that_make_no_order_are_never_resent_without_their_missing_data() {
    let desk = Desk::new();
    desk.write(
        "shop.toml",
        "order = \"no\"\n[columns]\nno = \"key\"\nat = { to = \"placed_at\", date = \"%d.%m.%Y\" }\n\
         sku = \"lines[].sku\"\nprice = { to = \"lines[].unit_price\", number = true }\n",
    );
    let table = "no,at,sku,price\nA-1,18.11.2026,TEA,1\nA-2,18.11.2026,TEA,?\nA-1,,MUG,2\n";
    desk.write("it's.csv", table);
    let submit = [
        "submit",
        "it's.csv",
        "--dialect",
        "native",
        "--map",
        "shop.toml",
    ];
    let out = printed(&desk.send(&submit), 3);
    let told =
        "not sent     2  only in the reasons; mend them in it's.csv itself, then submit it again";
    assert!(out.contains(told) && !out.contains("resend"), "{out}");
    assert_eq!(
        desk.names(),
        [
            "it's.csv",
            "it's.csv.reasons.csv",
            "it's.csv.receipts.ndjson",
            "shop.toml"
        ]
    );
    let reasons = desk.read("it's.csv.reasons.csv");
    assert_eq!(
        reasons.matches("mend it in the CSV file").count(),
        2,
        "{reasons}"
    );
    assert!(
        reasons.contains("\n3,") && reasons.contains("rows_apart"),
        "{reasons}"
    );

    // One that the server rejects can be resent; the line is good for a shell.
    desk.write("it's.csv", format!("{table}A-3,18.11.2026,,\n"));
    let out = printed(&desk.send(&submit), 3);
    let told = r"then: wharfinger resend 'it'\''s.csv.rejected.ndjson'";
    assert!(
        out.contains(told) && out.contains("rejected     3"),
        "{out}"
    );
    assert_eq!(desk.read("it's.csv.rejected.ndjson").lines().count(), 1);
    printed(&desk.send(&["resend", "it's.csv.rejected.ndjson"]), 3);
    assert_eq!(desk.keys("native"), ["A-1"]);

    // Mended in the file itself, all of them are whole.
    let table = "no,at,sku,price\nA-1,18.11.2026,TEA,1\nA-1,,MUG,2\nA-2,18.11.2026,TEA,3\n";
    desk.write("it's.csv", table);
    let out = printed(&desk.send(&submit), 0);
    assert!(
        out.contains("accepted     1") && out.contains("updated      1"),
        "{out}"
    );
}

#[test]
fn a_full_disk_takes_nothing_from_an_earlier_run_and_does_not_hide_that_all_was_sent() {
    let desk = Desk::new();
    rejected(&desk);
    let names = desk.names();
    let results: Vec<_> = names
        .iter()
        .filter(|name| name.contains(".json."))
        .collect();
    assert_eq!(results.len(), 3);
    let before: Vec<_> = results.iter().map(|name| desk.read(name)).collect();
    let mut large = json!({"key": "B-1", "lines": []});
    large["instructions"] = "x".repeat(30_000).into();
    desk.write("orders.json", json!([order("B-2"), large]).to_string());
    // No file may be longer than a few KiB.
    let arguments = ["submit", "orders.json", "--dialect", "native"];
    let sender = desk.sender(&desk.url, "one", &arguments);
    let mut limited = Command::new("sh");
    let variables = sender.get_envs();
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""])
        .arg(sender.get_program())
        .args(sender.get_args())
        .envs(variables.filter_map(|(name, value)| Some((name, value?))))
        .current_dir(desk.home.path());
    let output = limited.output().unwrap();
    let out = printed(&output, 1);
    assert!(
        out.contains("accepted     1") && out.contains("rejected     1"),
        "{out}"
    );
    let said = errors(&output);
    for told in [
        "everything was sent, but",
        "cannot write orders.json.rejected.ndjson.part",
    ] {
        assert!(said.contains(told), "{said}");
    }
    let after: Vec<_> = results.iter().map(|name| desk.read(name)).collect();
    assert_eq!(after, before);
    printed(&desk.send(&arguments), 3);
    assert_eq!(desk.keys("native").len(), 4);
}

#[test]
fn what_cannot_be_resent_is_refused_and_nothing_is_stored() {
    let desk = Desk::new();
    rejected(&desk);
    mend(&desk, &[order("A-1"), order("A-5"), order("A-6")]);
    let stored = rows(desk.data.path());
    let refused = |arguments: &[&str], error: &str| {
        let output = desk.send(arguments);
        printed(&output, 1);
        let said = errors(&output);
        assert!(said.contains(error), "{said}");
    };
    refused(
        &["resend", "orders.json"],
        "expected a file whose name ends in .rejected.ndjson",
    );
    let receipts = desk.read("orders.json.receipts.ndjson");
    for (content, error) in [
        ("", "orders.json.receipts.ndjson has no receipts"),
        (
            "{}\n",
            "orders.json.receipts.ndjson: line 1 is not a receipt",
        ),
    ] {
        desk.write("orders.json.receipts.ndjson", content);
        refused(&RESEND, error);
    }
    // The batches are those of another server.
    let foreign = receipts.replace(
        "\"id\":\"",
        "\"id\":\"0199aaaa-0000-7000-8000-000000000000\",\"x\":\"",
    );
    desk.write("orders.json.receipts.ndjson", foreign);
    refused(
        &RESEND,
        "to send orders whose rejecting batch is gone, use `wharfinger submit -`",
    );
    std::fs::remove_file(desk.home.path().join("orders.json.receipts.ndjson")).unwrap();
    refused(&RESEND, "without it, use `wharfinger submit -`");
    assert_eq!(rows(desk.data.path()), stored);
}
