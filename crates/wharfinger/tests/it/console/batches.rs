//! Batches and their receipts.

use serde_json::Value;

use super::{NARROW, WIDE, open, show, sign_in_by_form};
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::v1::{batch_id, get, request};

/// A batch of three orders for TRK001: one is new, one wrong, one the same again.
fn send(server: &Server, file: &str) -> String {
    let orders = r#"[{"key":"B-1","placed_at":"2026-11-21","lines":[{"sku":"S","unit_price":5.50}]},
        {"key":"B-2","placed_at":"2026-11-21","lines":[{"sku":"S","unit_price":"five"}]},
        {"key":"B-1","placed_at":"2026-11-21","lines":[{"sku":"S","unit_price":5.50}]}]"#;
    let request = request("POST", "/v1/batches?organisation=TRK001", "one");
    let answer = server.send(&request.header("wharfinger-file-name", file).body(orders));
    assert_eq!(answer.status, 207, "{}", answer.text());
    batch_id(&answer).to_owned()
}

#[test]
fn the_page_of_a_batch_shows_what_its_receipt_says() {
    for size in [WIDE, NARROW] {
        let data = fixture::data_directory();
        let server = Server::start(data.path());
        let batch = send(&server, "orders%20of%20%C3%A9t%C3%A9.json");
        let receipt = get(&server, &format!("/v1/batches/{batch}"));
        let browser = open(&server, size, "one", "/console/batches");
        let row = browser.find("tbody tr").text();
        for shown in [
            "orders of été.json",
            "one",
            "TRK001",
            "1 accepted",
            "1 unchanged",
            "1 rejected",
        ] {
            assert!(row.contains(shown), "{shown}: {row}");
        }
        browser.find("tbody a").click();
        browser.wait("document.querySelector('.facts')");
        browser.find_text("h1", "orders of été.json");
        // The rejected orders are shown first: the value at its place, and what is wrong beside it.
        assert_eq!(browser.find(".source mark").text(), "\"five\"");
        let line = browser.find(".line.bad").text();
        let message = rejected(&server, &batch)["errors"][0]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(line.contains(&message), "{line}");
        assert!(browser.find(".source").text().contains("\"key\": \"B-2\""));
        for outcome in ["accepted", "unchanged", "rejected"] {
            show(
                &browser,
                &server,
                &format!("/console/batches/{batch}?outcome={outcome}"),
            );
            let tab = browser.find(".switch [aria-current]").text();
            assert_eq!(tab, format!("{outcome} {}", receipt[outcome]));
        }
        show(
            &browser,
            &server,
            &format!("/console/batches/{batch}?outcome=all"),
        );
        assert_eq!(browser.count_shown("tbody tr"), 3);
        let order = get(&server, "/v1/orders?organisation=TRK001&key=B-1")["data"][0]["id"].clone();
        let links = "return [...document.querySelectorAll('tbody a')].map((a) => a.pathname)";
        let links = browser.run(links, &[]);
        let path = format!("/console/orders/{}", order.as_str().unwrap());
        assert_eq!(links[0], path.as_str());
        let rejection = format!(
            "/console/rejections/{}",
            rejected(&server, &batch)["id"].as_str().unwrap()
        );
        assert_eq!(links[1], rejection.as_str());
        let wide = "return document.documentElement.scrollWidth <= innerWidth";
        assert_eq!(browser.run(wide, &[]), true);
        assert_eq!(browser.errors(), Vec::<String>::new());
    }
}

fn rejected(server: &Server, batch: &str) -> Value {
    get(server, &format!("/v1/rejections?batch={batch}"))["data"][0].clone()
}

#[test]
fn batches_are_filtered_and_listed_page_by_page() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for at in 0..60 {
        let order =
            format!(r#"{{"key":"P-{at}","placed_at":"2026-11-21","lines":[{{"sku":"S"}}]}}"#);
        let request = request("POST", "/v1/batches?organisation=TRK002", "full").body(order);
        assert_eq!(server.send(&request).status, 200);
    }
    send(&server, "wrong.json");
    let cookie = sign_in_by_form(&server, "full");
    let rows = |query: &str| {
        let page = cookie.get(&server, &format!("/console/batches{query}"));
        assert_eq!(page.status, 200, "{query}: {}", page.text());
        let rows = page.text().matches("<tr>").count().saturating_sub(1);
        (rows, page.text().to_owned())
    };
    let (first, page) = rows("");
    assert_eq!(first, 50);
    let next = page
        .split("rel=\"next\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let next = next.replace("&amp;", "&");
    assert_eq!(rows(next.strip_prefix("/console/batches").unwrap()).0, 11);
    let today = get(&server, "/v1/batches?limit=1")["data"][0]["received_at"]
        .as_str()
        .unwrap()[..10]
        .to_owned();
    for (query, wanted) in [
        ("?organisation=TRK001", 1),
        ("?organisation=TRK002", 50),
        ("?status=partial", 1),
        ("?key_id=one", 1),
        ("?key_id=nobody", 0),
        ("?dialect=native&status=partial", 1),
        (&format!("?from={today}&to={today}&key_id=one"), 1),
        ("?to=2020-01-01", 0),
        ("?from=2099-01-01", 0),
    ] {
        assert_eq!(rows(query).0, wanted, "{query}");
    }
    assert!(
        rows("?key_id=nobody")
            .1
            .contains("No batch matches these filters")
    );
}

#[test]
fn another_tenants_batch_does_not_exist() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let batch = send(&server, "a.json");
    let cookie = sign_in_by_form(&server, "other");
    assert_eq!(
        cookie
            .get(&server, &format!("/console/batches/{batch}"))
            .status,
        404
    );
    let list = cookie.get(&server, "/console/batches");
    assert!(
        list.text().contains("No batch was received yet"),
        "{}",
        list.text()
    );
    assert_eq!(
        cookie
            .get(&server, "/console/batches?organisation=TRK001")
            .status,
        404
    );
    assert_eq!(
        cookie.get(&server, "/console/batches/not-an-id").status,
        404
    );
}
