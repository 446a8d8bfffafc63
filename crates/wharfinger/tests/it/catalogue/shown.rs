//! How the commands show and export a catalogue.

use serde_json::json;

use super::{Shelf, done, lines, products, told};
use crate::support::database::{Cell, Database};
use crate::support::server::run;

#[test]
fn what_is_exported_can_be_loaded_again_and_is_the_same() {
    let shelf = Shelf::new();
    let table = "id,sku,ean,active,warehouse,stock,price,currency,name,markets,pricelists\n\
        1,A,73,0,North,7,5.10,SEK,\"Tea, \"\"green\"\"\",SE|NO,retail\n\
        ,B,,,,,,,,,\n\
        ,,99,,,3,,,,,\n";
    shelf.loads("products", "p.csv", table);
    let before = products(shelf.data());
    for format in ["csv", "ndjson"] {
        let path = shelf.files.path().join(format!("export.{format}"));
        let path = path.to_str().unwrap();
        let export = ["products", "export", "--org", "TRK001", "--format", format];
        done(shelf.data(), &[&export[..], &["--to", path]].concat());
        let printed = done(shelf.data(), &export);
        assert_eq!(printed, std::fs::read_to_string(path).unwrap());
        let name = format!("again.{format}");
        assert_eq!(shelf.loads("products", &name, &printed), [0, 0, 3]);
        // Also in another organisation.
        let there = run(shelf.data(), &["products", "load", "--org", "TRK002", path]);
        assert!(there.status.success());
        let there = ["products", "list", "--org", "TRK002", "--json"];
        assert_eq!(lines(&done(shelf.data(), &there)), before, "{format}");
    }
}

/// A spreadsheet runs cells that begin like formulas. A round trip must still preserve all texts.
#[test]
fn an_exported_table_has_no_formulas_and_loads_back_as_it_was() {
    let shelf = Shelf::new();
    let texts = [
        "=HYPERLINK(\"http://evil\",\"x\")",
        "+46 70",
        "-5",
        "@SUM(A1)",
        "'=1",
        "''-1",
        "'n Sync",
        "'",
        "plain",
    ];
    let mut lines_of_json = String::new();
    for (number, text) in texts.iter().enumerate() {
        let line = json!({
            "sku": format!("{text}{number}"), "name": text, "warehouse": text, "markets": [text, "SE"], "stock": 5,
        });
        lines_of_json += &format!("{line}\n");
    }
    shelf.loads("products", "p.ndjson", lines_of_json);
    let before = products(shelf.data());
    assert_eq!(before[2]["name"], "-5");
    let export = ["products", "export", "--org", "TRK001"];
    let table = done(shelf.data(), &export);
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    for row in rows.records() {
        for cell in &row.unwrap() {
            assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
        }
    }
    assert!(table.contains(",'-5,"), "{table}");
    assert!(table.contains(",'n Sync,"), "{table}");
    assert_eq!(shelf.loads("products", "again.csv", &table), [0, 0, 9]);
    assert_eq!(products(shelf.data()), before);
    let there = shelf.put("there.csv", &table);
    let load = [
        "products",
        "load",
        "--org",
        "TRK002",
        there.to_str().unwrap(),
    ];
    done(shelf.data(), &load);
    let list = ["products", "list", "--org", "TRK002", "--json"];
    assert_eq!(lines(&done(shelf.data(), &list)), before);
    // A hand-written table has no guards.
    assert_eq!(
        shelf.loads("products", "hand.csv", "sku,name\n=1,-5\n"),
        [1, 0, 0]
    );
    let of_hand = lines(&done(
        shelf.data(),
        &[
            "products", "show", "--org", "TRK001", "--sku", "=1", "--json",
        ],
    ));
    assert_eq!(of_hand[0]["name"], "-5");
}

/// New names have no control characters, but older stores may have them.
#[test]
fn control_characters_are_shown_escaped() {
    let shelf = Shelf::new();
    shelf.loads("products", "p.csv", "sku,name\nA,Tea\n");
    shelf.loads(
        "customers",
        "c.csv",
        "email,first_name\na@example.com,Ann\n",
    );
    let mut database = Database::of(shelf.data());
    for (table, column, plain) in [
        ("products", "name", "Tea"),
        ("customers", "first_name", "Ann"),
        ("organisations", "name", ""),
    ] {
        let hostile = "\u{1b}[31m\u{9b}\u{7f}\n";
        let sql = format!("update {table} set {column} = '{hostile}' where {column} = '{plain}'");
        assert!(database.execute(&sql) > 0, "{table}");
    }
    for arguments in [
        &["products", "list", "--org", "TRK001"][..],
        &["customers", "list", "--org", "TRK001"],
        &["org", "list"],
    ] {
        let printed = done(shelf.data(), arguments);
        assert!(printed.contains("\\u{1b}[31m\\u{9b}\\u{7f}"), "{printed}");
        let is_plain = |letter: char| letter == '\n' || !letter.is_control();
        assert!(printed.chars().all(is_plain), "{printed:?}");
        let json = done(shelf.data(), &[arguments, &["--json"]].concat());
        assert!(json.contains("\\u009b\\u007f\\n"), "{json}");
        assert!(json.chars().all(is_plain), "{json:?}");
        assert!(!lines(&json).is_empty());
    }
}

