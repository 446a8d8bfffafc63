//! The organisation of a file, and a check that accepts nothing.

use serde_json::json;

use super::super::{NARROW, WIDE, open};
use super::{Sample, keys, notice, send, upload};
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::stored::rows;
use crate::support::v1::order;

const CSV: &str = "Order,Date,Item\nC-1,2026-11-21,TEA-7\n";

#[test]
fn a_missing_organisation_is_no_columns_fault_and_can_be_chosen_later() {
    for size in [WIDE, NARROW] {
        let data = fixture::data_directory();
        let server = Server::start(data.path());
        let browser = open(&server, size, "full", "/console/upload");
        let before = rows(data.path());
        upload(&browser, &Sample::new("orders.csv", CSV));
        browser.find("#to-2").choose("lines[].sku");
        browser.find("[value=check]").click();
        assert_eq!(notice(&browser), "0 of 1 order would be accepted.");
        let faults = browser.find(".results").text();
        assert!(faults.contains("organisation"), "{faults}");
        assert!(
            faults.contains("Row 2") && !faults.contains("column"),
            "{faults}"
        );
        // Nothing would be accepted, so sending is not the main way on.
        assert_eq!(browser.count_shown("form[action$='/send'] button.main"), 0);
        assert_eq!(browser.count_shown("form[action$='/send'] button"), 1);
        // The field for the organisation is open, because it is what is missing.
        browser.find("[name=organisation]").fill("TRK002");
        browser.labelled("main", "Save and check again").click();
        browser.wait("document.querySelector('.subtitle')?.innerText.includes('TRK002') && !document.querySelector('#run')");
        assert_eq!(notice(&browser), "The order can be sent.");
        assert_eq!(browser.count_shown("form[action$='/send'] button.main"), 1);
        assert!(rows(data.path()) == before, "a check stores nothing");
        send(&browser);
        notice(&browser);
        assert_eq!(keys(&server, "TRK002"), ["C-1"]);
        assert_eq!(keys(&server, "TRK001"), [""; 0]);
        // A part of the orders is stored now: the organisation stays.
        assert_eq!(browser.count_shown("[name=organisation]"), 0);
        assert_eq!(browser.errors(), Vec::<String>::new());
    }
}

#[test]
fn an_organisation_of_others_stores_nothing() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = open(&server, WIDE, "full", "/console/upload");
    upload(
        &browser,
        &Sample::new("orders.json", json!([order("A")]).to_string()),
    );
    notice(&browser);
    let before = rows(data.path());
    browser.find("[name=organisation]").fill("NOWHERE");
    browser.labelled("main", "Save and check again").click();
    browser.wait("document.querySelector('.notice.bad')?.innerText.includes('The organisation does not exist')");
    assert_eq!(browser.count_shown("form[action$='/send'] button.main"), 0);
    assert!(rows(data.path()) == before, "something was stored");
}
