//! What becomes of whole files.

use std::io::Cursor;

use proptest::prelude::*;
use serde_json::json;

use super::*;

const SHOP: &str = r#"
order = "no"
decimal = ","
thousands = "."
zone = "Europe/Berlin"
required = ["mail"]
[constants]
currency = "EUR"
"lines[].currency" = "EUR"
"metadata.test" = true
[columns]
no = "key"
mail = "customer.email"
at = { to = "placed_at", date = "%d.%m.%Y" }
street = "billing_address.lines[0]"
floor = "billing_address.lines[1]"
sku = "lines[].sku"
price = { to = "lines[].unit_price", number = true }
[[join]]
to = "customer.first_name"
columns = ["first", "middle"]
"#;
const HEADER: &str = "no;mail;at;street;floor;sku;price;first;middle;other\n";

fn open(mapping: &str, file: &str) -> Result<CsvSource> {
    let mapping = Mapping::read("shop.toml", mapping)?;
    let stream = Cursor::new(file.as_bytes().to_vec());
    CsvSource::begin(Box::new(stream), mapping, "shop.csv".into())
}

fn records(mapping: &str, file: &str) -> Vec<Record> {
    let mut source = open(mapping, file).unwrap();
    std::iter::from_fn(|| source.next().unwrap()).collect()
}

fn shop(rows: &str) -> Vec<Record> {
    records(SHOP, &format!("{HEADER}{rows}"))
}

/// Row, column, pointer and code of each fault.
fn faults(record: &Record) -> Vec<(u64, &str, &str, &str)> {
    let faults = record.faults.iter();
    let parts = faults.map(|fault| {
        let column = fault.column.as_deref().unwrap_or_default();
        (fault.row, column, fault.pointer.as_str(), fault.code)
    });
    parts.collect()
}

#[test]
fn rows_with_one_key_are_lines_of_one_order() {
    let records = shop(
        "A-1;a@example.com;18.11.2026;Kai 1;;TEA;1.055,10;Ann;Mary;x\n\
         A-1;;;;;MUG;3;;;\n\
         A-2;b@example.com;;;2nd;;;;;\n",
    );
    let [first, second] = &records[..] else {
        panic!("{records:?}");
    };
    let order: serde_json::Value = serde_json::from_str(&first.text).unwrap();
    assert_eq!(
        order,
        json!({
            "key": "A-1", "customer": {"email": "a@example.com", "first_name": "Ann Mary"}, "placed_at": "2026-11-18",
            "billing_address": {"lines": ["Kai 1"]}, "currency": "EUR", "metadata": {"test": true},
            "lines": [
                {"sku": "TEA", "unit_price": 1055.10, "currency": "EUR"},
                {"sku": "MUG", "unit_price": 3, "currency": "EUR"},
            ],
        })
    );
    assert!(
        first.text.contains("1055.10"),
        "the decimals stay: {}",
        first.text
    );
    assert_eq!((first.line, second.line), (2, 4));
    assert_eq!(first.faults, []);
    let cells = first.cells.as_ref().unwrap();
    for (pointer, row, column) in [
        ("/customer/email", 2, "mail"),
        ("/customer/first_name", 2, "first"),
        ("/billing_address/lines/0", 2, "street"),
        ("/lines/0/unit_price", 2, "price"),
        ("/lines/1/sku", 3, "sku"),
        ("/lines/1/ean", 3, "sku"),
    ] {
        let cell = cells.of(pointer).unwrap();
        assert_eq!((cell.row, cell.column.as_str()), (row, column), "{pointer}");
    }
    // The floor closes up, and a row without line columns is no line.
    let order: serde_json::Value = serde_json::from_str(&second.text).unwrap();
    assert_eq!(order["billing_address"]["lines"], json!(["2nd"]));
    assert_eq!(order.get("lines"), None);
    let blank = second.cells.as_ref().unwrap().of("/lines/0/sku").unwrap();
    assert_eq!((blank.row, blank.column.as_str()), (4, "sku"));
}

#[test]
fn rows_that_make_no_order_are_faults_of_that_order_alone() {
    let records = shop(
        "A-1;a@x.y;31.11.2026;;;TEA;1.5;;;\n\
         A-1;b@x.y;;;;MUG;;;;\n\
         A-2;;;;;;;;;\n\
         A-3;c@x.y;;;;;\n\
         ;d@x.y;;;;;;;;\n\
         A-1;a@x.y;;;;POT;;;;\n\
         A-4;e@x.y;;;;POT;;;;\n",
    );
    let all: Vec<_> = records.iter().map(faults).collect();
    assert_eq!(
        all,
        [
            vec![
                (2, "at", "/placed_at", "not_date"),
                (2, "price", "/lines/0/unit_price", "not_number"),
                (3, "mail", "/customer/email", "rows_differ"),
            ],
            vec![(4, "mail", "/customer/email", "required")],
            vec![(5, "", "", "wrong_columns")],
            vec![(6, "no", "/key", "required")],
            vec![(7, "no", "/key", "rows_apart")],
            vec![],
        ]
    );
    let said = |order: usize, fault: usize| records[order].faults[fault].message.as_str();
    assert_eq!(
        said(0, 2),
        "the column \"mail\" gives \"b@x.y\", but row 2 of the same order gives \"a@x.y\""
    );
    assert!(said(2, 0).starts_with("the row has 7 cells, but there are 10 columns"));
    assert!(said(4, 0).starts_with("the order also has rows from row 2 on; "));
}

