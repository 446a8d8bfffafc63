//! What all lists have in common: filters, cards on a phone, and nothing invisible.

use serde_json::{Value, json};

use super::orders::go;
use super::{Cookie, NARROW, WIDE, admin, office, open, show, sign_in_by_form, sign_in_with};
use crate::support::browser::Browser;
use crate::support::client::Request;
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::v1::{order, request, submit};

/// The order in which filters stand, where a list has them.
const FILTERS: [&str; 11] = [
    "Search by",
    "Search for",
    "Kind",
    "Action",
    "Received in the last",
    "State",
    "Status",
    "From day (UTC)",
    "To day (UTC)",
    "Organisation",
    "Dialect",
];

#[test]
fn filters_have_the_same_names_and_order_on_all_lists() {
    let data = fixture::data_directory();
    let (server, browser) = office(data.path(), WIDE);
    for (page, least) in [
        ("/console/orders", 7),
        ("/console/batches", 6),
        ("/console/errors", 4),
        ("/console/held", 1),
        ("/console/audit", 6),
    ] {
        go(&browser, &server, page);
        let script = "return [...document.querySelectorAll('.filters .field > span')].map((one) => one.textContent)";
        let labels = browser.run(script, &[]);
        let labels = Vec::from_iter(labels.as_array().unwrap().iter().filter_map(Value::as_str));
        assert!(labels.len() >= least, "{page}: {labels:?}");
        let places = labels.iter().filter(|label| !label.ends_with("by key"));
        let places = Vec::from_iter(places.map(|label| {
            let place = FILTERS.iter().position(|known| known == label);
            place.unwrap_or_else(|| panic!("{page}: {label}"))
        }));
        assert!(places.is_sorted(), "{page}: {labels:?}");
        assert_eq!(browser.find(".filters button").text(), "Filter", "{page}");
    }
    // A filter that is used can be cleared.
    go(&browser, &server, "/console/orders?state=held");
    browser.find(".filter-buttons a").click();
    browser.wait("location.pathname === '/console/orders' && location.search === ''");
}

#[test]
fn batches_of_the_own_key_are_a_link_away() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[order("F-1")]);
    let own = request("POST", "/v1/batches?organisation=TRK001", "one");
    assert_eq!(server.send(&own.body(order("O-1").to_string())).status, 200);
    let browser = open(&server, WIDE, "one", "/console/batches?dialect=native");
    assert_eq!(browser.count_shown("tbody tr"), 2);
    let script = "[...document.querySelectorAll('.switch a')].find((a) => a.textContent === 'Sent by my key').click()";
    browser.run(script, &[]);
    browser.wait("location.search.includes('key_id=one')");
    browser.find("h1");
    assert_eq!(browser.count_shown("tbody tr"), 1);
    assert_eq!(browser.find("[name=key_id]").value(), "one");
    assert_eq!(
        browser.find("[name=dialect]").value(),
        "native",
        "other filters stay"
    );
    assert_eq!(
        browser.find(".switch [aria-current]").text(),
        "Sent by my key"
    );
}

/// On a phone, rows are cards, so that nothing is cut.
#[test]
fn rows_are_cards_on_a_phone() {
    let data = fixture::data_directory();
    let (id, secret) = admin(data.path());
    let server = Server::start(data.path());
    let mut wrong = order("W-2");
    wrong["lines"][0]["quantity"] = json!(-1);
    submit(&server, "TRK001", &[order("W-1"), wrong]);
    let browser = Browser::start(NARROW.0, NARROW.1);
    show(&browser, &server, "/console");
    sign_in_with(&browser, &id, &secret);
    for page in [
        "",
        "/errors",
        "/batches",
        "/orders",
        "/audit",
        "/keys",
        "/organisations",
    ] {
        go(&browser, &server, &format!("/console{page}"));
        let script = "return [...document.querySelectorAll('main .table')]
            .filter((frame) => frame.checkVisibility() && !frame.closest('details'))
            .map((frame) => [frame.scrollWidth - frame.clientWidth, getComputedStyle(frame.querySelector('tbody tr')).display])";
        let frames = browser.run(script, &[]);
        let frames = frames.as_array().unwrap();
        assert!(!frames.is_empty(), "{page}");
        for frame in frames {
            assert_eq!(frame, &json!([0, "block"]), "{page}");
        }
    }
    // On a laptop, the columns of the audit log have room.
    browser.resize(WIDE.0, WIDE.1);
    go(&browser, &server, "/console/audit");
    let script =
        "return Math.min(...[...document.querySelectorAll('th')].map((one) => one.offsetWidth))";
    let narrowest = browser.run(script, &[]).as_f64().unwrap();
    assert!(narrowest > 120.0, "{narrowest}");
}

/// Marks that turn the direction of writing, and letters without width.
const HIDDEN: &str = "x\u{202e}y\u{2066}\u{200b}z\u{61c}";

#[test]
fn nothing_from_outside_is_invisible() {
    let data = fixture::data_directory();
    let (id, secret) = admin(data.path());
    let server = Server::start(data.path());
    let (answer, ids) = submit(&server, "TRK001", &[order(HIDDEN)]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut wrong = order(&format!("{HIDDEN}2"));
    wrong["customer"] = json!({"email": HIDDEN});
    submit(&server, "TRK001", &[wrong]);
    let name = Request::new("PATCH", "/v1/organisations/TRK001");
    let name = name.header("authorization", format!("Bearer {secret}"));
    let named = server.send(&name.body(json!({"name": HIDDEN}).to_string()));
    assert_eq!(named.status, 200, "{}", named.text());
    let cookie = Cookie::of(&server, &id, &secret);
    let rejection: Value = cookie.get(&server, "/console/api/v1/rejections").json();
    let rejection = rejection["data"][0]["id"].as_str().unwrap();
    let browser = Browser::start(WIDE.0, WIDE.1);
    show(&browser, &server, "/console");
    sign_in_with(&browser, &id, &secret);
    for (page, title) in [
        ("/console".to_owned(), false),
        ("/console/orders".to_owned(), false),
        (format!("/console/orders/{}", ids[0]), true),
        ("/console/errors".to_owned(), false),
        (format!("/console/rejections/{rejection}"), true),
        ("/console/organisations".to_owned(), false),
        ("/console/audit".to_owned(), false),
    ] {
        go(&browser, &server, &page);
        let hidden = "const main = document.querySelector('main').cloneNode(true);
            for (const one of main.querySelectorAll('textarea, #behind')) one.remove();
            const labels = [...main.querySelectorAll('[aria-label]')].map((one) => one.ariaLabel).join();
            return /[\\u202a-\\u202e\\u2066-\\u2069\\u200b\\u061c]/.test(document.title + main.textContent + labels)";
        assert_eq!(browser.run(hidden, &[]), false, "{page}");
        let shown = browser.run("return document.title", &[]);
        assert_eq!(
            shown.as_str().unwrap().contains("\\u202e"),
            title,
            "{shown}"
        );
    }
}

#[test]
fn the_api_documentation_is_in_the_navigation() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for key in ["reader", "writer"] {
        let page = sign_in_by_form(&server, key).get(&server, "/console");
        let link = "<a href=\"/docs\">API documentation</a>";
        assert!(page.text().contains(link), "{key}");
    }
    let docs = server.send(&Request::new("GET", "/docs"));
    assert_eq!(docs.status, 200);
}
