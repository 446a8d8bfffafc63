//! Checks every route of every dialect, from the route table: all require authentication, and refusals store nothing.

use std::path::Path;

use wharfinger::http::dialect_routes;
use wharfinger::store::Options;
use wharfinger::store::Store;

use crate::support::client::Request;
use crate::support::database::open_store;
use crate::support::fixture::{self, basic, secret_of};
use crate::support::server::Server;

/// The routes that need a key, but no scope.
const OPEN_TO_EVERY_KEY: [&str; 2] = ["/v1/limits", "/v1/whoami"];

/// A request with a fixture key in all header fields that dialects read. Each dialect uses one of them.
fn authenticated(request: Request, template: &str, key: &str) -> Request {
    let authorization = if template.starts_with("/v1/") {
        format!("Bearer {}", secret_of(key))
    } else {
        basic(key)
    };
    request
        .header("authorization", authorization)
        .header("api-authorization", secret_of(key))
        .header("access_key", secret_of(key))
        .header("site_id", "TRK001")
}

/// A path that matches the template.
fn filled(template: &str) -> String {
    let mut path = String::new();
    for segment in template.split('/').skip(1) {
        path.push('/');
        path.push_str(if segment.starts_with('{') {
            "TRK001"
        } else {
            segment
        });
    }
    path
}

/// Asserts that nothing was stored: no order, no receipt, no event.
fn assert_nothing_stored(data: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = open_store(data, &Options::default());
        let store: &Store = &store;
        let report = store.check().await.unwrap();
        assert_eq!(report.faults, Vec::<String>::new());
        assert_eq!((report.orders, report.batches, report.events), (0, 0, 0));
        let directory = store.directory(None).await.unwrap().unwrap();
        for organisation in directory.organisations.values() {
            let events = store.events(organisation.id, 0, 10).await.unwrap();
            assert_eq!(events, Vec::new());
        }
        store.close().await;
    });
}

#[test]
fn no_route_answers_without_a_key() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let routes = dialect_routes();
    assert!(routes.len() >= 10, "the route table is empty");
    for (method, template, dialect) in routes {
        let request = Request::new(method, &filled(template)).body("[]");
        let response = server.send(&request);
        assert_eq!(response.status, 401, "{dialect}: {method} {template}");
        let challenge = response.header("www-authenticate");
        assert!(challenge.is_some(), "{dialect}: {method} {template}");
        assert!(response.header("x-request-id").is_some());
    }
    drop(server);
    assert_nothing_stored(data.path());
}

#[test]
fn no_route_answers_a_wrong_key_differently_from_none() {
    let data = fixture::data_directory();
    for (method, template, dialect) in dialect_routes() {
        // Each route gets its own server: after twenty wrong keys per minute the status changes.
        let server = Server::start(data.path());
        let request = Request::new(method, &filled(template));
        let without = server.send(&request.clone().body("[]"));
        let wrong = request
            .header("authorization", "Basic ZnVsbDp3cm9uZw==")
            .header("api-authorization", "wrong")
            .header("access_key", "wrong")
            .body("[]");
        let wrong = server.send(&wrong);
        let place = format!("{dialect}: {method} {template}");
        assert_eq!(wrong.status, without.status, "{place}");
        assert_eq!(wrong.text(), without.text(), "{place}");
    }
}

#[test]
fn no_route_answers_a_key_without_its_scope() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    for (method, template, dialect) in dialect_routes() {
        if OPEN_TO_EVERY_KEY.contains(&template) {
            continue;
        }
        // Clients that send orders use this route to check their key.
        let is_for_senders = method != "GET" || template.starts_with("/v4/organisations");
        let wrong_key = if is_for_senders { "reader" } else { "writer" };
        let request = Request::new(method, &filled(template)).body("[]");
        let response = server.send(&authenticated(request, template, wrong_key));
        assert_eq!(response.status, 403, "{dialect}: {method} {template}");
    }
    drop(server);
    assert_nothing_stored(data.path());
}

#[test]
fn further_wrong_keys_are_429_and_a_right_one_still_passes() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let (method, template, _) = dialect_routes()[0];
    let without = Request::new(method, &filled(template)).body("[]");
    let wrong = without
        .clone()
        .header("authorization", "Basic ZnVsbDp3cm9uZw==");
    for _ in 0..20 {
        assert_eq!(server.send(&wrong).status, 401);
    }
    let refused = server.send(&wrong);
    assert_eq!(refused.status, 429);
    assert_eq!(server.send(&without).status, 401, "no key is no guess");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=61).contains(&wait));
    let right = authenticated(without, template, "full");
    assert!(![401, 429].contains(&server.send(&right).status));
}

#[test]
fn other_paths_and_methods_are_told_so() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let unknown = server.send(&Request::new("GET", "/nowhere"));
    assert_eq!(unknown.status, 404);
    assert_eq!(
        unknown.header("content-type"),
        Some("application/problem+json")
    );
    let routes = dialect_routes();
    for &(method, template, dialect) in &routes {
        let is_taken = |method: &str| {
            let mut routes = routes.iter();
            routes.any(|(taken, of, _)| *taken == method && *of == template)
        };
        let methods = ["PATCH", "DELETE", "PUT"];
        let other = methods.into_iter().find(|method| !is_taken(method));
        let other = other.expect("no path takes them all");
        let response = server.send(&Request::new(other, &filled(template)));
        let allow = response.header("allow").unwrap_or_default();
        assert_eq!(response.status, 405, "{dialect}: {template}");
        assert!(
            allow.split(", ").any(|allowed| allowed == method),
            "{allow}"
        );
    }
}