#[test]
fn a_product_is_shown_by_what_names_it() {
    let shelf = Shelf::new();
    shelf.loads("products", "p.csv", "id,sku,ean,stock,name\n1,A,73,4,Tea\n");
    for named in [["--id", "1"], ["--sku", "A"], ["--ean", "73"]] {
        let show = [&["products", "show", "--org", "TRK001"][..], &named].concat();
        let shown = done(shelf.data(), &show);
        assert_eq!(shown, "id 1  sku A  ean 73  stock 4  Tea\n");
    }
    for named in [["--id", "2"], ["--sku", "a"], ["--ean", "7"]] {
        let show = [&["products", "show", "--org", "TRK001"][..], &named].concat();
        let (_, errors) = told(&run(shelf.data(), &show));
        assert!(
            errors[0].contains("TRK001 has no such product"),
            "{errors:?}"
        );
    }
    let unnamed = run(shelf.data(), &["products", "show", "--org", "TRK001"]);
    assert_eq!(unnamed.status.code(), Some(2));
}

#[test]
fn customers_are_loaded_shown_and_listed() {
    let shelf = Shelf::new();
    let table = "email,id,first_name,last_name\n\
        Ann@Example.COM,7,Ann,A\n\
        bo@example.com,,Bo,\n\
        ann@example.com,9,,\n\
        not one,,,\n\
        ,,Nobody,\n";
    let (counts, errors) = shelf.refuses("customers", "c.csv", table);
    let expected = [
        "c.csv line 5 column 1: email is not an e-mail address",
        "c.csv line 6: one of id or email is required",
        "c.csv line 4 column 1: email belongs to customer 7",
        "wharfinger: 3 of 5 lines were not loaded; fix them and load the file again",
    ];
    assert_eq!(errors, expected);
    assert_eq!(counts["created"], 2);
    let list = ["customers", "list", "--org", "TRK001"];
    let listed = done(shelf.data(), &list);
    assert_eq!(
        listed,
        "7  ann@example.com  Ann  A\n8  bo@example.com  Bo\n"
    );
    // An address finds its customer in any spelling. Attributes without a column stay unchanged.
    assert_eq!(
        shelf.loads("customers", "c.csv", "email,last_name\nBO@example.com,B\n"),
        [0, 1, 0]
    );
    let show = [
        "customers",
        "show",
        "--org",
        "TRK001",
        "--email",
        "bO@example.com",
        "--json",
    ];
    let bo = json!({
        "id": 8, "email": "bo@example.com", "first_name": "Bo", "last_name": "B", "wants_new_password": false,
    });
    assert_eq!(lines(&done(shelf.data(), &show)), [bo]);
    let again = done(shelf.data(), &[&list[..], &["--json"]].concat());
    assert_eq!(shelf.loads("customers", "c.ndjson", again), [0, 0, 2]);
    let none = ["customers", "show", "--org", "TRK001", "--id", "1"];
    let (_, errors) = told(&run(shelf.data(), &none));
    assert!(
        errors[0].contains("TRK001 has no such customer"),
        "{errors:?}"
    );
}

#[test]
fn an_organisations_catalogue_is_opened_and_enforced() {
    let shelf = Shelf::new();
    let org = |arguments: &[&str]| done(shelf.data(), &[&["org"], arguments].concat());
    let made = org(&["create", "E-1", "--catalogue", "enforced", "--json"]);
    assert_eq!(lines(&made)[0]["catalogue"], "enforced");
    assert_eq!(
        lines(&org(&["create", "E-2", "--json"]))[0]["catalogue"],
        "open"
    );
    let set = org(&["set", "E-1", "--catalogue", "open", "--json"]);
    assert_eq!(lines(&set)[0]["catalogue"], "open");
    org(&[
        "set",
        "E-2",
        "--catalogue",
        "enforced",
        "--customer-orders",
        "off",
    ]);
    let listed = lines(&org(&["list", "--json"]));
    let second = listed.iter().find(|line| line["code"] == "E-2").unwrap();
    assert_eq!(second["catalogue"], "enforced");
    assert_eq!(second["customer_orders_enabled"], false);
    let nothing = run(shelf.data(), &["org", "set", "E-1"]);
    assert_eq!(nothing.status.code(), Some(2));
}

/// The ledger stores the product's number and the change of its stock, zigzag-encoded.
#[test]
fn every_change_of_stock_is_in_the_ledger_and_nothing_else() {
    let shelf = Shelf::new();
    for table in [
        "sku,stock\nA,3\nB,\nC,0\n",
        "sku,stock\nA,5\nB,1\n",
        "sku,stock,name\nA,5,Tea\n",
        "sku,stock\nA,2\nA,200\n",
    ] {
        shelf.loads("products", "p.csv", table);
    }
    let select = "select cause, place, changes from stock_ledger order by id";
    let rows = Database::of(shelf.data()).rows(select);
    // +3 of 1; +2 of 1, +1 of 2; -3 of 1, +198 of 1.
    let changes: [&[u8]; 3] = [&[1, 6], &[1, 4, 2, 2], &[1, 5, 1, 0x8c, 3]];
    let loaded = |changes: &[u8]| vec![Cell::Integer(0), Cell::Null, Cell::Blob(changes.into())];
    assert_eq!(rows, changes.map(loaded));
    let stock: Vec<_> = products(shelf.data())
        .iter()
        .map(|product| product["stock"].clone())
        .collect();
    assert_eq!(stock, [200, 1, 0]);
}
