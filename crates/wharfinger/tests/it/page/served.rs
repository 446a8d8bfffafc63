//! The files of the page, as the server sends them.

use std::collections::BTreeSet;

use wharfinger::http::openapi::document;
use wharfinger_core::order::failure::RequestFailure;
use wharfinger_core::order::problem::Code;

use crate::support::client::Request;
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::v1::request;

#[test]
fn the_server_serves_the_document_and_a_page_that_fetches_nothing_from_elsewhere() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let served = server.send(&Request::new("GET", "/openapi.json"));
    assert_eq!(served.header("content-type"), Some("application/json"));
    assert_eq!(served.json(), document());
    let page = server.send(&Request::new("GET", "/docs"));
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let mut targets = vec!["/docs".to_owned(), "/docs/page.css".to_owned()];
    targets.extend(scripts(&server, "/docs/page.js"));
    assert!(targets.len() > 5, "{targets:?}");
    for target in targets {
        let response = server.send(&Request::new("GET", &target));
        assert_eq!(response.status, 200, "{target}");
        assert!(response.header("content-security-policy").is_some());
        for elsewhere in ["http:", "https:", "//cdn", "@import", "url("] {
            assert!(
                !response.text().contains(elsewhere),
                "{target}: {elsewhere}"
            );
        }
    }
}

/// A script of the page, and all scripts that it imports.
fn scripts(server: &Server, target: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::from([target.to_owned()]);
    let mut unread = vec![target.to_owned()];
    while let Some(target) = unread.pop() {
        let text = server.send(&Request::new("GET", &target));
        for import in text.text().split(" from \"./").skip(1) {
            let name = import.split('"').next().unwrap();
            let target = format!("/docs/{name}");
            if found.insert(target.clone()) {
                unread.push(target);
            }
        }
    }
    found
}

#[test]
fn every_code_has_its_anchor() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let page = server.send(&Request::new("GET", "/docs"));
    let failures = RequestFailure::examples();
    let ids = failures.iter().map(RequestFailure::id);
    for id in ids.chain(Code::EXAMPLES.iter().map(Code::id)) {
        let anchor = format!("<tr id=\"{id}\">");
        assert_eq!(page.text().matches(&anchor).count(), 1, "{id}");
    }
    let refused = server.send(&request("GET", "/v1/orders/7", "full")).json();
    let place = refused["type"].as_str().unwrap().strip_prefix("/docs#");
    let anchor = format!("<tr id=\"{}\">", place.unwrap());
    assert!(page.text().contains(&anchor), "{anchor}");
}
