//! Every page of the navigation: who gets it, what axe-core finds on it, and that it works by keyboard and without scripts.
//!
//! A new page is covered as soon as it is in the navigation.

use std::path::PathBuf;

use serde_json::Value;

use super::{NARROW, WIDE, admin, office, show, sign_in, sign_in_with};
use crate::support::browser::{Browser, keys};
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::v1::{order, submit};

/// The rules of axe-core, which `./test` fetches. They are used here, and not shipped.
fn axe() -> String {
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")),
    };
    let file = target.join("axe-core-4.14.1/axe.min.js");
    std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{}: {error}; ./test fetches it", file.display()))
}

/// A store in which something is on every page that a sender fills.
fn fill(server: &Server) {
    let mut orders: Vec<_> = (1..=4)
        .map(|number| order(&format!("W-{number}")))
        .collect();
    let mut wrong = order("W-5");
    wrong["lines"][0]["quantity"] = (-1).into();
    orders.push(wrong);
    let (answer, _) = submit(server, "TRK001", &orders);
    assert_eq!(answer.status, 207, "{}", answer.text());
}

/// The addresses in the navigation.
fn pages(browser: &Browser) -> Vec<String> {
    let script =
        "return [...document.querySelectorAll('.side nav a')].map((a) => new URL(a.href).pathname)";
    let pages = browser.run(script, &[]);
    let pages = pages.as_array().unwrap().iter();
    let pages = pages.map(|page| page.as_str().unwrap().to_owned());
    // The API documentation is no page of the console.
    pages.filter(|page| page.starts_with("/console")).collect()
}

/// What is wrong with the page by the rules of axe-core, if it is serious.
fn findings(browser: &Browser, axe: &str) -> Vec<String> {
    browser.run(axe, &[]);
    let found =
        browser.run_async("return await axe.run(document, { resultTypes: ['violations'] })");
    let violations = found["violations"].as_array().unwrap().iter();
    let serious =
        violations.filter(|one| one["impact"] == "serious" || one["impact"] == "critical");
    let text = |one: &Value| {
        let nodes = one["nodes"].as_array().unwrap().iter().take(3);
        let nodes = nodes.map(|node| format!("{} {}", node["html"], node["failureSummary"]));
        format!(
            "{} ({}): {}",
            one["id"],
            one["help"],
            nodes.collect::<Vec<_>>().join("; ")
        )
    };
    serious.map(text).collect()
}

/// Whether nothing is wider than the page.
fn assert_fits(browser: &Browser, page: &str) {
    let script =
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]";
    let widths = browser.run(script, &[]);
    assert_eq!(widths[0], widths[1], "{page} is wider than the window");
}

#[test]
fn axe_finds_nothing_serious_on_any_page() {
    let axe = axe();
    let data = fixture::data_directory();
    let (id, secret) = admin(data.path());
    let server = Server::start(data.path());
    fill(&server);
    let mut found = Vec::new();
    for (size, scheme) in [(WIDE, "light"), (WIDE, "dark"), (NARROW, "dark")] {
        let browser = Browser::start(size.0, size.1);
        browser.prefer(scheme);
        show(&browser, &server, "/console");
        browser.find("[name=secret]");
        found.extend(findings(&browser, &axe));
        sign_in_with(&browser, &id, &secret);
        for page in pages(&browser) {
            show(&browser, &server, &page);
            browser.find("h1");
            for finding in findings(&browser, &axe) {
                found.push(format!("{page}, {scheme}, {size:?}: {finding}"));
            }
            assert_fits(&browser, &page);
        }
        assert_eq!(browser.errors(), Vec::<String>::new());
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn each_page_of_the_navigation_is_there_and_says_where_it_is() {
    let data = fixture::data_directory();
    let (server, browser) = office(data.path(), WIDE);
    let pages = pages(&browser);
    assert!(pages.len() >= 6, "{pages:?}");
    for page in &pages {
        show(&browser, &server, page);
        let here = browser.find(".side nav a[aria-current=page]");
        let title = browser.find("h1").text();
        assert_ne!(title, "Not found", "{page}");
        assert_eq!(here.text(), title, "{page}");
        let heading = browser.run("return document.title", &[]);
        assert_eq!(heading, format!("{title} · Wharfinger"));
    }
    assert_eq!(browser.errors(), Vec::<String>::new());
}

/// Pages and buttons are those of a key's scopes.
#[test]
fn the_navigation_has_what_a_key_may_do() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = Browser::start(WIDE.0, WIDE.1);
    show(&browser, &server, "/console");
    sign_in(&browser, "reader");
    let pages = pages(&browser);
    assert!(pages.contains(&"/console/orders".to_owned()), "{pages:?}");
    assert!(!pages.contains(&"/console/upload".to_owned()), "{pages:?}");
    assert!(!pages.contains(&"/console/keys".to_owned()), "{pages:?}");
}

/// Presses Tab until the focus is on what an expression of `at` describes. The focus can be seen.
fn tab_to(browser: &Browser, expression: &str) {
    for _ in 0..100 {
        browser.press(&[keys::TAB]);
        let script = format!("const at = document.activeElement; return Boolean({expression})");
        if browser.run(&script, &[]) == true {
            let outline = "return getComputedStyle(document.activeElement).outlineStyle";
            assert_eq!(browser.run(outline, &[]), "solid", "{expression}");
            return;
        }
    }
    panic!("Tab does not reach {expression}");
}

fn write(browser: &Browser, text: &str) {
    browser.press(&text.chars().collect::<Vec<_>>());
}

#[test]
fn a_keyboard_is_enough_from_signing_in_to_signing_out() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    fill(&server);
    for (width, height) in [WIDE, NARROW] {
        let browser = Browser::start(width, height);
        show(&browser, &server, "/console");
        // The first field has the focus.
        browser.wait("document.activeElement.name === 'id'");
        write(&browser, "full");
        tab_to(&browser, "at.name === 'secret'");
        write(&browser, &fixture::secret_of("full"));
        browser.press(&[keys::ENTER]);
        browser.wait("document.querySelector('.side nav')");
        browser.press(&[keys::TAB]);
        assert_eq!(browser.focused().text(), "Skip to the content");
        browser.press(&[keys::ENTER]);
        tab_to(&browser, "at.textContent === '30 days'");
        browser.press(&[keys::ENTER]);
        browser.wait("document.querySelector('.spans [aria-current]').textContent === '30 days'");
        tab_to(&browser, "at.textContent === 'Batches'");
        browser.press(&[keys::ENTER]);
        browser.wait("location.pathname === '/console/batches'");
        tab_to(&browser, "at.textContent === 'Sign out'");
        browser.press(&[keys::ENTER]);
        browser.wait("document.querySelector('[name=secret]')");
    }
}

#[test]
fn pages_work_without_scripts() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    fill(&server);
    let browser = Browser::start_without_scripts(WIDE.0, WIDE.1);
    show(&browser, &server, "/console");
    sign_in(&browser, "full");
    // Times are those of the server, because no script has changed them.
    let received = browser.find("[data-live=latest] time").text();
    assert!(received.ends_with(" UTC"), "{received}");
    browser.find(".spans a").click();
    browser.wait("location.search.includes('span=1h')");
    browser.find(".leave button").click();
    browser.wait("document.querySelector('[name=secret]')");
}
