//! Mending all orders of a cause.

use super::super::{NARROW, WIDE, open, show, sign_in_by_form};
use super::{post, rejection, send, stored_text};
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::stored::rows;
use crate::support::v1::request;

const CAUSE: &str =
    "/console/errors/cause?dialect=native&code=not_country&pointer=/shipping_address/country";

fn order(key: &str, country: &str) -> String {
    format!(
        r#"{{"key":"{key}", "placed_at":"2026-11-21","shipping_address":{{"country":"{country}"}},"lines":[{{"sku":"S-1","unit_price":1.50}}]}}"#
    )
}

#[test]
fn all_orders_of_a_cause_are_mended_after_a_preview() {
    for size in [WIDE, NARROW] {
        let data = fixture::data_directory();
        let server = Server::start(data.path());
        let countries = ["Germany", "England", "Narnia", "Sweden"];
        let orders = countries.map(|country| order(&format!("C-{country}"), country));
        send(&server, &format!("[{}]", orders.join(",")));
        let browser = open(&server, size, "one", "/console/errors");
        let row = browser.find("table.causes tbody tr").text();
        assert!(row.contains('4') && row.contains("not_country"), "{row}");
        browser.find(".todo a.button").click();
        browser.wait("document.querySelector('#all')");
        assert_eq!(browser.count_shown("tbody tr"), 4);
        // What the hint of each order gives is the first choice, because there is a hint.
        assert_eq!(browser.find("[name=how]:checked").value(), "hint");
        assert_eq!(browser.count_shown("[data-how]"), 0);
        let before = rows(data.path());
        browser.labelled("#all", "Preview").click();
        browser.wait("document.querySelector('table.preview')");
        let shown = browser.find("table.preview").text();
        for (country, code) in [("Germany", "DE"), ("England", "GB"), ("Sweden", "SE")] {
            assert!(shown.contains(country) && shown.contains(code), "{shown}");
        }
        assert!(shown.contains("Nothing would change."), "{shown}");
        assert_eq!(browser.count_shown("[name=id]:checked"), 3);
        // One of them is left out.
        browser.find("[aria-label='Send C-Sweden']").click();
        assert!(rows(data.path()) == before, "a preview stores nothing");
        browser.labelled("main", "Send 3 orders").click();
        let told = browser.wait("document.querySelector('.notice.good')?.textContent");
        assert!(
            told.as_str().unwrap().starts_with("2 orders were mended"),
            "{told}"
        );
        for (country, code) in [("Germany", "DE"), ("England", "GB")] {
            let found = rejection(&server, &format!("C-{country}"));
            let wanted = order(&format!("C-{country}"), country)
                .replace(&format!(":\"{country}"), &format!(":\"{code}"));
            assert_eq!(stored_text(&server, &found), wanted);
        }
        assert_eq!(rejection(&server, "C-Sweden")["status"], "open");
        assert_eq!(browser.count_shown("tbody tr"), 2);
        assert_eq!(browser.errors(), Vec::<String>::new());
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one walk of a person, step by step")]
fn a_value_is_set_replaced_and_removed_without_javascript() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for key in ["S-1", "S-2", "R-1", "D-1", "A-1"] {
        send(&server, &order(key, "Germanyland"));
    }
    let cookie = sign_in_by_form(&server, "one");
    let id = |key: &str| rejection(&server, key)["id"].as_str().unwrap().to_owned();
    let cause = [
        ("dialect", "native"),
        ("code", "not_country"),
        ("pointer", "/shipping_address/country"),
    ];
    let both = |path: &str, ids: &[&str], how: &[(&str, &str)]| {
        let ids: Vec<_> = ids.iter().map(|key| id(key)).collect();
        let ids: Vec<_> = ids.iter().map(|id| ("id", id.as_str())).collect();
        let fields = [&cause[..], &ids, how].concat();
        post(
            &server,
            &cookie,
            &format!("/console/errors/cause/{path}"),
            &fields,
        )
    };
    let set = [("how", "set"), ("value", "DE")];
    let replace = [("how", "replace"), ("from", "Germanyland"), ("by", "DE")];
    let remove = [("how", "remove")];
    let preview = both("preview", &["S-1", "S-2"], &set);
    assert!(
        preview.text().contains("2 orders would be accepted"),
        "{}",
        preview.text()
    );
    let nothing = both(
        "preview",
        &["S-1"],
        &[("how", "replace"), ("from", ""), ("by", "DE")],
    );
    assert_eq!(nothing.status, 422);
    assert_eq!(both("preview", &[], &set).status, 422);
    let none = both("send", &["S-1"], &[("how", "none")]);
    assert!(
        none.header("location").unwrap().ends_with("rejected=1"),
        "{:?}",
        none.header("location")
    );
    assert_eq!(rejection(&server, "S-1")["status"], "open");
    for (ids, how) in [
        (&["S-1", "S-2"][..], &set[..]),
        (&["R-1"], &replace),
        (&["D-1"], &remove),
    ] {
        let sent = both("send", ids, how);
        let told = sent.header("location").unwrap().to_owned();
        assert!(told.contains(&format!("stored={}", ids.len())), "{told}");
        assert_eq!(cookie.get(&server, &told).status, 200);
    }
    let text = |key: &str| stored_text(&server, &rejection(&server, key));
    for key in ["S-1", "S-2", "R-1"] {
        assert_eq!(text(key), order(key, "DE"));
    }
    assert_eq!(
        text("D-1"),
        order("D-1", "x").replace("\"country\":\"x\"", "")
    );
    // One that was mended meanwhile is told, and not sent again.
    let late = both("send", &["S-1"], &set);
    assert!(late.header("location").unwrap().ends_with("late=1"));
    let dismissed = both("dismiss", &["A-1"], &[("note", "all of them")]);
    assert!(
        dismissed
            .header("location")
            .unwrap()
            .ends_with("dismissed=1")
    );
    // A colleague's dismissal stays too.
    let late = both("send", &["A-1"], &set);
    assert!(late.header("location").unwrap().ends_with("late=1"));
    let shown = both("preview", &["A-1"], &set);
    assert!(shown.text().contains("has dismissed it in the meantime"));
    assert_eq!(
        rejection(&server, "A-1")["dismissed"]["note"],
        "all of them"
    );
    assert!(
        cookie
            .get(&server, CAUSE)
            .text()
            .contains("Nothing is open")
    );
    let page = cookie.get(&server, &format!("{CAUSE}&show=all"));
    assert_eq!(page.text().matches("<tr>").count(), 6, "{}", page.text());
}

#[test]
fn all_open_orders_are_more_than_a_page() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let orders: Vec<_> = (0..150)
        .map(|at| order(&format!("B-{at}"), "Germany"))
        .collect();
    send(&server, &format!("[{}]", orders.join(",")));
    let browser = open(&server, WIDE, "one", CAUSE);
    assert_eq!(browser.count_shown("tbody tr"), 100);
    browser.find("[name=everything]").click();
    browser.labelled("#all", "Preview").click();
    browser.wait("document.querySelector('table.preview')");
    assert!(
        browser
            .find("main")
            .text()
            .contains("50 orders more were checked")
    );
    browser.labelled("main", "Send 150 orders").click();
    let told = browser.wait("document.querySelector('.notice.good')?.textContent");
    assert!(
        told.as_str().unwrap().starts_with("150 orders were mended"),
        "{told}"
    );
    let listed = server
        .send(&request("GET", "/v1/rejections?open=true", "one"))
        .json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 0);
    show(&browser, &server, "/console/errors?show=all");
    let row = browser.find("table.causes tbody tr").text();
    assert!(row.contains("150"), "{row}");
}
