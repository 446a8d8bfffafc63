//! Finding a route: by search, by link, and by keyboard alone.

use serde_json::json;

use super::{NARROW, WIDE, assert_quiet, open, show, shown, use_key};
use crate::support::browser::{Browser, keys};
use crate::support::client::Request;
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::v1::get;

/// The ids of the routes that are shown.
fn routes(browser: &Browser) -> Vec<String> {
    let script = "return [...document.querySelectorAll('.route')]
        .filter((one) => one.checkVisibility()).map((one) => one.id)";
    let ids = browser.run(script, &[]);
    let ids = ids.as_array().unwrap().iter();
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_search_narrows_routes_and_codes() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = open(&server, WIDE, "");
    let all = routes(&browser).len();
    let described = server.send(&Request::new("GET", "/openapi.json")).json();
    let paths = described["paths"].as_object().unwrap().values();
    let operations: usize = paths
        .map(|methods| methods.as_object().unwrap().len())
        .sum();
    assert_eq!(all, operations);
    // The slash moves to the field, and every word must match: in the method, the path, the summary or a name.
    browser.press(&['/']);
    assert_eq!(browser.focused().property("id"), "words");
    browser.focused().write("post /v1/orders CANCEL");
    let expected = [
        "native_cancel_orders",
        "native_cancel_order",
        "native_refuse_order",
    ];
    assert_eq!(routes(&browser), expected);
    assert_eq!(browser.count_shown("#groups ul li"), 3);
    assert_eq!(browser.count_shown("#groups > li"), 1);
    assert_eq!(browser.count_shown(".codes"), 0);
    let found = browser.find("#found").text();
    assert_eq!(found, "3 routes and codes match");
    browser.focused().fill("idempotency_key_busy");
    assert_eq!(browser.count_shown(".route"), 0);
    assert_eq!(browser.count_shown("tbody tr"), 1);
    browser.focused().fill("no such words");
    assert_eq!(browser.count_shown("#nothing"), 1);
    browser.press(&[keys::ESCAPE]);
    assert_eq!(routes(&browser).len(), all);
    assert_quiet(&browser);
}

/// Whether an element is at the top of the window, below what sticks there.
const IS_AT_TOP: &str =
    "Math.abs(document.querySelector(given[0]).getBoundingClientRect().top - given[1]) < 60";

#[test]
fn a_link_opens_its_route_or_its_code() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for (size, top) in [(WIDE, 24), (NARROW, 72)] {
        let browser = open(&server, size, "#native_show_order");
        browser.wait("document.querySelector('#native_show_order[open] form')");
        browser.wait_with(IS_AT_TOP, &[json!("#native_show_order"), json!(top)]);
        assert_eq!(browser.count_shown(".route[open]"), 1);
        // Another link on the same page; it also ends a search that hides its route.
        browser.find("#words").write("receipts");
        assert_eq!(browser.count_shown("#native_list_keys"), 0);
        browser.run("location.hash = '#native_list_keys'", &[]);
        browser.wait("document.querySelector('#native_list_keys[open] form')");
        browser.wait_with(IS_AT_TOP, &[json!("#native_list_keys"), json!(top)]);
        assert_eq!(browser.find("#words").value(), "");
        assert_eq!(browser.count_shown("#native_list_keys"), 1);
        // The `type` of a refusal links to its code.
        let refused = server.send(&Request::new("GET", "/v1/orders")).json();
        let anchor = refused["type"].as_str().unwrap();
        assert_eq!(anchor, "/docs#unauthorized");
        show(&browser, &server, "#unauthorized");
        browser.wait_with(IS_AT_TOP, &[json!("#unauthorized"), json!(top)]);
        // A route that is opened by hand becomes the address, and its link leads there again.
        let listed = "document.querySelector('#contents a[href=\"#native_submit\"]').click()";
        browser.run(listed, &[]);
        browser.wait("location.hash === '#native_submit'");
        browser.wait("document.querySelector('#native_submit[open]')");
        browser.run("document.querySelector('#native_submit').open = false", &[]);
        browser.run(listed, &[]);
        browser.wait("document.querySelector('#native_submit[open]')");
        assert_quiet(&browser);
    }
    let slash = server.send(&Request::new("GET", "/docs/"));
    let page = server.send(&Request::new("GET", "/docs"));
    assert_eq!((slash.status, &slash.body), (200, &page.body));
}

