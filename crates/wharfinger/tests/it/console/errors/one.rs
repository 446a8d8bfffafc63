//! Mending one order.

use super::super::{NARROW, WIDE, open, show, sign_in_by_form};
use super::{id_of, page_of, post, rejection, send, stored_text};
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::stored::rows;
use crate::support::v1::request;

/// Numbers and spaces that a careless program would write in another way.
const ORDER: &str = r#"{"key":"M-1", "placed_at":"2026-11-21","customer":{"email":"anna@example,com"},
    "lines":[{"sku":"S-1","quantity":1.0,"unit_price":55.10}], "metadata":{"big":123456789012345678901234567890,"e":1E-2}}"#;

#[test]
fn a_shop_mends_an_order_from_signing_in_to_stored() {
    for size in [WIDE, NARROW] {
        let data = fixture::data_directory();
        let server = Server::start(data.path());
        let batch = send(&server, ORDER);
        let browser = open(&server, size, "one", "/console/errors");
        let row = browser.find("table.causes tbody tr");
        assert!(row.text().contains("not_email"), "{}", row.text());
        browser.find(".todo a:not(.button)").click();
        browser.wait("document.querySelector('#bench')");
        browser.find_text("h1", "Mend M-1");
        assert_eq!(browser.find("#text").value(), ORDER.replace("\r\n", "\n"));
        assert_eq!(
            browser.find("#behind mark").property("textContent"),
            r#""anna@example,com""#
        );
        assert_eq!(browser.find("#faults-title").text(), "1 error");
        assert!(browser.find(".fault-card").text().contains("Line 1"));
        browser.labelled("#faults", "Use anna@example.com").click();
        browser.wait("document.querySelector('#bench').closest('form') && document.querySelector('#faults-title').textContent === 'No errors'");
        let mended = ORDER.replace("anna@example,com", "anna@example.com");
        assert_eq!(browser.find("#text").value(), mended);
        browser.find("button[value=send]").click();
        browser.wait("document.querySelector('.notice.good a')");
        // Everything but the value is as it came, and the receipt names what it mends.
        let now = rejection(&server, "M-1");
        assert_eq!(now["status"], "mended");
        assert_eq!(stored_text(&server, &now), mended);
        let receipt = format!(
            "/v1/batches/{}",
            now["mended_by"]["batch_id"].as_str().unwrap()
        );
        let receipt = server.send(&request("GET", &receipt, "one")).json();
        assert_eq!(receipt["mends"], batch.as_str());
        let link = format!(
            "/console/orders/{}",
            now["mended_by"]["order_id"].as_str().unwrap()
        );
        assert!(
            browser.run(
                "return document.querySelector('.notice.good a').pathname",
                &[]
            ) == link.as_str()
        );
        show(&browser, &server, "/console/errors");
        assert!(
            browser
                .find(".empty")
                .text()
                .starts_with("There are no open errors")
        );
        let wide = "return document.documentElement.scrollWidth <= innerWidth";
        assert_eq!(browser.run(wide, &[]), true);
        assert_eq!(browser.errors(), Vec::<String>::new());
    }
}

#[test]
fn faults_are_marked_anew_while_a_person_types() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let order = r#"{"key":"T-1","placed_at":"2026-11-21","shipping_address":{"country":"England"},"lines":[{"sku":"S-1"}]}"#;
    send(&server, order);
    let browser = open(&server, WIDE, "one", &page_of(&rejection(&server, "T-1")));
    let before = rows(data.path());
    let text = browser.find("#text");
    // The answers for all but the last of these must not be shown.
    for wrong in ["2026-13-01", "nothing", "2026-11-22"] {
        text.fill(&order.replace("2026-11-21", wrong).replace("England", "GB"));
    }
    browser.wait("document.querySelector('#faults-title').textContent === 'No errors'");
    assert_eq!(browser.count_shown("#behind mark"), 0);
    text.fill(&order.replace("\"S-1\"", "\"\"").replace("England", "GB"));
    browser.wait(
        "document.querySelector('#faults code')?.textContent === '/lines/0'
        || document.querySelector('#faults code')?.textContent.startsWith('/lines/0')",
    );
    // The text behind the editor is always the text in it.
    browser.wait("document.querySelector('#behind').textContent === document.querySelector('#text').value + '\\n'");
    text.fill("{\"key\": oops}");
    browser.wait("document.querySelector('#behind mark')?.textContent === 'o'");
    assert!(
        browser
            .find(".fault-card")
            .text()
            .contains("not valid JSON here")
    );
    assert!(rows(data.path()) == before, "something was stored");
    assert_eq!(browser.errors(), Vec::<String>::new());
}

