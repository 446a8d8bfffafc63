//! CSV files become orders, and messages name row and column.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::desk::Desk;
use super::files::printed;
use crate::support::fixture;
use crate::support::server::{Server, program};
use crate::support::v1::{get, request};

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs a command. Asserts its exit status. Returns standard output and standard error.
pub(super) fn ran(arguments: &[&str], status: i32) -> (String, String) {
    let output: Output = program().args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, error) = (text(output.stdout), text(output.stderr));
    assert_eq!(
        output.status.code(),
        Some(status),
        "{arguments:?}: {out}{error}"
    );
    (out, error)
}

/// The orders of NDJSON.
pub(super) fn orders(ndjson: &str) -> Vec<Value> {
    let lines = ndjson.lines();
    lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

/// A directory with files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

/// Converts a file by a mapping. Both are in a new directory, or the mapping is a preset.
fn converted(file: &[u8], mapping: &str, status: i32) -> (String, String) {
    let folder = folder(&[("shop.csv", file), ("shop.toml", mapping.as_bytes())]);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mapping = match mapping.contains('\n') {
        true => path("shop.toml"),
        false => mapping.to_owned(),
    };
    let arguments = [
        "convert",
        &path("shop.csv"),
        "--map",
        &mapping,
        "--from",
        "native",
        "--to",
        "native",
        "--org",
        "TRK001",
    ];
    let (out, error) = ran(&arguments, status);
    (out, error.replace(folder.path().to_str().unwrap(), ""))
}

/// The block of the documentation with this language.
fn block<'p>(page: &'p str, language: &str) -> &'p str {
    let (_, rest) = page
        .split_once(&format!("```{language}\n"))
        .expect(language);
    rest.split("```").next().unwrap()
}

#[test]
fn the_example_of_the_documentation_is_right() {
    let page = std::fs::read_to_string(root().join("docs/csv.md")).unwrap();
    let (out, error) = converted(block(&page, "csv").as_bytes(), block(&page, "toml"), 0);
    assert_eq!(out, block(&page, "json"), "{error}");
    assert_eq!(error, "2 orders converted\n");
}

#[test]
fn exports_of_shops_are_accepted_as_they_are() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for (preset, keys) in [
        ("shopify", ["#1001", "#1002"]),
        ("woocommerce", ["WC-310", "WC-311"]),
    ] {
        let file = std::fs::read(root().join(format!("examples/{preset}.csv"))).unwrap();
        let (out, error) = converted(&file, preset, 0);
        assert_eq!(error, "2 orders converted\n");
        // As text, so that numbers stay as they are.
        let target = "/v1/batches?organisation=TRK001";
        let request = request("POST", target, "full");
        let request = request.header("content-type", "application/x-ndjson");
        let response = server.send(&request.body(out));
        assert_eq!(response.status, 200, "{}", response.text());
        for (result, key) in response.json()["results"]
            .as_array()
            .unwrap()
            .iter()
            .zip(keys)
        {
            assert_eq!(
                (&result["key"], &result["outcome"]),
                (&json!(key), &json!("accepted"))
            );
            assert_eq!(result.get("warnings"), None, "{result}");
        }
    }
    let stored = &get(&server, "/v1/orders?key=%231001")["data"][0];
    assert_eq!(stored["placed_at"], "2026-11-16T08:15:20Z");
    assert_eq!(stored["customer"]["last_name"], "Archer");
    assert_eq!(stored["customer"]["phone"], "+442079460018");
    assert_eq!(stored["billing_address"]["postcode"], "E1 6AN");
    assert_eq!(
        stored["billing_address"]["lines"],
        json!(["12 Quay Street", "Flat 3"])
    );
    assert_eq!(stored["instructions"], "Ring twice,\nthen wait");
    assert_eq!(stored["lines"][0]["unit_price"], "55.10");
    assert_eq!(stored["lines"][1]["sku"], "MUG-1");
    let stored = &get(&server, "/v1/orders?key=WC-310")["data"][0];
    assert_eq!(stored["shipping_address"]["name"], "Nils Lind");
    assert_eq!(
        stored["lines"][0]["metadata"],
        json!({"subtotal": "220.20", "total": "210.20"})
    );
    let guest = &get(&server, "/v1/orders?key=WC-311")["data"][0];
    assert_eq!(guest["customer"].get("ref"), None);
}