#[test]
fn a_mapping_that_does_not_fit_the_file_is_refused() {
    let refused = |mapping: &str, header: &str| match open(mapping, header) {
        Ok(_) => panic!("{header} fits"),
        Err(error) => format!("{error:#}"),
    };
    assert_eq!(
        refused(SHOP, "no;email;at;street;floor;sku;prize;first;middle\n"),
        "shop.csv: the mapping shop.toml reads the column \"mail\", which the file lacks (did you mean \"email\"?); its columns are \
         \"no\", \"email\", \"at\", \"street\", \"floor\", \"sku\", \"prize\", \"first\", \"middle\""
    );
    let twice = refused(SHOP, &HEADER.replace("other", "mail"));
    assert!(twice.contains("there are 2 columns \"mail\""), "{twice}");
    let strict = format!("strict = true\n{SHOP}");
    let said = refused(&strict, HEADER);
    assert!(
        said.contains("does not say what these columns are: [\"other\"]"),
        "{said}"
    );
    assert!(open(&format!("ignore = [\"other\"]\n{strict}"), HEADER).is_ok());
    assert!(
        open(
            &format!("optional = [\"mail\"]\n{SHOP}"),
            &HEADER.replace("mail", "x")
        )
        .is_ok()
    );
    assert_eq!(
        refused(SHOP, ""),
        "shop.csv: is empty; the first row must name the columns"
    );
}

#[test]
fn without_a_column_of_keys_each_row_is_an_order() {
    let records = records(
        "[columns]\na = \"key\"\nb = \"lines[].sku\"\n",
        "a,b\n1,x\n1,y\n",
    );
    let texts: Vec<_> = records.iter().map(|record| record.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            r#"{"key":"1","lines":[{"sku":"x"}]}"#,
            r#"{"key":"1","lines":[{"sku":"y"}]}"#
        ]
    );
}

#[test]
fn guarded_cells_are_read_as_they_were_before() {
    let file = "a,b\n'=1,'-5\n";
    let mapping = "[columns]\na = \"key\"\nb = { to = \"n\", number = true }\n";
    let guarded = records(&format!("guarded = true\n{mapping}"), file);
    assert_eq!(guarded[0].text, r#"{"key":"=1","n":-5}"#);
    let plain = records(mapping, file);
    assert_eq!(faults(&plain[0]), [(2, "b", "/n", "not_number")]);
}

#[test]
fn an_order_of_too_many_rows_is_refused_in_bounded_memory() {
    let row = format!("1,{}\n", "y".repeat(100_000));
    let file = format!("a,b\n{}2,z\n", row.repeat(60));
    let records = records(
        "order = \"a\"\n[columns]\na = \"key\"\nb = \"lines[].sku\"\n",
        &file,
    );
    assert_eq!(records.len(), 2);
    assert_eq!(faults(&records[0]), [(43, "", "", "order_too_large")]);
    assert!(records[0].text.len() < 5 << 20);
}

proptest! {
    /// Text with anything in it survives, and every value has the cell that it came from.
    #[test]
    fn every_cell_arrives_where_the_mapping_says(
        orders in proptest::collection::vec(proptest::collection::vec("[a-z][a-zä\",;\n'=-]{0,5}", 1..4), 1..6)
    ) {
        let mut writer = csv_writer();
        for (at, skus) in orders.iter().enumerate() {
            for sku in skus {
                writer.write_record([format!("K-{at}").as_str(), sku]).unwrap();
            }
        }
        let file = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let records = records("order = \"key\"\n[columns]\nkey = \"key\"\nsku = \"/lines/-/sku\"\n", &file);
        prop_assert_eq!(records.len(), orders.len());
        let mut row = 2;
        for (at, (record, skus)) in records.iter().zip(&orders).enumerate() {
            let order: serde_json::Value = serde_json::from_str(&record.text).unwrap();
            prop_assert_eq!(&order["key"], &json!(format!("K-{at}")));
            for (line, sku) in skus.iter().enumerate() {
                prop_assert_eq!(&order["lines"][line]["sku"], &json!(sku));
                let cell = record.cells.as_ref().unwrap().of(&format!("/lines/{line}/sku")).unwrap();
                prop_assert_eq!((cell.row, cell.column.as_str()), (row, "sku"));
                row += 1;
            }
        }
    }
}

fn csv_writer() -> ::csv::Writer<Vec<u8>> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(["key", "sku"]).unwrap();
    writer
}
