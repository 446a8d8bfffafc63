//! Header fields for every route: those that make a request ambiguous, and those in every response.

use wharfinger_core::dialect::SampleKey;
use wharfinger_core::dialects;

use crate::support::changes::{administrator, assert_refused, changes};
use crate::support::client::{Connection, Request};
use crate::support::fixture::{self, secret_of};
use crate::support::server::Server;
use crate::support::stored::rows;
use crate::support::v1::request;

/// The head of each dialect's sample batch, without the framing of its body.
fn heads() -> Vec<(&'static str, String)> {
    let secret = secret_of("one");
    let key = SampleKey {
        organisation: "TRK001",
        id: "one",
        secret: &secret,
    };
    let heads = dialects::ALL.iter().map(|dialect| {
        let sample = dialect.samples(&key).batch;
        let mut head = format!("{} {} HTTP/1.1\r\n", sample.method, sample.target);
        for (name, value) in &sample.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        (dialect.id(), head)
    });
    heads.collect()
}

/// hyper would use only the last coding, and a proxy in front another one.
#[test]
fn other_transfer_codings_than_one_chunked_are_refused_and_the_connection_closed() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let before = rows(data.path());
    let body = "2\r\n[]\r\n0\r\n\r\n";
    for (dialect, head) in heads() {
        for codings in [
            "gzip, chunked",
            "chunked, chunked",
            "identity, chunked",
            "chunked\r\ntransfer-encoding: chunked",
            "gzip\r\ntransfer-encoding: chunked",
        ] {
            let mut connection = Connection::open(server.address);
            let first = connection.exchange(&Request::new("GET", "/healthz"));
            assert_eq!(first.unwrap().status, 200);
            let doubtful =
                format!("{head}host: test\r\ntransfer-encoding: {codings}\r\n\r\n{body}");
            connection.write(doubtful.as_bytes());
            let answer = connection.read().expect("the server answers");
            assert_refused(dialect, &answer, 400);
            assert_eq!(answer.header("connection"), Some("close"));
            assert!(answer.header("x-request-id").is_some());
            assert!(connection.is_closed(), "{dialect}: {codings}");
        }
    }
    // The same applies to paths outside the dialects.
    for target in ["/nowhere", "/healthz", "/docs"] {
        let mut connection = Connection::open(server.address);
        let head = format!("POST {target} HTTP/1.1\r\nhost: test\r\n");
        let doubtful = format!("{head}transfer-encoding: gzip, chunked\r\n\r\n{body}");
        connection.write(doubtful.as_bytes());
        assert_eq!(connection.read().unwrap().status, 400, "{target}");
        assert!(connection.is_closed(), "{target}");
    }
    assert!(rows(data.path()) == before, "something was stored");
}

#[test]
fn a_request_has_one_host() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let before = rows(data.path());
    let send = |text: String| {
        let mut connection = Connection::open(server.address);
        connection.write(text.as_bytes());
        connection.finish_writing();
        connection.read().expect("the server answers")
    };
    for (dialect, head) in heads() {
        for hosts in ["", "host: a\r\nhost: a\r\n", "host: a\r\nHost: b\r\n"] {
            let answer = send(format!("{head}{hosts}content-length: 2\r\n\r\n[]"));
            assert_refused(dialect, &answer, 400);
            assert!(answer.text().contains("Host"), "{}", answer.text());
        }
        // HTTP/1.0 requires no Host, and is served without it.
        let old = head.replace("HTTP/1.1", "HTTP/1.0");
        let two = format!("{old}host: a\r\nhost: b\r\ncontent-length: 2\r\n\r\n[]");
        assert_refused(dialect, &send(two), 400);
    }
    assert!(rows(data.path()) == before, "something was stored");
    let old = send("GET /healthz HTTP/1.0\r\n\r\n".into());
    assert_eq!(old.status, 200);
}

#[test]
fn answers_are_neither_guessed_at_nor_kept() {
    let data = fixture::data_directory();
    let secret = administrator(data.path());
    let server = Server::start(data.path());
    let mut requests = vec![
        request("GET", "/v1/orders", "full"),
        request("GET", "/v1/orders/none", "full"),
        request("GET", "/v1/events", "full").header("accept", "text/event-stream"),
        Request::new("GET", "/v1/orders"),
        Request::new("GET", "/nowhere"),
        Request::new("PATCH", "/v4/customer_orders"),
        Request::new("GET", "/v2/pendingorders").header("access_key", secret_of("one")),
        Request::new("GET", "/centra/TRK001/orders").header("api-authorization", secret_of("one")),
        Request::new("GET", "/healthz"),
        Request::new("GET", "/readyz"),
        Request::new("GET", "/metrics"),
    ];
    for change in changes(&server, &secret) {
        let keyed = change
            .request()
            .header("idempotency-key", change.to_string());
        requests.extend([keyed.clone(), keyed]);
    }
    for asked in &requests {
        let mut connection = Connection::open(server.address);
        connection.write(&asked.bytes());
        let answer = connection.head().expect("the server answers");
        let told = |name| answer.header(name);
        assert_eq!(told("x-content-type-options"), Some("nosniff"), "{asked:?}");
        assert_eq!(told("cache-control"), Some("no-store"), "{asked:?}");
    }
    for page in ["/docs", "/docs/page.js", "/docs/page.css", "/openapi.json"] {
        let answer = server.send(&Request::new("GET", page));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("max-age=300"));
    }
}

/// The refusal names the missing scope, unless the vendor defines its own text.
#[test]
fn a_key_without_the_scope_is_told_which_it_lacks() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let reader = secret_of("reader");
    let batch = request("POST", "/v1/batches?organisation=TRK001", "reader").body("[]");
    let answer = server.send(&batch);
    assert_refused("native", &answer, 403);
    let told = "Access denied: this key lacks the scope orders:write";
    assert_eq!(answer.json()["detail"], told);
    let answer = server.send(&request("GET", "/v1/audit", "reader"));
    let told = "Access denied: this key lacks the scope admin";
    assert_eq!(answer.json()["detail"], told);
    let order = Request::new("POST", "/centra/TRK001/order").header("api-authorization", &reader);
    let answer = server.send(&order.body("{}"));
    assert_refused("centra", &answer, 403);
    let told = "Access denied: this key lacks the scope orders:write";
    assert_eq!(answer.json()["msg"], told);
}
