//! The pages of orders: find one, see everything about it, change it.

use serde_json::{Value, json};

use super::{NARROW, WIDE, open, show, sign_in, sign_in_by_form};
use crate::support::browser::Browser;
use crate::support::client::Request;
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::v1::{get, order, request, submit};

/// An order with a customer, addresses and prices.
pub(super) fn full_order(key: &str, name: &str) -> Value {
    json!({
        "key": key, "placed_at": "2026-11-21T09:30:00Z", "currency": "EUR",
        "customer": {"first_name": name, "last_name": "Berg", "email": format!("{}@example.com", name.to_lowercase()), "phone": "+46 70 1"},
        "shipping_address": {"name": format!("{name} Berg"), "lines": ["Quay 1", "Door 2"], "city": "Visby", "postcode": "62157", "country": "SE"},
        "lines": [
            {"sku": "ANCHOR-1", "description": "Anchor, small", "quantity": 2, "unit_price": "55.10"},
            {"sku": "ROPE-9", "description": "Rope", "unit_price": "8.50"}
        ],
        "shipping_price": "4.90", "instructions": "Ring twice"
    })
}

/// The keys in the list, in order.
fn keys(browser: &Browser) -> Vec<String> {
    let script = "return [...document.querySelectorAll('tbody a.key')].map((a) => a.textContent)";
    let keys = browser.run(script, &[]);
    let keys = keys.as_array().unwrap().iter();
    keys.map(|key| key.as_str().unwrap().to_owned()).collect()
}

/// Loads a page in a browser that is signed in.
pub(super) fn go(browser: &Browser, server: &Server, path: &str) {
    show(browser, server, path);
    browser.find("h1");
}

pub(super) fn assert_fits(browser: &Browser) {
    let widths =
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]";
    let widths = browser.run(widths, &[]);
    assert_eq!(widths[0], widths[1], "the page is wider than the window");
}

/// Keeps a picture of the page where a variable of the environment says so, for whoever works on the pages.
pub(super) fn picture(browser: &Browser, name: &str) {
    if let Some(folder) = std::env::var_os("WHARFINGER_TEST_PICTURES") {
        let file = std::path::Path::new(&folder).join(format!("{name}.png"));
        std::fs::write(file, browser.screenshot()).unwrap();
    }
}

#[test]
fn orders_are_found_by_what_a_person_knows_of_them() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for size in [WIDE, NARROW] {
        let browser = open(&server, size, "full", "/console/orders");
        if size == WIDE {
            assert_eq!(
                browser.find(".empty p").text(),
                "No order was received yet."
            );
            for (organisation, key, name) in [
                ("TRK001", "A-1", "Ann"),
                ("TRK002", "B-1", "Bo"),
                ("TRK001", "A-2", "Cia"),
            ] {
                submit(&server, organisation, &[full_order(key, name)]);
            }
            go(&browser, &server, "/console/orders");
        }
        assert_eq!(keys(&browser), ["A-2", "B-1", "A-1"]);
        assert!(browser.find(".total").text().starts_with("3 orders"));
        picture(&browser, &format!("orders-{}", size.0));
        assert_fits(&browser);
        for (by, text, found) in [
            ("prefix", "A-", &["A-1", "A-2"][..]),
            ("key", "A-1", &["A-1"]),
            ("email", "BO@example.com", &["B-1"]),
            ("number", "7", &[]),
            ("prefix", "nothing", &[]),
        ] {
            go(&browser, &server, "/console/orders");
            browser.find("[name=by]").choose(by);
            browser.find("[name=q]").fill(text);
            browser.labelled("main", "Filter").click();
            browser.wait_with(
                "new URLSearchParams(location.search).get('q') === given[0]",
                &[text.into()],
            );
            browser.find("h1");
            assert_eq!(keys(&browser), found, "{by} {text}");
            assert_eq!(browser.find("[name=by]").value(), by, "the search stays");
            if found.is_empty() {
                assert!(
                    browser
                        .find(".empty")
                        .text()
                        .contains("No order matches these filters.")
                );
            }
        }
        go(&browser, &server, "/console/orders?organisation=TRK002");
        assert_eq!(keys(&browser), ["B-1"]);
        go(&browser, &server, "/console/orders?state=cancelled");
        assert_eq!(keys(&browser), [""; 0]);
        go(&browser, &server, "/console/orders?to=2020-01-01");
        assert_eq!(keys(&browser), [""; 0]);
        go(
            &browser,
            &server,
            "/console/orders?from=2020-01-01&dialect=native",
        );
        assert_eq!(keys(&browser).len(), 3);
        // What the API refuses is told, and what was typed stays.
        go(&browser, &server, "/console/orders?by=number&q=seven");
        assert!(browser.find("[role=alert]").text().contains("number"));
        assert_eq!(browser.find("[name=q]").value(), "seven");
        assert_eq!(browser.errors(), Vec::<String>::new());
    }
    // The id of an order leads to its page.
    let found = get(&server, "/v1/orders?key=B-1");
    let id = found["data"][0]["id"].as_str().unwrap();
    let browser = open(&server, WIDE, "full", &format!("/console/orders?q={id}"));
    browser.find_text("h1", "Order B-1");
}