#[test]
#[expect(clippy::too_many_lines, reason = "one walk of a person, step by step")]
fn everything_works_without_javascript() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let order = r#"{"key":"J-1","placed_at":"2026-11-21","customer":{"email":"a@b,example"},"lines":[{"sku":"S-1","unit_price":"x"}]}"#;
    send(&server, order);
    let found = rejection(&server, "J-1");
    let path = page_of(&found);
    let cookie = sign_in_by_form(&server, "one");
    let before = rows(data.path());
    let page = cookie.get(&server, &path);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("2 errors"), "{}", page.text());
    // A button of a hint, as the page has it.
    let button = page.text().split("name=\"apply\" value=\"").nth(1).unwrap();
    let button = button.split('"').next().unwrap().replace("&quot;", "\"");
    let page = post(
        &server,
        &cookie,
        &path,
        &[("text", order), ("apply", &button)],
    );
    assert_eq!(page.status, 200);
    assert!(page.text().contains("1 error"), "{}", page.text());
    assert!(page.text().contains("a@b.example"));
    // A field beside a fault, and the button that would send: there is still a fault.
    let text = order.replace("a@b,example", "a@b.example");
    let field = [
        ("text", text.as_str()),
        ("pointer", "/lines/0/unit_price"),
        ("code", "not_number"),
        ("was", "x"),
        ("value", "y"),
        ("do", "send"),
    ];
    let page = post(&server, &cookie, &path, &field);
    assert_eq!(page.status, 422, "{}", page.text());
    assert!(
        page.text().contains("&quot;unit_price&quot;:&quot;y&quot;"),
        "{}",
        page.text()
    );
    let page = post(
        &server,
        &cookie,
        &path,
        &[("text", &text), ("do", "format")],
    );
    assert!(
        page.text()
            .contains("{\n  &quot;key&quot;: &quot;J-1&quot;,\n"),
        "{}",
        page.text()
    );
    let foreign = server.send(
        &cookie
            .on(crate::support::client::Request::new("POST", &path))
            .body("do=send&csrf=wrong"),
    );
    assert_eq!(foreign.status, 403);
    assert!(rows(data.path()) == before, "something was stored");
    let mut field = field;
    field[4].1 = "12.50";
    let sent = post(&server, &cookie, &path, &field);
    assert_eq!(
        (sent.status, sent.header("location")),
        (303, Some(path.as_str())),
        "{}",
        sent.text()
    );
    let now = rejection(&server, "J-1");
    assert_eq!(
        stored_text(&server, &now),
        text.replace("\"x\"", "\"12.50\"")
    );
    let page = cookie.get(&server, &path);
    assert!(
        page.text().contains("Mended and accepted"),
        "{}",
        page.text()
    );
    // Whoever has it open still is told.
    let late = post(&server, &cookie, &path, &[("text", &text), ("do", "send")]);
    let expected = format!("{path}?late=1");
    assert_eq!(
        (late.status, late.header("location")),
        (303, Some(expected.as_str()))
    );
    assert!(
        cookie
            .get(&server, &expected)
            .text()
            .contains("Somebody else mended")
    );
}

#[test]
fn an_order_is_dismissed_with_a_note() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    send(&server, r#"{"key":"D-1","lines":[]}"#);
    let found = rejection(&server, "D-1");
    let browser = open(&server, NARROW, "one", &page_of(&found));
    browser.find("details.aside summary").click();
    browser.find("[name=note]").fill("A <test>");
    browser.labelled("main", "Dismiss").click();
    browser.wait("document.querySelector('.notice')?.textContent.includes('Dismissed')");
    let now = rejection(&server, "D-1");
    assert_eq!(now["status"], "dismissed");
    assert_eq!(now["dismissed"]["note"], "A <test>");
    assert!(browser.find("main").text().contains("A <test>"));
}

#[test]
fn another_tenants_rejection_does_not_exist() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    send(
        &server,
        r#"{"key":"X-1","placed_at":"2026-11-21","lines":[]}"#,
    );
    let path = page_of(&rejection(&server, "X-1"));
    let cookie = sign_in_by_form(&server, "other");
    let before = rows(data.path());
    assert_eq!(cookie.get(&server, &path).status, 404);
    let order = r#"{"key":"X-1","placed_at":"2026-11-21","lines":[{"sku":"S"}]}"#;
    let sent = post(&server, &cookie, &path, &[("text", order), ("do", "send")]);
    assert_eq!(sent.status, 404);
    let dismissed = post(&server, &cookie, &format!("{path}/dismiss"), &[]);
    assert_eq!(dismissed.status, 404);
    let list = cookie.get(&server, "/console/errors");
    assert!(
        list.text().contains("There are no open errors"),
        "{}",
        list.text()
    );
    assert!(rows(data.path()) == before, "something was stored");
    // A key that only reads sees the order with its marks, and no button.
    let reader = sign_in_by_form(&server, "reader");
    let page = reader.get(&server, &path);
    assert!(page.text().contains("<mark"), "{}", page.text());
    assert!(!page.text().contains("value=\"send\"") && !page.text().contains("/dismiss\""));
    assert_eq!(
        id_of(&rejection(&server, "X-1")),
        path.rsplit('/').next().unwrap()
    );
}