/// Presses Tab until the focus is on what an expression describes.
fn tab_to(browser: &Browser, expression: &str) {
    for _ in 0..200 {
        browser.press(&[keys::TAB]);
        let script = format!("const at = document.activeElement; return Boolean({expression})");
        if browser.run(&script, &[]) == json!(true) {
            let outline = "return getComputedStyle(document.activeElement).outlineStyle";
            assert_eq!(browser.run(outline, &[]), "solid", "{expression}");
            return;
        }
    }
    panic!("Tab does not reach {expression}");
}

fn write(browser: &Browser, text: &str) {
    let keys: Vec<_> = text.chars().collect();
    browser.press(&keys);
}

#[test]
fn a_keyboard_is_enough() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = open(&server, WIDE, "");
    browser.press(&[keys::TAB]);
    assert_eq!(browser.focused().text(), "Skip to the routes");
    browser.press(&[keys::ENTER]);
    tab_to(&browser, "at.id === 'secret'");
    write(&browser, "one:one-secret");
    browser.press(&[keys::ENTER]);
    browser.wait("document.querySelector('#key-state.accepted')");
    tab_to(&browser, "at.closest('#native_submit')");
    browser.press(&[keys::ENTER]);
    browser.wait("document.querySelector('#native_submit form')");
    tab_to(&browser, "at.tagName === 'TEXTAREA'");
    let example = browser.focused().value();
    assert!(example.contains("\"key\": \"A-1\""), "{example}");
    tab_to(&browser, "at.textContent === 'Send'");
    browser.press(&[keys::ENTER]);
    let (status, _) = shown(&browser, "native_submit");
    assert!(status.starts_with("200 OK"), "{status}");
    let stored = get(&server, "/v1/orders?organisation=TRK001&key=A-1");
    assert_eq!(stored["data"].as_array().unwrap().len(), 1);
    // From the body, too.
    browser.find("#native_submit textarea").click();
    browser.press(&[keys::CONTROL, keys::ENTER]);
    browser.wait(
        "document.querySelector('#native_submit .body').textContent.includes('\"unchanged\": 1')",
    );
    assert_quiet(&browser);
}

/// With a key of one organisation, nothing has to be chosen. With several, the page asks.
#[test]
fn the_organisation_is_that_of_the_key() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = open(&server, WIDE, "#native_submit");
    let field = browser.labelled("#native_submit", "organisation");
    assert_eq!(field.value(), "");
    use_key(&browser, "one");
    assert_eq!(field.value(), "TRK001");
    assert_eq!(browser.count_shown("#organisation"), 0);
    use_key(&browser, "full");
    assert_eq!(field.value(), "OFF001");
    browser.labelled("#key", "Organisation").choose("TRK002");
    assert_eq!(field.value(), "TRK002");
    // What the user writes stays.
    field.fill("MINE");
    browser.labelled("#key", "Organisation").choose("TRK001");
    assert_eq!(field.value(), "MINE");
    // Examples of bodies and paths name it as well.
    show(&browser, &server, "#reevoo_customer_orders");
    use_key(&browser, "one");
    let body = browser.find("#reevoo_customer_orders textarea").value();
    assert!(
        body.contains("\"TRK001\"") && !body.contains("DEMO"),
        "{body}"
    );
    browser.run("location.hash = '#centra_list'", &[]);
    let path = browser.labelled("#centra_list", "organisation");
    assert_eq!(path.value(), "TRK001");
    // A list is not filtered unless somebody wants that.
    browser.run("location.hash = '#native_list_orders'", &[]);
    assert_eq!(
        browser
            .labelled("#native_list_orders", "organisation")
            .value(),
        ""
    );
    // The key is nowhere but in its field.
    let kept = "return JSON.stringify([location.href, document.cookie, {...localStorage}, {...sessionStorage}])";
    let kept = browser.run(kept, &[]);
    assert!(!kept.as_str().unwrap().contains("one-secret"), "{kept}");
    assert_quiet(&browser);
}
