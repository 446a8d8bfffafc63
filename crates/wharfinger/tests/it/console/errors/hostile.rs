//! Texts that try to be more than text, and orders that are very large.

use super::super::{NARROW, open, show, sign_in_by_form};
use super::{page_of, rejection, send};
use crate::support::fixture;
use crate::support::server::Server;

/// Markup, quotes, marks that turn the direction, and letters without width.
const HOSTILE: &str = "</textarea><script>window.taken=1</script><img src=x onerror=window.taken=1>'`\u{202e}\u{2066}\u{200b}";

#[test]
fn hostile_texts_are_texts_on_every_page() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let mut order = serde_json::json!({"key": "H-1", "placed_at": HOSTILE, "lines": [{"sku": "S", "quantity": HOSTILE}]});
    order[HOSTILE] = HOSTILE.into();
    let batch = send(&server, &order.to_string());
    let found = rejection(&server, "H-1");
    let browser = open(&server, NARROW, "one", "/console/errors");
    let cause = |fault: &serde_json::Value| {
        let text = |name: &str| fault[name].as_str().unwrap().replace("/0/", "/*/");
        format!(
            "/console/errors/cause?dialect=native&code={}&pointer={}",
            text("code"),
            text("pointer")
        )
    };
    let mut pages = vec![
        "/console/errors".to_owned(),
        page_of(&found),
        format!("/console/batches/{batch}"),
        "/console/batches".to_owned(),
    ];
    pages.extend(found["errors"].as_array().unwrap().iter().map(cause));
    for path in pages {
        show(&browser, &server, &path);
        browser.find("h1");
        let harmed =
            "return [window.taken ?? 0, document.querySelectorAll('main script, main img').length]";
        assert_eq!(
            browser.run(harmed, &[]),
            serde_json::json!([0, 0]),
            "{path}"
        );
        // Outside of the editor nothing is invisible.
        let hidden = "const main = document.querySelector('main').cloneNode(true);
            for (const one of main.querySelectorAll('textarea, #behind')) one.remove();
            return /[\\u202a-\\u202e\\u2066-\\u2069\\u200b]/.test(main.textContent)";
        assert_eq!(browser.run(hidden, &[]), false, "{path}");
        assert_eq!(browser.errors(), Vec::<String>::new(), "{path}");
    }
    show(&browser, &server, &page_of(&found));
    let kept = browser.find("#text").value();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&kept).unwrap(),
        order
    );
}

#[test]
fn ten_thousand_faults_are_cut_with_a_count() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let line = r#"{"sku":"","quantity":-1}"#;
    let lines = vec![line; 10_000].join(",");
    let batch = send(
        &server,
        &format!(r#"{{"key":"F-1","placed_at":"2026-11-21","lines":[{lines}]}}"#),
    );
    let found = rejection(&server, "F-1");
    // The server keeps the first thousand, and lists twenty.
    assert_eq!(found["errors_total"], 1_000);
    assert_eq!(found["errors"].as_array().unwrap().len(), 20);
    let cookie = sign_in_by_form(&server, "one");
    for path in [page_of(&found), format!("/console/batches/{batch}")] {
        let page = cookie.get(&server, &path);
        assert_eq!(page.status, 200);
        assert!(
            page.text().contains("950 more errors are not shown"),
            "{path}"
        );
        assert!(page.text().matches("<mark").count() <= 50, "{path}");
        assert!(
            page.text().len() < 1_500_000,
            "{path}: {}",
            page.text().len()
        );
    }
    let pages = [
        "/console/errors".to_owned(),
        "/console/batches".to_owned(),
        format!("/console/batches/{batch}?outcome=all"),
    ];
    for path in pages {
        let page = cookie.get(&server, &path);
        assert_eq!(page.status, 200, "{path}");
        assert!(page.text().len() < 100_000, "{path}: {}", page.text().len());
    }
}

#[test]
fn an_order_of_a_mebibyte_is_mended() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let order = |email: &str| {
        let long = "é<&\"".replace('"', "\\\"").repeat(170_000);
        format!(
            r#"{{"key":"L-1","placed_at":"2026-11-21","customer":{{"email":"{email}"}},"lines":[{{"sku":"S"}}],"instructions":"x","metadata":{{"long":"{long}"}}}}"#
        )
    };
    assert!(order("").len() > 900_000 && order("").len() < 1 << 20);
    send(&server, &order("a@b,example"));
    let found = rejection(&server, "L-1");
    let browser = open(&server, NARROW, "one", &page_of(&found));
    browser.labelled("#faults", "Use a@b.example").click();
    browser.wait("document.querySelector('#faults-title').textContent === 'No errors'");
    browser.find("button[value=send]").click();
    browser.wait("document.querySelector('.notice.good a')");
    let now = rejection(&server, "L-1");
    assert!(super::stored_text(&server, &now) == order("a@b.example"));
}

#[test]
fn a_text_that_is_no_json_is_mended() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let target = "/v1/batches?organisation=TRK001";
    let lines = "{\"key\":\"N-1\",'placed_at':\"2026-11-21\",\"lines\":[{\"sku\":\"S\"}]}\n";
    let request = crate::support::v1::request("POST", target, "one");
    let answer = server.send(
        &request
            .header("content-type", "application/x-ndjson")
            .body(lines),
    );
    let batch = crate::support::v1::batch_id(&answer).to_owned();
    let target = format!("/v1/rejections?batch={batch}");
    let listed = server
        .send(&crate::support::v1::request("GET", &target, "one"))
        .json();
    let found = listed["data"][0].clone();
    let browser = open(&server, NARROW, "one", &page_of(&found));
    assert_eq!(browser.find("#behind mark").property("textContent"), "'");
    let text = browser.find("#text");
    assert_eq!(text.value(), lines.trim_end());
    text.fill(&lines.trim_end().replace('\'', "\""));
    browser.wait("document.querySelector('#faults-title').textContent === 'No errors'");
    browser.find("button[value=send]").click();
    browser.wait("document.querySelector('.notice.good a')");
    assert_eq!(rejection_by(&server, &batch), "mended");
}

fn rejection_by(server: &Server, batch: &str) -> String {
    let target = format!("/v1/rejections?batch={batch}");
    let listed = server
        .send(&crate::support::v1::request("GET", &target, "one"))
        .json();
    listed["data"][0]["status"].as_str().unwrap().to_owned()
}
