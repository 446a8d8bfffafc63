//! What a key's scopes and organisations leave of the pages.

use serde_json::json;

use super::{NARROW, WIDE, open, sign_in_by_form};
use crate::support::client::Request;
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::v1::{batch_id, get, order, submit};

/// The content of a page, without its navigation.
fn main_of(page: &str) -> &str {
    page.split("<main").nth(1).expect("a page has a main part")
}

#[test]
fn a_key_that_only_reads_is_not_invited_to_write() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let mut wrong = order("R-2");
    wrong["lines"][0]["quantity"] = json!(-1);
    let (answer, ids) = submit(&server, "TRK001", &[order("R-1"), wrong]);
    let batch = batch_id(&answer).to_owned();
    let rejection = get(&server, "/v1/rejections?organisation=TRK001");
    let rejection = rejection["data"][0]["id"].as_str().unwrap().to_owned();
    let cause = "/console/errors/cause?dialect=native&code=below_minimum&pointer=/lines/*/quantity";
    let pages = [
        "/console".to_owned(),
        "/console/errors".to_owned(),
        cause.to_owned(),
        format!("/console/rejections/{rejection}"),
        format!("/console/batches/{batch}"),
        "/console/batches".to_owned(),
        "/console/batches?key_id=nobody".to_owned(),
        "/console/orders".to_owned(),
        format!("/console/orders/{}", ids[0]),
        "/console/held".to_owned(),
    ];
    let words = [
        ">Mend<",
        "Mend all",
        "Send again",
        ">Dismiss",
        ">Release",
        ">Refuse",
        ">Cancel the order",
        "Upload",
        "Mend one",
        "Mark as processed",
        "method=\"post\"",
    ];
    let reader = sign_in_by_form(&server, "reader");
    let full = sign_in_by_form(&server, "full");
    let mut invited = 0;
    for path in &pages {
        let page = reader.get(&server, path);
        assert_eq!(page.status, 200, "{path}");
        for word in words {
            assert!(!main_of(page.text()).contains(word), "{word} on {path}");
        }
        let page = full.get(&server, path);
        invited += usize::from(words.iter().any(|word| main_of(page.text()).contains(word)));
    }
    assert!(invited >= 5, "a key that writes is invited");
}

#[test]
fn a_key_that_only_sends_sees_what_it_can_do() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for size in [WIDE, NARROW] {
        let browser = open(&server, size, "writer", "/console");
        browser.find_text("h1", "Start");
        let text = browser.find("main").text();
        let request = format!(
            "curl 'http://{}/v1/batches?organisation=TRK001'",
            server.address
        );
        assert!(text.contains(&request), "{text}");
        assert!(
            !text.contains("cannot be shown") && !text.contains("lacks"),
            "{text}"
        );
        assert_eq!(browser.count_shown("main [role=alert], main .notice"), 0);
        super::orders::assert_fits(&browser);
        browser.find("main a.button.main").click();
        browser.wait("location.pathname === '/console/upload'");
        assert_eq!(browser.errors(), Vec::<String>::new());
    }
}

/// An organisation of others is as unknown as one that does not exist, on every list.
#[test]
fn another_tenants_organisation_does_not_exist() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    submit(&server, "TRK002", &[order("THEIRS")]);
    let one = sign_in_by_form(&server, "one");
    for code in ["TRK002", "NOWHERE", "%3Cscript%3E"] {
        for path in [
            "/console?",
            "/console/orders?",
            "/console/orders?q=A&",
            "/console/held?",
            "/console/batches?",
            "/console/errors?",
            "/console/errors/cause?dialect=native&code=required&",
        ] {
            let page = one.get(&server, &format!("{path}organisation={code}"));
            assert_eq!(page.status, 404, "{path} {code}");
            assert!(!page.text().contains("THEIRS") && !page.text().contains("<script>"));
        }
    }
    // What else is wrong with a search is told beside it.
    let page = one.get(&server, "/console/orders?by=number&q=seven");
    assert_eq!(page.status, 400);
    let page = server.send(&one.on(Request::new("GET", "/console/batches?from=soon")));
    assert_eq!(page.status, 400);
    assert!(page.text().contains("role=\"alert\""), "{}", page.text());
}
