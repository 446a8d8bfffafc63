//! The pages of held orders: why, and what a person decides.

use serde_json::{Value, json};

use super::orders::{assert_fits, full_order, go, picture};
use super::{NARROW, WIDE, admin, open, show, sign_in, sign_in_by_form};
use crate::support::browser::Browser;
use crate::support::client::Request;
use crate::support::fixture::{self, DataDirectory};
use crate::support::server::Server;
use crate::support::v1::{get, order, submit};

const SENTENCE: &str = "Orders of more than one line are looked at <b>first</b>.";

/// A server whose organisations hold orders of more than one line.
fn server() -> (Server, DataDirectory) {
    let data = fixture::data_directory();
    let (_, secret) = admin(data.path());
    let server = Server::start(data.path());
    let rule = json!({"name": "lines", "when": "size(order.lines) > 1", "sentence": SENTENCE});
    let rules = json!({"rules": [rule]}).to_string();
    for organisation in ["TRK001", "TRK002"] {
        let target = format!("/v1/organisations/{organisation}/rules");
        let put = Request::new("PUT", &target).header("authorization", format!("Bearer {secret}"));
        let answer = server.send(&put.body(rules.clone()));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    (server, data)
}

/// Submits an order that is held. Returns its id.
fn hold(server: &Server, key: &str) -> String {
    let (answer, ids) = submit(server, "TRK001", &[full_order(key, "Ann")]);
    assert_eq!(
        answer.json()["results"][0]["state"],
        "held",
        "{}",
        answer.text()
    );
    ids[0].clone()
}

fn state(server: &Server, id: &str) -> Value {
    get(server, &format!("/v1/orders/{id}"))["state"].clone()
}

/// Replaces the text in the editor.
fn write(browser: &Browser, text: &str) {
    browser.find("textarea[name=text]");
    let script = "document.querySelector('textarea[name=text]').value = arguments[0]";
    browser.run(script, &[text.into()]);
}

#[test]
fn a_held_order_is_mended_until_no_rule_holds_it() {
    let (server, _data) = server();
    for (size, key) in [(WIDE, "H-1"), (NARROW, "H-2")] {
        let browser = open(&server, size, "full", "/console/held");
        assert!(browser.find(".empty").text().contains("No order is held."));
        let id = hold(&server, key);
        go(&browser, &server, "/console/held");
        assert!(browser.find("tbody").text().contains(SENTENCE));
        picture(&browser, &format!("held-{}", size.0));
        assert_fits(&browser);
        browser.find("a.key").click();
        assert_eq!(browser.find(".why .sentence").text(), SENTENCE);
        assert_eq!(browser.count_shown(".mend textarea"), 0);
        picture(&browser, &format!("held-order-{}", size.0));
        assert_fits(&browser);
        browser.find(".mend summary").click();
        assert!(
            browser
                .find("textarea[name=text]")
                .value()
                .contains("ANCHOR-1")
        );
        // What is wrong is told, and what was written stays.
        write(
            &browser,
            &json!({"key": key, "lines": [{"sku": "S"}]}).to_string(),
        );
        browser.labelled(".mend", "Check").click();
        browser.wait("document.querySelector('.notice.bad')");
        assert!(
            browser.find(".fault").text().contains("placed_at")
                || browser.count_shown(".fault") > 0
        );
        assert!(
            browser
                .find("textarea[name=text]")
                .value()
                .contains(r#""sku":"S""#)
        );
        picture(&browser, &format!("held-wrong-{}", size.0));
        write(&browser, &full_order(key, "Bo").to_string());
        browser.labelled(".mend", "Check").click();
        let told = "document.querySelector('.notice.warm')?.textContent.includes('rule lines')";
        browser.wait(told);
        write(&browser, &order(key).to_string());
        browser.labelled(".mend", "Check").click();
        browser.wait("document.querySelector('.notice.good')");
        assert_eq!(state(&server, &id), "held", "a check stores nothing");
        assert_eq!(get(&server, &format!("/v1/orders/{id}"))["revision"], 1);
        browser.labelled(".mend", "Save").click();
        browser.wait(
            "location.pathname.startsWith('/console/orders/') && location.search === '?done=saved'",
        );
        assert_eq!(state(&server, &id), "pending");
        assert_eq!(browser.errors(), Vec::<String>::new());
    }
}

#[test]
fn what_is_wrong_with_a_held_order_is_marked_while_it_is_written() {
    let (server, _data) = server();
    let id = hold(&server, "W-1");
    let browser = open(&server, WIDE, "full", &format!("/console/held/{id}"));
    browser.find(".mend summary").click();
    assert_eq!(browser.find("#faults-title").text(), "As it is stored");
    let mut wrong = full_order("W-1", "Bo");
    wrong["lines"][1]["quantity"] = json!(-1);
    browser.find("textarea[name=text]").fill(&wrong.to_string());
    browser.wait("document.querySelector('#behind mark')?.textContent === '-1'");
    let told = browser.find("#faults").text();
    assert!(
        told.contains("1 thing is wrong") && told.contains("/lines/1/quantity"),
        "{told}"
    );
    assert_fits(&browser);
    // A text that is no JSON has a place too.
    browser.find("textarea[name=text]").fill("{\"key\": }");
    browser.wait("document.querySelector('#behind mark')?.textContent === '}'");
    browser
        .find("textarea[name=text]")
        .fill(&order("W-1").to_string());
    browser.wait("document.querySelector('#faults .notice.good')");
    assert_eq!(get(&server, &format!("/v1/orders/{id}"))["revision"], 1);
    assert_eq!(browser.errors(), Vec::<String>::new());
}

#[test]
fn a_held_order_is_released_or_refused_with_a_note() {
    let (server, _data) = server();
    let browsers = [
        Browser::start(WIDE.0, WIDE.1),
        Browser::start_without_scripts(NARROW.0, NARROW.1),
    ];
    for (at, browser) in browsers.into_iter().enumerate() {
        let [released, refused] = ["R", "S"].map(|key| hold(&server, &format!("{key}-{at}")));
        show(&browser, &server, &format!("/console/orders/{released}"));
        sign_in(&browser, "full");
        // The page of the order leads to the decision.
        browser.find(".notice.warm a").click();
        // Enter in the note decides nothing.
        browser.find("[name=note]").fill("Asked by phone\n");
        assert_eq!(state(&server, &released), "held");
        browser.labelled("main", "Release").click();
        browser.find("[role=status]");
        assert_eq!(state(&server, &released), "pending");
        assert!(browser.find(".history").text().contains("Asked by phone"));
        go(&browser, &server, &format!("/console/held/{refused}"));
        browser.find("[name=note]").fill("Not\nours");
        browser.labelled("main", "Refuse…").click();
        browser.find_text("h1", "Refuse this order?");
        assert_eq!(browser.find("[name=note]").value(), "Not\nours");
        assert_eq!(state(&server, &refused), "held", "asked, not refused");
        browser.labelled("main", "Refuse the order").click();
        browser.find("[role=status]");
        assert_eq!(state(&server, &refused), "cancelled");
        assert!(browser.find(".history").text().contains("Not ours"));
        // Another person was faster: the order is not held any more.
        go(&browser, &server, &format!("/console/held/{refused}"));
        assert!(browser.find("h1").text().starts_with("Order S-"));
    }
}

#[test]
fn a_text_that_was_made_from_an_older_revision_is_not_saved() {
    let (server, _data) = server();
    let id = hold(&server, "V-1");
    let page = format!("/console/held/{id}");
    let cookie = sign_in_by_form(&server, "full");
    assert!(
        cookie
            .get(&server, &page)
            .text()
            .contains("name=\"revision\" value=\"1\"")
    );
    let save = |name: &str, revision: &str| {
        let text = full_order("V-1", name).to_string();
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("csrf", &cookie.csrf(&server));
        let fields = [("do", "save"), ("text", &text), ("revision", revision)];
        form.extend_pairs(fields);
        let request = Request::new("POST", &format!("{page}/text"));
        server.send(&cookie.on(request).body(form.finish()))
    };
    let revision = || get(&server, &format!("/v1/orders/{id}"))["revision"].clone();
    assert_eq!(save("Theirs", "1").status, 303);
    assert_eq!(revision(), 2);
    let late = save("Mine", "1");
    assert_eq!(late.status, 409, "{}", late.text());
    assert!(late.text().contains("Theirs") && late.text().contains("Mine"));
    assert!(late.text().contains("name=\"revision\" value=\"2\""));
    assert_eq!(revision(), 2, "nothing was saved");
    // Who has seen theirs may replace it.
    assert_eq!(save("Mine", "2").status, 303);
    assert_eq!(revision(), 3);
}

#[test]
fn only_who_may_change_an_order_decides_about_it() {
    let (server, _data) = server();
    let id = hold(&server, "T-1");
    let page = format!("/console/held/{id}");
    let (other, reader) = (
        sign_in_by_form(&server, "other"),
        sign_in_by_form(&server, "reader"),
    );
    assert_eq!(other.get(&server, &page).status, 404);
    let shown = reader.get(&server, &page);
    assert!(shown.text().contains("&lt;b&gt;first"), "{}", shown.text());
    assert!(!shown.text().contains("Release"));
    for (cookie, status) in [(&other, 404), (&reader, 403)] {
        let csrf = cookie.csrf(&server);
        for form in ["release", "refuse", "text"] {
            let sent = cookie.on(Request::new("POST", &format!("{page}/{form}")));
            let sent = sent.body(format!("csrf={csrf}&do=save&text=%7B%7D"));
            assert_eq!(server.send(&sent).status, status, "{form}");
        }
    }
    assert_eq!(state(&server, &id), "held");
}