#[test]
fn a_long_list_is_read_page_by_page() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let orders = Vec::from_iter((0..60).map(|number| order(&format!("P-{number:02}"))));
    submit(&server, "TRK001", &orders);
    let browser = open(&server, WIDE, "full", "/console/orders?state=pending");
    assert_eq!(keys(&browser).len(), 50);
    assert_eq!(keys(&browser)[0], "P-59");
    browser.find("a[rel=next]").click();
    browser.wait("document.querySelectorAll('tbody tr').length === 10");
    assert_eq!(keys(&browser)[9], "P-00");
    assert!(
        browser
            .run("return location.search", &[])
            .as_str()
            .unwrap()
            .contains("state=pending")
    );
    browser.find(".pager a").click();
    browser.wait("document.querySelectorAll('tbody tr').length === 50");
}

#[test]
fn an_order_shows_what_it_says_and_what_happened_to_it() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (_, ids) = submit(&server, "TRK001", &[full_order("A-1", "Ann")]);
    let mut changed = full_order("A-1", "Ann");
    changed["lines"][0]["quantity"] = 3.into();
    changed["instructions"] = Value::Null;
    submit(&server, "TRK001", &[changed]);
    for size in [WIDE, NARROW] {
        let path = format!("/console/orders/{}", ids[0]);
        let browser = open(&server, size, "full", &path);
        browser.find_text("h1", "Order A-1");
        let text = browser.find("main").text();
        for part in [
            "pending",
            "Ann Berg",
            "ann@example.com",
            "Door 2",
            "62157 Visby",
            "ANCHOR-1",
            "55.10 EUR",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        picture(&browser, &format!("order-{}", size.0));
        // The history has the differences, and who sent them.
        let history = browser.find(".history").text();
        assert!(
            history.contains("Revision 2") && history.contains("by key full"),
            "{history}"
        );
        let lines = "return [...document.querySelectorAll('.diff .gone code, .diff .new code')].map((one) => one.textContent.trim())";
        let expected = json!([
            "\"quantity\": 2,",
            "\"quantity\": 3,",
            "\"instructions\": \"Ring twice\"",
            "\"instructions\": null",
        ]);
        let mut found = browser.run(lines, &[]);
        let mut expected = expected.as_array().unwrap().clone();
        found.as_array_mut().unwrap().sort_by_key(Value::to_string);
        expected.sort_by_key(Value::to_string);
        assert_eq!(found, Value::Array(expected));
        browser.run("document.querySelector('.history').scrollIntoView()", &[]);
        picture(&browser, &format!("order-history-{}", size.0));
        assert_fits(&browser);
        // Each form is a link away.
        let forms = "return [...document.querySelectorAll('.forms a')].map((a) => a.href)";
        let forms = browser.run(forms, &[]);
        for form in forms.as_array().unwrap() {
            browser.open(form.as_str().unwrap());
            browser.find_text("h1", "Order A-1");
            assert_fits(&browser);
        }
        go(&browser, &server, &format!("{path}?as=submitted"));
        let shown = browser.find("pre").text();
        assert!(shown.contains("ANCHOR-1"), "{shown}");
        assert_eq!(browser.find(".forms [aria-current]").text(), "As submitted");
        picture(&browser, &format!("order-form-{}", size.0));
        assert_eq!(browser.errors(), Vec::<String>::new());
    }
}