#[test]
fn faults_name_row_and_column_and_other_orders_are_taken() {
    let mapping = "order = \"no\"\n[columns]\nno = \"key\"\nat = { to = \"placed_at\", date = \"%d.%m.%Y\" }\nmail = \"customer.email\"\nsku = \"lines[].sku\"\n";
    let file = "no,at,mail,sku\n\
                A-1,16.11.2026,ann@example.com,TEA\n\
                A-1,,,MUG\n\
                A-2,31.11.2026,bo@example.com,TEA\n\
                A-3,16.11.2026,bo,TEA\n\
                A-3,,bob,MUG\n\
                A-4,16.11.2026,cy,TEA\n\
                A-5,16.11.2026\n\
                A-6,16.11.2026,,\n\
                A-1,16.11.2026,ann@example.com,POT\n\
                A-7,16.11.2026,eva@example.com,TEA\n";
    let (out, error) = converted(file.as_bytes(), mapping, 3);
    let keys: Vec<_> = orders(&out)
        .iter()
        .map(|order| order["key"].clone())
        .collect();
    assert_eq!(keys, ["A-1", "A-7"]);
    let said: Vec<&str> = error.lines().collect();
    for (line, parts) in [
        (
            0,
            [
                "/shop.csv:4: ",
                "column \"at\" /placed_at: \"31.11.2026\" is not a date in the form %d.%m.%Y",
            ],
        ),
        (
            1,
            [
                "/shop.csv:6: ",
                "column \"mail\" /customer/email: the column \"mail\" gives \"bob\", but row 5 of the same order gives \"bo\"",
            ],
        ),
        (
            2,
            [
                "/shop.csv:7: ",
                "column \"mail\" /customer/email: customer.email ",
            ],
        ),
        (
            3,
            [
                "/shop.csv:8: ",
                "the row has 2 cells, but there are 4 columns",
            ],
        ),
        (
            4,
            ["/shop.csv:9: ", "column \"sku\" /lines: lines is required"],
        ),
        (
            5,
            ["/shop.csv:10: ", "the order also has rows from row 2 on"],
        ),
        (6, ["2 orders converted", ", 6 invalid"]),
    ] {
        for part in parts {
            assert!(said[line].contains(part), "{part}\n{error}");
        }
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_the_way_out() {
    let mapping = "[columns]\nno = \"key\"\n";
    for (file, mapping, parts) in [
        (
            &b"no\nM\xfcnchen\n"[..],
            mapping,
            vec!["line 2 is not UTF-8: byte 2 ", "iconv -f WINDOWS-1252"],
        ),
        (
            b"number,name\n",
            mapping,
            vec![
                "reads the column \"no\", which the file lacks",
                "\"number\", \"name\"",
            ],
        ),
        (b"No.;x\n", mapping, vec!["did you mean \"No.\"?"]),
        (b"", mapping, vec!["is empty"]),
        (
            b"no\n1\n",
            "no-such-preset",
            vec!["one of shopify, woocommerce"],
        ),
        (
            b"no\n1\n",
            "dialect = \"reevoo\"\n[columns]\nno = \"order_ref\"\n",
            vec!["makes orders of the dialect reevoo, not native"],
        ),
        (
            b"no\n1\n",
            "[columns]\nno = \"a..b\"\n",
            vec!["\"a..b\" is no path"],
        ),
    ] {
        let (out, error) = converted(file, mapping, 1);
        assert_eq!(out, "", "{error}");
        for part in parts {
            assert!(error.contains(part), "{part}\n{error}");
        }
    }
    let folder = folder(&[("shop.csv", b"no\n1\n")]);
    let file = folder.path().join("shop.csv");
    let (_, error) = ran(
        &[
            "convert",
            file.to_str().unwrap(),
            "--from",
            "native",
            "--to",
            "native",
        ],
        1,
    );
    assert!(
        error.contains("is CSV; say with --map how its columns become orders"),
        "{error}"
    );
}

#[test]
fn a_shops_export_is_validated_and_submitted_as_it_is() {
    let desk = Desk::new();
    let file = std::fs::read(root().join("examples/shopify.csv")).unwrap();
    desk.write("orders.csv", &file);
    let csv = [
        "orders.csv",
        "--map",
        "shopify",
        "--dialect",
        "native",
        "--org",
        "TRK001",
    ];
    let out = printed(&desk.send(&[&["submit"], &csv[..]].concat()), 0);
    assert!(out.contains("accepted     2"), "{out}");
    assert_eq!(desk.keys("native"), ["#1001", "#1002"]);
    // The second order has a wrong address, and the third one comes too late.
    let broken = String::from_utf8(file).unwrap();
    let broken = broken.replace("bo@example.com", "bo");
    let row = broken.lines().nth(1).unwrap();
    let late = format!(
        "{broken}{row}\nthen wait\",,,Card,c123,0.00,Wharf,0.00,,,,5001,,Low,web,0.00,VAT,0.00,\n"
    );
    desk.write("orders.csv", late);
    let output = desk.send(&[&["validate"], &csv[..]].concat());
    let out = printed(&output, 3);
    for part in [
        "orders.csv:4: ",
        "column \"Email\" /customer/email",
        "orders.csv:5: ",
        "rows from row 2 on",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    let output = desk.send(&[&["submit"], &csv[..]].concat());
    assert_eq!(output.status.code(), Some(3));
    let reasons = desk.read("orders.csv.reasons.csv");
    let lines: Vec<&str> = reasons
        .lines()
        .map(|line| line.split(',').next().unwrap())
        .collect();
    assert_eq!(lines, ["line", "4", "5"], "{reasons}");
    assert_eq!(
        desk.keys("native"),
        ["#1001", "#1002"],
        "nothing else is stored"
    );
}
