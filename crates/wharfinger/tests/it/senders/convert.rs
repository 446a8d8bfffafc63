//! `wharfinger convert`: what it makes of orders, and what it says about them.

use serde_json::{Value, json};
use wharfinger_core::dialects;

use super::csv::{orders, ran, root};
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::v1::request;

/// Orders with nearly every attribute of a dialect, in a file.
fn samples(dialect: &str) -> String {
    let file = format!("crates/wharfinger-core/tests/mappings/{dialect}.json");
    root().join(file).to_str().unwrap().to_owned()
}

fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

#[test]
fn a_server_takes_exactly_the_orders_that_lack_nothing() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let folder = tempfile::tempdir().unwrap();
    let (mut taken, mut refused) = (0, 0);
    for from in dialects::ALL {
        for to in dialects::ALL {
            let out = path(&folder, "converted.ndjson");
            let samples = samples(from.id());
            let arguments = [
                "convert",
                &samples,
                "--from",
                from.id(),
                "--to",
                to.id(),
                "--org",
                "TRK001",
                "--json",
                "--out",
                &out,
            ];
            let output = crate::support::server::program()
                .args(arguments)
                .output()
                .unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            let notes = said.lines();
            let notes: Vec<Value> = notes
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            let is_short = |index: usize| {
                let mut notes = notes.iter();
                notes.any(|note| note["index"] == index && note["missing"] != json!([]))
            };
            let converted = std::fs::read_to_string(&out).unwrap();
            let target = format!(
                "/v1/batches?organisation=TRK001&dry_run=true&dialect={}",
                to.id()
            );
            for (index, order) in orders(&converted).iter().enumerate() {
                let request = request("POST", &target, "full").body(order.to_string());
                let answer = server.send(&request);
                let place = format!(
                    "{} to {}: {order}\n{said}{}",
                    from.id(),
                    to.id(),
                    answer.text()
                );
                assert_eq!(answer.status == 200, !is_short(index), "{place}");
                match answer.status {
                    200 => taken += 1,
                    _ => refused += 1,
                }
            }
            let any_short = (0..orders(&converted).len()).any(is_short);
            assert_eq!(
                output.status.code(),
                Some(if any_short { 3 } else { 0 }),
                "{said}"
            );
        }
    }
    assert!(
        taken > 10 && refused > 0,
        "{taken} taken, {refused} refused"
    );
}

#[test]
fn losses_are_named_order_by_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(&folder, "orders.json");
    let order = json!({"organisation": "TRK001", "key": "A-1", "placed_at": "2026-11-16T08:15:00Z", "customer": {"email": "ann@example.com", "phone": "1"},
        "lines": [{"sku": "TEA", "quantity": 2, "unit_price": "55.10", "description": "Tea"}], "shipping_price": "4.90"});
    let plain = json!({"organisation": "TRK001", "key": "A-2", "placed_at": "2026-11-16", "customer": {"email": "ann@example.com"},
        "lines": [{"sku": "TEA", "quantity": 2}]});
    let short = json!({"organisation": "TRK001", "key": "A-3", "placed_at": "2026-11-16", "lines": [{"ean": "4006381333931"}]});
    std::fs::write(&file, json!([order, plain, short]).to_string()).unwrap();
    let (out, error) = ran(&["convert", &file, "--from", "native", "--to", "reevoo"], 3);
    assert_eq!(orders(&out).len(), 3);
    assert_eq!(orders(&out)[0]["order_items"].as_array().unwrap().len(), 2);
    let said: Vec<&str> = error.lines().collect();
    let expected = [
        format!(
            "{file}:1: A-1 changed: placed_at from \"2026-11-16T08:15:00Z\" to \"2026-11-16\"; left out: customer.phone, lines[].description, shipping_price"
        ),
        format!("{file}:1: A-3 missing: customer.email, order_items[].sku; left out: lines[].ean"),
        "3 orders converted, 1 would be rejected, 2 with losses".to_owned(),
    ];
    assert_eq!(said, expected);
    // What a dialect's own attributes become is named in that dialect's words.
    let (_, error) = ran(
        &[
            "convert",
            &samples("centra"),
            "--from",
            "centra",
            "--to",
            "native",
            "--org",
            "TRK001",
        ],
        3,
    );
    for attribute in [
        "internalComment",
        "pricelist",
        "products[].comment",
        "payment.auth.status",
    ] {
        assert!(error.contains(attribute), "{attribute}\n{error}");
    }
    assert!(!error.contains("invoiceAddress.city"), "{error}");
}

#[test]
fn invalid_orders_are_named_and_not_converted() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(&folder, "orders.ndjson");
    let good = json!({"organisation": "TRK001", "key": "A-1", "placed_at": "2026-11-16", "lines": [{"sku": "TEA"}]});
    std::fs::write(&file, format!("{good}\n{{\"key\":\"A-2\"}}\n{{\"key\"\n")).unwrap();
    let arguments = ["convert", &file, "--from", "native", "--to", "native"];
    let (out, error) = ran(&arguments, 3);
    assert_eq!(orders(&out), [good]);
    for part in [
        ":2: A-2 /lines: lines is required",
        ":3: ",
        "the order cannot be read: ",
        "1 order converted, 2 invalid",
    ] {
        assert!(error.contains(part), "{part}\n{error}");
    }
    let (_, error) = ran(&[&arguments[..], &["--json"]].concat(), 3);
    let faults = error.lines();
    let faults: Vec<Value> = faults
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(faults[0]["severity"], "error");
    assert_eq!(faults[0]["line"], 2);
    assert_eq!(faults[faults.len() - 2]["code"], "not_json");
    assert_eq!(faults.last().unwrap()["invalid"], 2);
}

#[test]
fn a_file_is_written_as_a_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (path(&folder, "orders.json"), path(&folder, "out.json"));
    let order = json!({"organisation": "TRK001", "key": "A-1", "placed_at": "2026-11-16", "customer": {"email": "a@example.com"},
        "billing_address": {"country": "SE"}, "lines": [{"sku": "TEA"}]});
    std::fs::write(&file, format!("[{order}, {order}, {{\"key\"")).unwrap();
    let arguments = [
        "convert", &file, "--from", "native", "--to", "centra", "--format", "json", "--out", &out,
    ];
    ran(&arguments, 1);
    let names = || std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names(), 1, "nothing is left behind");
    std::fs::write(&file, format!("[{order}, {order}]")).unwrap();
    ran(&arguments, 0);
    // Batches of this dialect are objects of named orders.
    let converted: Value = serde_json::from_str(&std::fs::read_to_string(&out).unwrap()).unwrap();
    let named: Vec<&String> = converted.as_object().unwrap().keys().collect();
    assert_eq!(named, ["0", "1"]);
    let arguments = [
        "convert", &out, "--from", "centra", "--to", "reevoo", "--format", "json", "--org",
        "TRK001",
    ];
    let (array, _) = ran(&arguments, 3);
    let array: Value = serde_json::from_str(&array).unwrap();
    assert_eq!(array.as_array().unwrap().len(), 2);
    let (_, error) = ran(
        &["convert", &file, "--from", "native", "--to", "nothing"],
        2,
    );
    assert!(error.contains("expected one of "), "{error}");
}