#[test]
fn an_order_is_processed_fulfilled_and_cancelled_by_buttons() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (_, ids) = submit(
        &server,
        "TRK001",
        &[order("A-1"), order("A-2"), order("A-3"), order("A-4")],
    );
    let state = |id: &str| get(&server, &format!("/v1/orders/{id}"))["state"].clone();
    let path = |id: &str| format!("/console/orders/{id}");
    for (at, browser) in [
        Browser::start(WIDE.0, WIDE.1),
        Browser::start_without_scripts(NARROW.0, NARROW.1),
    ]
    .into_iter()
    .enumerate()
    {
        let (first, second) = (&ids[2 * at], &ids[2 * at + 1]);
        show(&browser, &server, &path(first));
        sign_in(&browser, "full");
        browser.find("main .actions a.button.main").click();
        browser.labelled("main", "Mark as processed").click();
        browser.wait("location.search.includes('done=processed')");
        assert_eq!(browser.find("[role=status]").text(), "Marked as processed.");
        assert_eq!(state(first), "processed");
        assert_eq!(browser.count_shown(".actions"), 0, "nothing is left to do");

        browser.find("#fulfilment summary").click();
        browser.find("[name=status]").fill("PICKED");
        browser
            .find("[name=tracking_url]")
            .fill("https://parcels.example/1");
        browser
            .labelled("#fulfilment form", "Report fulfilment")
            .click();
        browser.wait("location.search.includes('done=saved')");
        let shown = get(&server, &format!("/v1/orders/{first}"));
        assert_eq!(shown["fulfilment"]["status"], "PICKED");
        assert!(browser.find("main").text().contains("PICKED"));
        // A report without anything is refused, and what is known stays.
        browser.find("#fulfilment summary").click();
        browser.find("[name=status]").fill("");
        browser.find("[name=tracking_url]").fill("");
        browser
            .labelled("#fulfilment form", "Report fulfilment")
            .click();
        browser.find("[role=alert]");
        let after = get(&server, &format!("/v1/orders/{first}"));
        assert_eq!(after["fulfilment"], shown["fulfilment"]);

        go(&browser, &server, &path(second));
        browser.find(".sure summary").click();
        browser.labelled(".sure", "Cancel the order").click();
        browser.wait("location.search.includes('done=cancelled')");
        assert_eq!(state(second), "cancelled");
    }
    let history = get(&server, &format!("/v1/orders/{}/history", ids[1]));
    assert_eq!(history["data"][0]["key_id"], "full");
}

#[test]
fn a_change_that_comes_too_late_is_told_on_the_page() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (_, ids) = submit(&server, "TRK001", &[order("A-1")]);
    let browser = open(
        &server,
        WIDE,
        "full",
        &format!("/console/orders/{}", ids[0]),
    );
    browser.find("main .actions a.button.main").click();
    browser.find_text("h1", "Mark this order as processed?");
    let cancel = format!("/v1/orders/{}/cancel", ids[0]);
    assert_eq!(server.send(&request("POST", &cancel, "full")).status, 200);
    browser.labelled("main", "Mark as processed").click();
    let told = browser.find("[role=alert]").text();
    assert!(told.contains("cancelled"), "{told}");
    let shown = get(&server, &format!("/v1/orders/{}", ids[0]));
    assert_eq!(shown["state"], "cancelled");
}

