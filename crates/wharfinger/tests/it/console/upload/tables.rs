//! CSV files: a mapping is made on the page, or a preset is recognised.

use serde_json::json;

use super::super::{NARROW, WIDE, open};
use super::{Sample, keys, notice, send, shown, upload};
use crate::support::fixture;
use crate::support::server::{Server, program};
use crate::support::v1::get;

const SHOP: &str = "\
Bestellung;Datum;E-Mail;Kürzel <b>;Artikel;Menge;Preis;x;x
B-17;16.11.2026 09:15;ann@example.com;k1;TEA-7;2;1.055,10;1;2
B-17;16.11.2026 09:15;ann@example.com;k1;MUG-1;1;8,90;1;2
B-18;16.11.2026 10:02;bo@example.com;k2;MUG-1;vier;8,90;1;2
B-19;16.11.2026 10:02;nobody;k2;MUG-1;4;8,90;1;2
";

#[test]
fn a_mapping_is_made_on_the_page() {
    for size in [WIDE, NARROW] {
        let data = fixture::data_directory();
        let server = Server::start(data.path());
        let browser = open(&server, size, "one", "/console/upload");
        upload(&browser, &Sample::new("shop.csv", SHOP));
        // What the names and the samples suggest is chosen already.
        let chosen = |at: usize| browser.find(&format!("#to-{at}")).value();
        assert_eq!(
            [chosen(0), chosen(1), chosen(2)],
            ["key", "placed_at", "customer.email"]
        );
        assert_eq!([chosen(3), chosen(5)], ["", "lines[].quantity"]);
        assert_eq!(browser.find("[name=numbers]").value(), "point-comma");
        assert_eq!(browser.find("[name=date]").value(), "%d.%m.%Y %H:%M");
        assert_eq!(
            browser.count_shown("#to-7"),
            0,
            "a column that occurs twice"
        );
        browser.find("#to-3").choose("metadata");
        browser.find("[name=zone]").fill("Mars");
        browser.find("[value=preview]").click();
        browser.wait("document.querySelector('.notice.bad')?.innerText.includes('Mars')");
        assert_eq!(browser.find("#to-3").value(), "metadata", "nothing is lost");
        browser.find("[name=zone]").fill("Europe/Berlin");
        browser.find("[value=preview]").click();
        let preview = browser.wait("document.querySelector('.first-orders pre')?.innerText");
        let preview = preview.as_str().unwrap();
        assert!(preview.contains("\"unit_price\": 1055.10"), "{preview}");
        assert!(
            preview.contains("\"placed_at\": \"2026-11-16T08:15:00Z\""),
            "{preview}"
        );
        browser.find("[value=check]").click();
        assert_eq!(notice(&browser), "1 of 3 orders would be accepted.");
        let faults = browser.find(".results").text();
        assert!(faults.contains("Row 4, column Menge"), "{faults}");
        assert!(faults.contains("Row 5, column E-Mail"), "{faults}");
        send(&browser);
        assert_eq!(
            notice(&browser),
            "The file was sent. 1 of 3 orders were accepted."
        );
        assert_eq!(shown(&browser, "not_sent"), "1");
        let stored = get(&server, "/v1/orders?organisation=TRK001&key=B-17");
        let stored = &stored["data"][0];
        assert_eq!(stored["lines"][0]["unit_price"], "1055.10");
        assert_eq!(stored["lines"][1]["sku"], "MUG-1");
        assert_eq!(stored["metadata"], json!({"Kürzel <b>": "k1"}));
        assert_eq!(browser.errors(), Vec::<String>::new());
    }
}

#[test]
fn the_command_line_takes_the_mapping_of_the_page() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = open(&server, WIDE, "one", "/console/upload");
    let sample = Sample::new("shop.csv", SHOP);
    upload(&browser, &sample);
    let mapping = browser
        .run_async("return await (await fetch(document.querySelector('a[download]').href)).text()");
    let file = Sample::new("mapping.toml", mapping.as_str().unwrap());
    let (csv, map) = (
        sample.path().to_str().unwrap(),
        file.path().to_str().unwrap(),
    );
    let command = [
        "convert", csv, "--map", map, "--from", "native", "--to", "native", "--org", "TRK001",
    ];
    let output = program().args(command).output().unwrap();
    let made = String::from_utf8_lossy(&output.stdout);
    assert!(
        made.lines().count() == 1 && made.contains("\"key\":\"B-17\""),
        "{output:?}"
    );
    // And the page takes a mapping file.
    browser.find(".others summary").click();
    browser
        .find("[name=pasted]")
        .fill("[columns]\nBestellung = \"x");
    browser.find("[value=paste]").click();
    browser.wait("document.querySelector('.notice.bad')");
    let pasted = "order = \"Bestellung\"\n[constants]\nplaced_at = \"2026-11-21\"\n[columns]\nBestellung = \"key\"\nArtikel = \"lines[].sku\"\n";
    browser.find("[name=pasted]").fill(pasted);
    browser.find("[value=paste]").click();
    browser.wait("document.querySelector('.first-orders pre')?.innerText.includes('B-17')");
    browser.find("[value=check]").click();
    assert_eq!(notice(&browser), "All 3 orders can be sent.");
}

#[test]
fn a_preset_is_recognised_by_the_columns() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = open(&server, WIDE, "one", "/console/upload");
    for name in ["shopify", "woocommerce"] {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
        let content = std::fs::read(format!("{root}/{name}.csv")).unwrap();
        super::super::show(&browser, &server, "/console/upload");
        upload(&browser, &Sample::new("export.csv", content));
        assert!(browser.find(".notice.good").text().contains(name));
        browser.find("[value=check]").click();
        let said = notice(&browser);
        assert!(said.starts_with("All "), "{said}");
        send(&browser);
        notice(&browser);
    }
    let stored = keys(&server, "TRK001");
    assert!(stored.contains(&"#1001".to_owned()), "{stored:?}");
    let order = get(&server, "/v1/orders?organisation=TRK001&key=%231001");
    assert_eq!(order["data"][0]["lines"][0]["unit_price"], "55.10");
    // A preset can be left.
    super::super::show(&browser, &server, "/console/upload");
    let csv = "order_number,date,item_quantity\n1,2026-11-30,1\n";
    upload(&browser, &Sample::new("export.csv", csv));
    browser.find(".others:has([value=by-hand]) summary").click();
    browser.find("[value=by-hand]").click();
    browser.wait("document.querySelector('#to-0')");
}
