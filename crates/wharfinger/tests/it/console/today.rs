//! The first page: what came in, what is wrong with it, and whether it goes on.

use serde_json::json;

use super::{NARROW, WIDE, admin, open, show, sign_in, sign_in_by_form};
use crate::support::browser::Browser;
use crate::support::client::Request;
use crate::support::database;
use crate::support::fixture;
use crate::support::server::{Server, program, run};
use crate::support::sse::Events;
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
        assert_eq!(browser.text_of("h1"), "Today");
        let text = browser.text_of(".start");
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
    let row = browser.text_of("[data-live=latest] tbody tr");
    assert!(row.contains("TRK001") && row.contains("partial"), "{row}");
    // And the next one, without loading the page again.
    browser.run("window.isSame = true", &[]);
    submit(&server, "TRK002", &[order("T-1")]);
    browser.wait("document.querySelectorAll('[data-live=latest] tbody tr').length === 2");
    assert_eq!(browser.run("return window.isSame", &[]), true);
    assert_eq!(browser.errors(), Vec::<String>::new());
}

/// The page is live by one stream. It shows what other people do too, and leaves what a person works with.
#[test]
fn what_happens_appears_without_loading_the_page() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (_, ids) = submit(&server, "TRK001", &[order("L-1")]);
    let browser = open(&server, WIDE, "full", "/console?span=1h");
    let scriptless = Browser::start_without_scripts(NARROW.0, NARROW.1);
    show(&scriptless, &server, "/console?span=1h");
    sign_in(&scriptless, "full");
    browser.run(
        "window.isSame = true; window.requests = performance.getEntriesByType('resource').length",
        &[],
    );
    browser.find(".plot summary").click();
    browser.wait("document.querySelector('.ages')?.innerText.includes('L-1')");
    // A rejected order, and one that another person processes.
    submit(&server, "TRK001", &[wrong("L-2")]);
    browser.wait(
        "document.querySelector('.causes tbody tr')?.innerText.includes('/lines/*/quantity')",
    );
    browser.wait("document.querySelectorAll('[data-live=latest] tbody tr').length === 2");
    let process = format!("/v1/orders/{}/process", ids[0]);
    assert_eq!(server.send(&request("POST", &process, "full")).status, 200);
    browser.wait("!document.querySelector('.ages')");
    // The same page, and the table that was opened is still open.
    assert_eq!(browser.run("return window.isSame", &[]), true);
    assert_eq!(
        browser.run("return document.querySelector('.plot details').open", &[]),
        true
    );
    // The page itself was not read again: everything came by the stream.
    let read = "return performance.getEntriesByType('resource').filter((one) => one.initiatorType === 'fetch').length";
    assert_eq!(browser.run(read, &[]), 0);
    // A part in which a person is stays, until they leave it.
    browser.run(
        "document.querySelector('[data-live=latest] a').focus()",
        &[],
    );
    submit(&server, "TRK001", &[order("L-3")]);
    browser.wait("document.querySelector('.ages')?.innerText.includes('L-3')");
    assert_eq!(
        browser.run(
            "return document.querySelectorAll('[data-live=latest] tbody tr').length",
            &[]
        ),
        2
    );
    browser.run("document.activeElement.blur()", &[]);
    browser.wait("document.querySelectorAll('[data-live=latest] tbody tr').length === 3");
    // Without scripts, the page is right when it is loaded.
    assert!(scriptless.find(".ages").text().contains("L-1"));
    show(&scriptless, &server, "/console?span=1h");
    assert!(scriptless.find(".ages").text().contains("L-3"));
    assert_eq!(browser.errors(), Vec::<String>::new());
}

#[test]
fn a_live_page_finds_the_server_again_and_leads_to_the_form_when_its_session_ends() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let address = server.address.to_string();
    submit(&server, "TRK001", &[order("R-1")]);
    let browser = open(&server, WIDE, "full", "/console");
    browser.wait("document.querySelectorAll('[data-live=latest] tbody tr').length === 1");
    browser.run("window.isSame = true", &[]);
    // A stream does not hold up a server that stops.
    server.terminate();
    let (status, _) = server.wait();
    assert!(status.success());
    let mut command = program();
    command.args(["serve", "--listen", &address, "--log", "error"]);
    database::aim(&mut command, data.path());
    let server = Server::spawn(command);
    submit(&server, "TRK001", &[order("R-2")]);
    browser.wait("document.querySelectorAll('[data-live=latest] tbody tr').length === 2");
    assert_eq!(browser.run("return window.isSame", &[]), true);
    let revoked = run(data.path(), &["key", "revoke", "full"]);
    assert!(revoked.status.success(), "{revoked:?}");
    browser.wait("document.querySelector('[name=secret]')");
}

