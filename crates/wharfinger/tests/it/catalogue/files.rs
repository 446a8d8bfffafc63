//! Files, as the command line loads and writes them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use super::{audited, done, lines, products, told};
use crate::support::fixture;
use crate::support::server::{program, run};

/// A shelf beside a data directory, for files.
struct Shelf {
    data: tempfile::TempDir,
    files: tempfile::TempDir,
}

impl Shelf {
    fn new() -> Self {
        Self {
            data: fixture::data_directory(),
            files: tempfile::tempdir().unwrap(),
        }
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn load(&self, what: &str, name: &str, content: impl AsRef<[u8]>, more: &[&str]) -> Output {
        let path = self.put(name, content);
        let load = [
            what,
            "load",
            "--org",
            "TRK001",
            "--json",
            path.to_str().unwrap(),
        ];
        run(self.data.path(), &[&load, more].concat())
    }

    /// Loads a file of which every line must be good; created, updated and unchanged.
    fn loads(&self, what: &str, name: &str, content: impl AsRef<[u8]>) -> [u64; 3] {
        let output = self.load(what, name, content, &[]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {errors}");
        assert_eq!(errors, "");
        let counts: Value = serde_json::from_slice(&output.stdout).unwrap();
        ["created", "updated", "unchanged"].map(|name| counts[name].as_u64().unwrap())
    }

    /// Loads a file of which some lines are not good; the counts, and what is wrong, without the file's folder.
    fn refuses(&self, what: &str, name: &str, content: impl AsRef<[u8]>) -> (Value, Vec<String>) {
        let (counts, errors) = told(&self.load(what, name, content, &[]));
        (
            counts,
            errors.iter().map(|error| self.plain(error)).collect(),
        )
    }

    fn plain(&self, error: &str) -> String {
        error.replace(&format!("{}/", self.files.path().display()), "")
    }

    fn data(&self) -> &Path {
        self.data.path()
    }
}

/// A product with nothing said of it but this.
fn product(said: &Value) -> Value {
    let mut product = json!({
        "id": null, "sku": null, "ean": null, "active": true, "warehouse": null, "stock": 0, "price": null,
        "currency": null, "name": null, "markets": [], "pricelists": [],
    });
    for (name, value) in said.as_object().unwrap() {
        product[name] = value.clone();
    }
    product
}

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
        "p.csv line 9: the line has 2 fields, and there are 8 columns",
        "p.csv line 10 column 2: sku is not UTF-8",
        "p.csv line 12 column 4: stock must not be more than 9007199254740991",
        "p.csv line 12 column 5: price must not be less than 0",
        "p.csv line 11 column 2: sku is that of the product with id 2",
        "wharfinger: 8 of 9 lines were not loaded; mend them and load them again",
    ];
    // The told order of one line is that of the attributes.
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
            "wharfinger: nothing was loaded, since 1 of 3 lines are not good"
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
    // What names a product is not taken away, nor is stock.
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
        "p.jsonl line 3: there is no attribute \"skuu\"; there are: id, sku, ean, active, warehouse, stock, price, \
         currency, name, markets, pricelists",
        "p.jsonl line 4: the line cannot be read: line 4 column 8: the text ends too early",
        "p.jsonl line 5: the line must be an object",
        "p.jsonl line 6: sku stands twice in the same object",
        "p.jsonl line 7: markets[0] must be text without |",
        "wharfinger: 5 of 7 lines were not loaded; mend them and load them again",
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
            format!("line 1: there is no column \"skuu\"; there are: {known}"),
        ),
        (
            "\nid;sku\n1;2\n",
            format!("line 2: there is no column \"id;sku\"; there are: {known}"),
        ),
        (
            "id,sku,id\n1,2,3\n",
            "line 1: there are two columns id".into(),
        ),
        (
            "",
            format!("is empty; its first line must name the columns, of {known}"),
        ),
    ] {
        let (_, errors) = shelf.refuses("products", "p.csv", content);
        assert_eq!(errors, [format!("wharfinger: p.csv: {wrong}")]);
    }
    // What stands before a quote that is never closed is loaded, and the file is not read into memory.
    let endless = format!("sku\nA\n\"{}", "x".repeat(3 << 20));
    let (counts, errors) = shelf.refuses("products", "p.csv", endless);
    assert_eq!(
        errors,
        ["wharfinger: p.csv: line 3: the row is larger than 1048576 bytes; is a quote not closed?"]
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
    let mut child = program()
        .args(["products", "load", "--org", "TRK001", "--json"])
        .arg(&table)
        .arg("-")
        .env("WHARFINGER_DATA", shelf.data())
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
        // And in another organisation.
        let there = run(shelf.data(), &["products", "load", "--org", "TRK002", path]);
        assert!(there.status.success());
        let there = ["products", "list", "--org", "TRK002", "--json"];
        assert_eq!(lines(&done(shelf.data(), &there)), before, "{format}");
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
        "c.csv line 4 column 1: email is that of customer 7",
        "wharfinger: 3 of 5 lines were not loaded; mend them and load them again",
    ];
    assert_eq!(errors, expected);
    assert_eq!(counts["created"], 2);
    let list = ["customers", "list", "--org", "TRK001"];
    let listed = done(shelf.data(), &list);
    assert_eq!(
        listed,
        "7  ann@example.com  Ann  A\n8  bo@example.com  Bo\n"
    );
    // An address finds its customer however it is spelled; what is not named stays.
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

/// In the ledger are the product's number and by how much its stock changes, the latter doubled (less one, below zero).
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
    let store = rusqlite::Connection::open(shelf.data().join("orders.db")).unwrap();
    let select = "select cause || ' ' || coalesce(place, '-') || ' ' || hex(changes) from stock_ledger order by id";
    let mut select = store.prepare(select).unwrap();
    let rows = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let rows: Vec<String> = rows.map(Result::unwrap).collect();
    // +3 of 1; +2 of 1, +1 of 2; -3 of 1, +198 of 1.
    assert_eq!(rows, ["0 - 0106", "0 - 01040202", "0 - 0105018C03"]);
    let stock: Vec<_> = products(shelf.data())
        .iter()
        .map(|product| product["stock"].clone())
        .collect();
    assert_eq!(stock, [200, 1, 0]);
}
