//! Loading files with the commands.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{Shelf, audited, product, products, told};
use crate::support::database;
use crate::support::server::{program, run};

#[test]
fn a_table_is_loaded_whatever_its_line_ends_and_the_order_of_its_columns() {
    let shelf = Shelf::new();
    let table = "\u{feff} sku ,id,stock,name,markets,price,currency,active,pricelists,warehouse,ean\r\n\
        \r\n\
        A-1,1,5,\"Tea, \"\"green\"\"\",SE|NO,005.10,SEK,1,,North,731\r\n\
        A-2,,9007199254740991,19\" rack,,,,False,retail,,\r\n\
        ,9007199254740991,,Größe 🙂,,0,,,,,";
    assert_eq!(shelf.loads("products", "p.csv", table), [3, 0, 0]);
    let expected = [
        product(&json!({
            "id": 1, "sku": "A-1", "ean": "731", "warehouse": "North", "stock": 5, "price": "5.10", "currency": "SEK",
            "name": "Tea, \"green\"", "markets": ["SE", "NO"],
        })),
        product(&json!({
            "sku": "A-2", "stock": 9_007_199_254_740_991_u64, "name": "19\" rack", "active": false,
            "pricelists": ["retail"],
        })),
        product(&json!({"id": 9_007_199_254_740_991_u64, "name": "Größe 🙂", "price": "0"})),
    ];
    assert_eq!(products(shelf.data()), expected);
    assert_eq!(shelf.loads("products", "p.csv", table), [0, 0, 3]);
}

#[test]
fn every_bad_line_is_told_with_its_place_and_the_good_ones_are_loaded() {
    let shelf = Shelf::new();
    let table = b"id,sku,name,stock,price,currency,active,markets\n\
        1,A,\"two\nlines\",,,,,\n\
        2,B,good,1,,,,\n\
        3,C,,-1,1.005,XXQ,maybe,SE||NO\n\
        \n\
        x,D,,1e3,1,EUR,,\n\
        ,,nameless,,,,,\n\
        5,E\n\
        6,\xff,,,,,,\n\
        7,B,,,,,,\n\
        8,F,,9007199254740992,-1,,,\n";
    let (counts, errors) = shelf.refuses("products", "p.csv", table);
    let expected = [
        "p.csv line 2 column 3: name must be text without control characters",
        "p.csv line 5 column 4: stock must not be less than 0",
        "p.csv line 5 column 5: price must not have more than 2 decimals",
        "p.csv line 5 column 6: currency is not an ISO 4217 code",
        "p.csv line 5 column 7: active must be true or false",
        "p.csv line 5 column 8: markets[1] is required",
        "p.csv line 7 column 1: id must be a whole number",
        "p.csv line 8: one of id, sku or ean is required",
        "p.csv line 9: the line has 2 fields, but the header has 8 columns",
        "p.csv line 10 column 2: sku is not UTF-8",
        "p.csv line 12 column 4: stock must not be more than 9007199254740991",
        "p.csv line 12 column 5: price must not be less than 0",
        "p.csv line 11 column 2: sku belongs to the product with id 2",
        "wharfinger: 8 of 9 lines were not loaded; fix them and load the file again",
    ];
    // The problems of one line are reported in the order of the attributes.
    let mut sorted = errors.clone();
    let mut wanted = expected.map(str::to_owned).to_vec();
    sorted.sort();
    wanted.sort();
    assert_eq!(sorted, wanted);
    let said = json!({"created": 1, "updated": 0, "unchanged": 0, "rejected": 8, "withheld": 0});
    assert_eq!(counts, said);
    let good = product(&json!({"id": 2, "sku": "B", "name": "good", "stock": 1}));
    assert_eq!(products(shelf.data()), [good]);
    let details = json!({"created": 1, "updated": 0, "unchanged": 0, "rejected": 8});
    let entry = ("organisation.products_loaded".to_owned(), details);
    assert_eq!(audited(shelf.data()), [entry]);
}

#[test]
fn all_or_nothing_loads_nothing_where_a_line_is_not_good() {
    let shelf = Shelf::new();
    shelf.loads("products", "before.csv", "id,sku,stock\n1,A,3\n");
    for (fault, wrong) in [
        ("x,C,1", "line 4"),
        ("3,A,1", "line 4 column 2"),
        ("3", "line 4"),
    ] {
        let table = format!("id,sku,stock\n1,A,9\n2,B,1\n{fault}\n");
        let output = shelf.load("products", "p.csv", table, &["--all-or-nothing"]);
        let (counts, errors) = told(&output);
        assert!(shelf.plain(&errors[0]).contains(wrong), "{errors:?}");
        assert_eq!(
            errors[1],
            "wharfinger: nothing was loaded because 1 of 3 lines are invalid"
        );
        let said =
            json!({"created": 0, "updated": 0, "unchanged": 0, "rejected": 1, "withheld": 2});
        assert_eq!(counts, said);
    }
    let before = product(&json!({"id": 1, "sku": "A", "stock": 3}));
    assert_eq!(products(shelf.data()), [before]);
    assert_eq!(audited(shelf.data()).len(), 1);
    let good = shelf.load("products", "p.csv", "id\n1\n2\n", &["--all-or-nothing"]);
    assert!(good.status.success());
    assert_eq!(products(shelf.data()).len(), 2);
}