#[test]
fn a_stream_is_of_one_session_and_there_are_only_so_many() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[order("MINE-1")]);
    submit(&server, "TRK002", &[order("THEIRS-1")]);
    let (one, other) = (
        sign_in_by_form(&server, "one"),
        sign_in_by_form(&server, "other"),
    );
    let stream = |cookie: &super::Cookie, query: &str| {
        let request = cookie.on(Request::new("GET", &format!("/console/live{query}")));
        Events::open(server.address, &request)
    };
    let parts = |events: &mut Events| {
        let event = events.next().expect("an event");
        assert_eq!(event.kind, "parts");
        event.data.to_string()
    };
    // Two of the same view, and one of others.
    let (mut first, mut second) = (stream(&one, ""), stream(&one, ""));
    let mut theirs = stream(&other, "");
    let begun = parts(&mut first);
    assert!(
        begun.contains("MINE-1") && !begun.contains("THEIRS"),
        "{begun}"
    );
    assert_eq!(parts(&mut second), begun);
    assert!(parts(&mut theirs).contains("THEIRS-1"));
    submit(&server, "TRK001", &[order("MINE-2")]);
    // Only what has changed is sent.
    let changed = first.next().expect("an event").data;
    assert!(
        changed["flow"].as_str().unwrap().contains("MINE-2"),
        "{changed}"
    );
    assert_eq!(changed.get("causes"), None, "{changed}");
    for query in ["?organisation=TRK002", "?organisation=NOWHERE"] {
        assert_eq!(stream(&one, query).status, 404, "{query}");
    }
    let writer = sign_in_by_form(&server, "writer");
    assert_eq!(stream(&writer, "").status, 403);
    let nobody = Events::open(server.address, &Request::new("GET", "/console/live"));
    assert_eq!(nobody.status, 303);
    let mut open: Vec<_> = (0..18).map(|_| stream(&one, "?span=30d")).collect();
    assert!(open.iter().all(|stream| stream.status == 200));
    assert_eq!(stream(&one, "").status, 429);
    assert_eq!(stream(&other, "").status, 200);
    // The streams of a person who signs out end.
    let out = one.on(Request::new("POST", "/console/sign-out"));
    server.send(&out.body(format!("csrf={}", one.csrf(&server))));
    // Also if something changes at once: nothing of it is sent any more.
    submit(&server, "TRK001", &[order("MINE-3")]);
    let mut kinds = Vec::new();
    while let Some(event) = first.next() {
        let data = event.data.to_string();
        assert!(!data.contains("MINE-3"), "{data}");
        kinds.push(event.kind);
    }
    assert_eq!(kinds.last().map(String::as_str), Some("over"));
    assert_eq!(last(&mut second).as_deref(), Some("over"));
    assert!(second.is_whole);
    assert!(
        open.iter_mut()
            .all(|stream| last(stream).as_deref() == Some("over"))
    );
    assert_eq!(theirs.status, 200);
}

/// Reads a stream to its end. Returns the kind of its last event.
fn last(events: &mut Events) -> Option<String> {
    let mut kind = None;
    while let Some(event) = events.next() {
        kind = Some(event.kind);
    }
    kind
}

#[test]
fn open_orders_are_counted_and_the_oldest_are_named() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    submit(&server, "TRK001", &[order("OLD-1"), order("OLD-2")]);
    let browser = open(&server, NARROW, "full", "/console");
    let waiting = browser.text_of(".ages");
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
    let figures = browser.text_of(".figures");
    assert!(figures.contains("Accepted\n2\n"), "{figures}");
    assert!(figures.contains("Rejected\n2\n"), "{figures}");
    assert!(figures.contains("0 the same time yesterday"), "{figures}");
    let cause = browser.text_of(".causes tbody tr");
    assert!(cause.contains("/lines/*/quantity"), "{cause}");
    let link = browser.wait("document.querySelector('.causes tbody a').href");
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
