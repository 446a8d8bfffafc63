//! Causes in plain words, one period, and what leads where.

use super::super::{NARROW, WIDE, open, show, sign_in_by_form};
use super::{page_of, rejection, send, stored_text};
use crate::support::fixture;
use crate::support::server::Server;

const ONE_LINE: &str = r#"{"key":"L-1","placed_at":"2026-11-21","customer":{"email":"a@b,example"},"lines":[{"sku":"S-1","unit_price":1.50}]}"#;

#[test]
fn a_cause_is_told_in_plain_words_with_its_code_beside() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    send(&server, ONE_LINE);
    let browser = open(&server, WIDE, "one", "/console/errors");
    let row = browser.find("table.causes tbody tr").text();
    assert!(
        row.starts_with("Invalid e-mail address: customer › email"),
        "{row}"
    );
    assert!(row.contains("not_email at /customer/email"), "{row}");
    browser.find("table.causes a").click();
    browser.wait("location.pathname === '/console/errors/cause'");
    let title = browser.find("h1").text();
    assert_eq!(title, "Invalid e-mail address: customer › email");
    let byline = browser.find(".byline").text();
    assert!(byline.contains("not_email at /customer/email"), "{byline}");
    show(&browser, &server, "/console");
    let row = browser.find(".causes tbody tr").text();
    assert!(
        row.starts_with("Invalid e-mail address: customer › email"),
        "{row}"
    );
}

#[test]
fn open_errors_are_those_of_one_period_and_sums_are_explained() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    send(&server, ONE_LINE);
    let cookie = sign_in_by_form(&server, "one");
    let pages = ["/console", "/console/errors"];
    let note = "counts once for each cause";
    for path in pages {
        let page = cookie.get(&server, path);
        assert!(
            page.text().contains("last 30 days"),
            "{path}: {}",
            page.text()
        );
        assert!(
            !page.text().contains(note),
            "one cause needs no words: {path}"
        );
    }
    let page = cookie.get(&server, "/console/errors");
    assert!(
        page.text().contains("<option value=\"30d\" selected>"),
        "{}",
        page.text()
    );
    // One order with two causes.
    send(
        &server,
        r#"{"key":"L-2","customer":{"email":"x"},"lines":[{"sku":"S"}]}"#,
    );
    for path in pages {
        assert!(cookie.get(&server, path).text().contains(note), "{path}");
    }
}

/// The group of causes that the API does not tell apart has a page too.
#[test]
fn the_group_of_other_causes_leads_to_the_rejected_orders_of_its_dialect() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    send(&server, ONE_LINE);
    send(&server, r#"{"key":"L-2","lines":[]}"#);
    let cookie = sign_in_by_form(&server, "one");
    for pointer in ["", "&pointer="] {
        let path = format!("/console/errors/cause?dialect=native&code=other{pointer}");
        let page = cookie.get(&server, &path);
        assert_eq!(page.status, 200, "{}", page.text());
        assert!(page.text().contains("Other causes"), "{}", page.text());
        assert!(page.text().contains("L-1") && page.text().contains("L-2"));
        assert!(!page.text().contains("id=\"all\""), "their causes differ");
    }
    let reevoo = cookie.get(&server, "/console/errors/cause?dialect=reevoo&code=other");
    assert!(!reevoo.text().contains("L-1"), "{}", reevoo.text());
}

#[test]
fn mending_all_is_above_the_list() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let orders = (0..60).map(|at| ONE_LINE.replace("L-1", &format!("L-{at}")));
    send(
        &server,
        &format!("[{}]", orders.collect::<Vec<_>>().join(",")),
    );
    for size in [WIDE, NARROW] {
        let browser = open(&server, size, "one", "/console/errors");
        browser.find(".todo a.button").click();
        browser.wait("document.querySelector('#all')");
        assert_eq!(browser.find("#all-title").text(), "Mend all");
        let above = "const all = document.querySelector('#all').getBoundingClientRect();
            return all.bottom <= document.querySelector('tbody').getBoundingClientRect().top";
        assert_eq!(browser.run(above, &[]), true);
        super::super::orders::assert_fits(&browser);
    }
}

#[test]
fn a_text_of_one_line_is_formatted_and_changes_can_be_undone() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    send(&server, ONE_LINE);
    let browser = open(&server, WIDE, "one", &page_of(&rejection(&server, "L-1")));
    // A rejected order is one of the errors.
    let here = browser.find(".side nav a[aria-current=page]").text();
    assert_eq!(here, "Errors");
    let first = browser.find("#text").value();
    assert!(first.starts_with("{\n  \"key\": \"L-1\",\n"), "{first}");
    assert!(first.contains("\"unit_price\": 1.50"), "{first}");
    assert!(browser.find(".fault-card").text().contains("Line 5"));
    assert_eq!(
        browser.count_shown("[value=undo]"),
        0,
        "nothing was changed"
    );
    browser.labelled("#faults", "Use a@b.example").click();
    browser.wait("document.querySelector('#faults-title').textContent === 'No errors'");
    browser.labelled(".tools", "Undo changes").click();
    browser.wait("document.querySelector('#faults-title').textContent === '1 error'");
    assert_eq!(browser.find("#text").value(), first);
    assert_eq!(browser.count_shown("[value=undo]"), 0);
    browser.labelled("#faults", "Use a@b.example").click();
    browser.wait("document.querySelector('#faults-title').textContent === 'No errors'");
    browser.find("button[value=send]").click();
    browser.wait("document.querySelector('.notice.good a')");
    let stored = stored_text(&server, &rejection(&server, "L-1"));
    assert_eq!(stored, first.replace("a@b,example", "a@b.example"));
    assert_eq!(browser.errors(), Vec::<String>::new());
}