#[test]
fn what_a_file_does_not_name_stays_and_what_is_blank_goes() {
    let shelf = Shelf::new();
    let all = "id,sku,ean,active,warehouse,stock,price,currency,name,markets,pricelists\n\
        1,A,73,false,North,7,5.10,SEK,Tea,SE,retail\n";
    shelf.loads("products", "p.csv", all);
    let before = products(shelf.data());
    assert_eq!(shelf.loads("products", "p.csv", "sku\nA\n"), [0, 0, 1]);
    assert_eq!(products(shelf.data()), before);
    // Blank values remove neither the identifiers of a product nor its stock.
    let blank =
        "id,sku,ean,active,warehouse,stock,price,currency,name,markets,pricelists\n1,,,,,,,,,,\n";
    assert_eq!(shelf.loads("products", "p.csv", blank), [0, 1, 0]);
    let after = product(&json!({"id": 1, "sku": "A", "ean": "73", "stock": 7}));
    assert_eq!(products(shelf.data()), [after]);
}

#[test]
fn lines_of_json_are_loaded_too() {
    let shelf = Shelf::new();
    let text = "\u{feff}{\"sku\":\"A\",\"stock\":3,\"price\":12.5,\"markets\":[\"SE\"]}\r\n\
        \n\
        {\"sku\":\"B\",\"skuu\":1}\n\
        {\"sku\":\n\
        [1]\n\
        {\"sku\":\"A\",\"sku\":\"B\"}\n\
        {\"sku\":7,\"markets\":[\"a|b\"]}\n\
        {\"sku\":7,\"stock\":\"4\",\"markets\":[],\"name\":null}";
    let (counts, errors) = shelf.refuses("products", "p.jsonl", text);
    let expected = [
        "p.jsonl line 3: unknown attribute \"skuu\"; known attributes: id, sku, ean, active, warehouse, stock, price, \
         currency, name, markets, pricelists",
        "p.jsonl line 4: the line cannot be read: line 4 column 8: unexpected end of the text",
        "p.jsonl line 5: the line must be an object",
        "p.jsonl line 6: sku appears twice in the same object",
        "p.jsonl line 7: markets[0] must be text without |",
        "wharfinger: 5 of 7 lines were not loaded; fix them and load the file again",
    ];
    assert_eq!(errors, expected);
    assert_eq!(counts["created"], 2);
    let expected = [
        product(&json!({"sku": "A", "stock": 3, "price": "12.5", "markets": ["SE"]})),
        product(&json!({"sku": "7", "stock": 4})),
    ];
    assert_eq!(products(shelf.data()), expected);
}

#[test]
fn a_file_that_cannot_be_read_is_refused_in_a_sentence() {
    let shelf = Shelf::new();
    let known =
        "id, sku, ean, active, warehouse, stock, price, currency, name, markets, pricelists";
    for (content, wrong) in [
        (
            "id,sku,skuu\n1,2,3\n",
            format!("line 1: unknown column \"skuu\"; known columns: {known}"),
        ),
        (
            "\nid;sku\n1;2\n",
            format!("line 2: unknown column \"id;sku\"; known columns: {known}"),
        ),
        (
            "id,sku,id\n1,2,3\n",
            "line 1: the column id appears twice".into(),
        ),
        (
            "",
            format!("is empty; its first line must name columns: {known}"),
        ),
    ] {
        let (_, errors) = shelf.refuses("products", "p.csv", content);
        assert_eq!(errors, [format!("wharfinger: p.csv: {wrong}")]);
    }
    // Rows before an unclosed quote are loaded, and the rest is not read into memory.
    let endless = format!("sku\nA\n\"{}", "x".repeat(3 << 20));
    let (counts, errors) = shelf.refuses("products", "p.csv", endless);
    assert_eq!(
        errors,
        [
            "wharfinger: p.csv: line 3: the row is larger than 1048576 bytes; is there an unclosed quote?"
        ]
    );
    assert_eq!(counts["created"], 1);
    let long = format!(
        "{{\"sku\":\"{}\"}}\n{{\"sku\":\"B\"}}\n",
        "x".repeat(3 << 20)
    );
    let (counts, errors) = shelf.refuses("products", "p.ndjson", long);
    assert_eq!(
        errors[0],
        "p.ndjson line 1: the line is too large: more than 1048576 bytes"
    );
    assert_eq!(counts["created"], 1);
    let missing = ["products", "load", "--org", "TRK001", "none.csv"];
    let missing = run(shelf.data(), &missing);
    assert!(told(&missing).1[0].starts_with("wharfinger: cannot read none.csv: "));
    let stranger = shelf.put("q.csv", "sku\nA\n");
    let stranger = [
        "products",
        "load",
        "--org",
        "NONE",
        stranger.to_str().unwrap(),
    ];
    let stranger = told(&run(shelf.data(), &stranger)).1;
    assert!(
        stranger[0].contains("there is no organisation NONE"),
        "{stranger:?}"
    );
}

#[test]
fn many_files_and_the_standard_input_are_one_load() {
    let shelf = Shelf::new();
    let rows = |from: u32, to: u32| {
        (from..to)
            .map(|id| format!("{id},{id}\n"))
            .collect::<String>()
    };
    let table = shelf.put("a.csv", format!("id,stock\n{}", rows(0, 24_000)));
    let mut command = program();
    command.args(["products", "load", "--org", "TRK001", "--json"]);
    command.arg(&table).arg("-");
    match database::url(shelf.data()) {
        Some(url) => command.env("WHARFINGER_DATABASE", url),
        None => command.env("WHARFINGER_DATA", shelf.data()),
    };
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"id,stock\n23999,1\n24000,1\n").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let counts: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&counts["created"], &counts["updated"]),
        (&24_001.into(), &1.into())
    );
    let listed = products(shelf.data());
    assert_eq!(listed.len(), 24_001);
    assert_eq!(listed[23_999]["stock"], 1);
    let details = json!({"created": 24_001, "updated": 1, "unchanged": 0, "rejected": 0});
    let entry = ("organisation.products_loaded".to_owned(), details);
    assert_eq!(audited(shelf.data()), [entry]);
}
