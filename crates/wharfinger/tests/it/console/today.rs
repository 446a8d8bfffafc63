//! The first page: what came in, what is wrong with it, and whether it goes on.

use serde_json::json;

use super::{NARROW, WIDE, admin, open, show, sign_in_by_form};
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::v1::{order, request, submit};

/// An order that is refused because of its first line.
fn wrong(key: &str) -> serde_json::Value {
    let mut order = order(key);
    order["lines"][0]["quantity"] = json!(-1);
    order
}

#[test]
fn an_operator_with_an_empty_store_is_told_how_to_send_a_first_order() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for size in [WIDE, NARROW] {
        let browser = open(&server, size, "one", "/console");
        assert_eq!(browser.find("h1").text(), "Today");
        let text = browser.find(".start").text();
        let expected = format!(
            "curl 'http://{}/v1/batches?organisation=TRK001'",
            server.address
        );
        assert!(text.contains(&expected), "{text}");
        assert_eq!(browser.errors(), Vec::<String>::new());
    }
    // A key that only reads is not told to send.
    let cookie = sign_in_by_form(&server, "reader");
    let page = cookie.get(&server, "/console");
    assert!(!page.text().contains("curl "), "{}", page.text());
}

#[test]
fn a_first_order_appears_while_the_page_is_open() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = open(&server, WIDE, "full", "/console");
    browser.find(".start");
    let (answer, _) = submit(
        &server,
        "TRK001",
        &[order("T-1"), order("T-2"), wrong("T-3")],
    );
    assert_eq!(answer.status, 207);
    browser.wait("document.querySelector('[data-live=latest] tbody tr')");
    let row = browser.find("[data-live=latest] tbody tr").text();
    assert!(row.contains("TRK001") && row.contains("partial"), "{row}");
    // And the next one, without loading the page again.
    browser.run("window.isSame = true", &[]);
    submit(&server, "TRK002", &[order("T-1")]);
    browser.wait("document.querySelectorAll('[data-live=latest] tbody tr').length === 2");
    assert_eq!(browser.run("return window.isSame", &[]), true);
    assert_eq!(browser.errors(), Vec::<String>::new());
}

#[test]
fn open_orders_are_counted_and_the_oldest_are_named() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[order("OLD-1"), order("OLD-2")]);
    let browser = open(&server, NARROW, "full", "/console");
    let waiting = browser.find(".ages").text();
    assert!(
        waiting.contains("OLD-1") && waiting.contains("OLD-2"),
        "{waiting}"
    );
}

#[test]
fn another_tenants_orders_are_not_there() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[order("MINE-1"), wrong("MINE-2")]);
    submit(&server, "TRK002", &[order("THEIRS-1")]);
    let one = sign_in_by_form(&server, "one");
    let page = one.get(&server, "/console");
    assert!(page.text().contains("MINE-1"), "{}", page.text());
    assert!(!page.text().contains("THEIRS") && !page.text().contains("TRK002"));
    // An organisation of others is as unknown as one that does not exist.
    for code in ["TRK002", "NOWHERE", "%3Cscript%3E"] {
        let page = one.get(&server, &format!("/console?organisation={code}"));
        assert_eq!(page.status, 404, "{code}");
        assert!(!page.text().contains("<script>"));
    }
    // A key that reaches several chooses.
    let full = sign_in_by_form(&server, "full");
    let page = full.get(&server, "/console?organisation=TRK002");
    assert!(page.text().contains("THEIRS-1") && !page.text().contains("MINE-1"));
    assert!(
        page.text().contains(r#"<option value="TRK002" selected"#),
        "{}",
        page.text()
    );
}

#[test]
fn hostile_texts_are_only_texts() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let hostile = "<script>alert(1)</script>\u{202e}\"'><img src=x onerror=alert(1)>";
    let (answer, _) = submit(&server, "TRK001", &[order(hostile)]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let browser = open(&server, WIDE, "full", "/console");
    browser.find(".ages");
    assert_eq!(browser.count_shown("main img"), 0);
    assert_eq!(
        browser.run(
            "return document.querySelectorAll('script:not([src])').length",
            &[]
        ),
        0
    );
    let cookie = sign_in_by_form(&server, "full");
    let target = "/console?span=%3Cscript%3E&done=%3Cscript%3E&organisation=";
    let page = cookie.get(&server, target);
    assert!(!page.text().contains("<script>"), "{}", page.text());
    assert_eq!(browser.errors(), Vec::<String>::new());
}

#[test]
fn the_page_is_small_and_makes_few_requests() {
    let data = fixture::data_directory();
    let (id, secret) = admin(data.path());
    let server = Server::start(data.path());
    for number in 0..20 {
        submit(
            &server,
            "TRK001",
            &[order(&format!("S-{number}")), wrong("W-1")],
        );
    }
    let cookie = super::Cookie::of(&server, &id, &secret);
    for span in ["1h", "24h", "30d"] {
        let page = cookie.get(&server, &format!("/console?span={span}"));
        assert_eq!(page.status, 200);
        let files: Vec<_> = page
            .text()
            .split('"')
            .filter(|part| part.starts_with("/console/files/"))
            .collect();
        let files = files.iter().map(|file| {
            server
                .send(&crate::support::client::Request::new("GET", file))
                .body
                .len()
        });
        let bytes = page.body.len() + files.sum::<usize>();
        assert!(bytes < 100 << 10, "{span}: {bytes} bytes");
    }
}

/// What the page shows is what the API says.
#[test]
fn figures_and_causes_are_those_of_the_api() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (answer, _) = submit(
        &server,
        "TRK001",
        &[order("F-1"), order("F-2"), wrong("F-3"), wrong("F-4")],
    );
    assert_eq!(answer.status, 207);
    let stats = server.send(&request("GET", "/v1/stats", "full"));
    assert_eq!(stats.status, 200, "{}", stats.text());
    let browser = open(&server, WIDE, "full", "/console?span=1h");
    let figures = browser.find(".figures").text();
    assert!(figures.contains("Accepted\n2\n"), "{figures}");
    assert!(figures.contains("Rejected\n2\n"), "{figures}");
    assert!(figures.contains("0 the same time yesterday"), "{figures}");
    let cause = browser.find(".causes tbody tr").text();
    assert!(cause.contains("/lines/*/quantity"), "{cause}");
    let link = browser.find(".causes tbody a").property("href");
    let link = link.as_str().unwrap();
    assert!(link.contains("/console/errors/cause?dialect="), "{link}");
    assert!(link.contains("pointer=%2Flines%2F*%2Fquantity"), "{link}");
    // The table behind the plot has the same numbers.
    browser.find(".plot summary").click();
    // They are in the row of a minute, and perhaps of the one before.
    let script = "return [...document.querySelectorAll('.plot tbody tr')].map((row) =>
        [...row.querySelectorAll('.number')].map((cell) => Number(cell.textContent)))";
    let rows = browser.run(script, &[]);
    let sums = rows.as_array().unwrap().iter().fold([0; 5], |sums, row| {
        std::array::from_fn(|at| sums[at] + row[at].as_u64().unwrap())
    });
    assert_eq!(sums, [2, 0, 0, 0, 2]);
    show(&browser, &server, "/console?span=30d");
    assert_eq!(
        browser.run(
            "return document.querySelectorAll('.plot tbody tr').length",
            &[]
        ),
        30
    );
}