/// Another tenant's order does not exist, and who only reads sees no buttons. Neither can change anything by hand.
#[test]
fn a_key_sees_and_changes_what_is_its_own() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (_, ids) = submit(&server, "TRK001", &[order("A-1")]);
    let page = format!("/console/orders/{}", ids[0]);
    let other = sign_in_by_form(&server, "other");
    assert_eq!(other.get(&server, &page).status, 404);
    assert!(!other.get(&server, "/console/orders").text().contains("A-1"));
    let reader = sign_in_by_form(&server, "reader");
    let shown = reader.get(&server, &page);
    assert_eq!(shown.status, 200);
    assert!(
        !shown.text().contains("Mark as processed") && !shown.text().contains("Report fulfilment")
    );
    for (cookie, status) in [(&other, 404), (&reader, 403)] {
        let csrf = cookie.csrf(&server);
        for form in ["process", "cancel", "fulfilment"] {
            let sent = Request::new("POST", &format!("{page}/{form}"));
            let sent = cookie.on(sent).body(format!("csrf={csrf}&status=PICKED"));
            assert_eq!(server.send(&sent).status, status, "{form}");
        }
    }
    let shown = get(&server, &format!("/v1/orders/{}", ids[0]));
    assert_eq!(
        (&shown["state"], &shown["fulfilment"]),
        (&json!("pending"), &Value::Null)
    );
    let missing = reader.get(&server, "/console/orders/nonsense");
    assert_eq!(missing.status, 404);
}

/// Texts from outside that try to be markup, or to change the direction of what is around them.
const HOSTILE: &str = "</pre><script>window.hurt = 1</script><img src=x onerror=\"window.hurt = 1\">\u{202e}\u{2066}\"'&amp;";

#[test]
fn hostile_texts_stay_texts() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let hostile = |key: &str, more: &str| {
        let said = format!("{HOSTILE}{more}");
        json!({
            "key": key, "placed_at": "2026-11-21",
            "customer": {"first_name": said, "last_name": said, "phone": said, "ref": said, "title": said},
            "billing_address": {"name": said, "company": said, "lines": [said], "city": said, "suburb": said, "state": said, "postcode": said},
            "shipping_address": {"name": said, "lines": [said]},
            "lines": [{"sku": said, "description": said}],
            "instructions": said,
            "metadata": {said.as_str(): said}
        })
    };
    let key = format!("{HOSTILE} {}", "k".repeat(140));
    let (answer, ids) = submit(&server, "TRK001", &[hostile(&key, "")]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    submit(&server, "TRK001", &[hostile(&key, &"long".repeat(20))]);
    let (_, vast) = submit(&server, "TRK001", &[vast_order()]);
    for size in [WIDE, NARROW] {
        let browser = open(&server, size, "full", "/console/orders");
        assert_eq!(keys(&browser).len(), 2);
        for path in [
            "/console/orders".to_owned(),
            format!("/console/orders/{}", ids[0]),
            format!("/console/orders/{}?as=submitted", ids[0]),
            format!("/console/orders/{}?as=native", ids[0]),
            format!("/console/orders/{}", vast[0]),
            format!("/console/orders/{}?as=submitted", vast[0]),
            "/console/orders?q=%3Cscript%3Ewindow.hurt%3D1%3C/script%3E&by=%22&from=%3Cb%3E"
                .to_owned(),
        ] {
            go(&browser, &server, &path);
            assert_eq!(
                browser.run("return window.hurt ?? null", &[]),
                Value::Null,
                "{path}"
            );
            assert_eq!(browser.count_shown("main img"), 0, "{path}");
            assert_fits(&browser);
        }
        go(&browser, &server, &format!("/console/orders/{}", ids[0]));
        picture(&browser, &format!("order-hostile-{}", size.0));
        let title = browser.find("h1").text();
        assert!(title.contains("<script>"), "{title}");
        assert_eq!(browser.errors(), Vec::<String>::new());
    }
}

/// An order of nearly 1 MiB.
fn vast_order() -> Value {
    let line =
        |number: usize| json!({"sku": format!("S-{number}"), "description": "d".repeat(150)});
    let mut vast = order("VAST");
    vast["lines"] = (0..5_000).map(line).collect();
    vast
}
