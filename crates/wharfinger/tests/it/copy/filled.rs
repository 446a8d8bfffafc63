//! A store with data of every kind, and the responses to requests about it.

use std::path::Path;

use serde_json::json;
use wharfinger::store::EmailRuns;

use crate::support::case::ENFORCED;
use crate::support::changes::{administrator, changes};
use crate::support::client::{Request, Response};
use crate::support::database::Database;
use crate::support::fixture::secret_of;
use crate::support::server::{Server, run};
use crate::support::stored;
use crate::support::v1::{batch_id, get, order, request, submit};

const IMPORT: &str = "/v1/imports/019a0000-0000-4000-8000-00000000000a";

/// What clients know of a store.
pub(crate) struct Filled {
    /// Read requests and their responses.
    pub(crate) looks: Vec<(Request, Response)>,
    /// Requests with an `Idempotency-Key` and their responses.
    pub(crate) kept: Vec<(Request, Response)>,
}

/// Fills a store that has the fixture with its catalogue.
#[expect(clippy::too_many_lines, reason = "a row for each table")]
pub(crate) fn fill(data: &Path) -> Filled {
    let secret = keys(data);
    let server = Server::start(data);
    leave_traces_of_old_orders(data, &server);
    let kept = change_everything(&server, &secret);
    let (first, ids) = submit(
        &server,
        "TRK001",
        &[order("A"), json!({"key": "faulty"}), order("B")],
    );
    mend(&server, batch_id(&first));
    let cursor = get(&server, "/v1/events?limit=3")["next"].clone();
    let cursor = cursor.as_str().unwrap().to_owned();
    import(&server);
    buy(&server);
    // A customer is erased. The number must not be reused.
    let email = "erased@example.com";
    let customers = format!("/v1/organisations/{ENFORCED}/customers");
    let loaded = administer(&secret, "POST", &customers)
        .body(json!([{"email": email}]).to_string())
        .send(server.address);
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    let erase = ["customer", "erase", "--org", ENFORCED, "--email", email];
    let erased = run(data, &erase);
    assert!(erased.status.success(), "{erased:?}");

    leave_traces_of_deliveries(data);
    let batch = batch_id(&first);
    let mut looks = Vec::new();
    for target in [
        "/v1/batches?limit=1000".to_owned(),
        format!("/v1/batches/{batch}"),
        format!("/v1/batches/{batch}/results"),
        format!("/v1/batches/{batch}/rejected"),
        "/v1/orders?limit=1000".into(),
        "/v1/orders?organisation=TRK001&key=R-2".into(),
        "/v1/orders?organisation=TRK001&email=a@example.com".into(),
        format!("/v1/orders/{}", ids[0]),
        format!("/v1/orders/{}/history", ids[2]),
        format!("/v1/events?limit=1000&after={cursor}"),
        IMPORT.into(),
    ] {
        looks.push(request("GET", &target, "full"));
    }
    looks.push(request(
        "GET",
        &format!("/v1/orders?organisation={ENFORCED}"),
        "shop",
    ));
    for target in [
        "/v1/organisations".to_owned(),
        "/v1/audit?limit=1000".into(),
        format!("/v1/organisations/{ENFORCED}/products?limit=1000"),
        format!("/v1/organisations/{ENFORCED}/customers?limit=1000"),
    ] {
        looks.push(administer(&secret, "GET", &target));
    }
    let answered = looks.into_iter().map(|look| {
        let answer = server.send(&look);
        assert_eq!(answer.status, 200, "{look:?}: {}", answer.text());
        (look, answer)
    });
    let looks = answered.collect();
    server.terminate();
    assert!(server.wait().0.success());
    stored::build_runs(
        data,
        EmailRuns {
            blocks_min: 2,
            ..EmailRuns::default()
        },
    );
    leave_traces_of_servers(data);
    Filled { looks, kept }
}

/// What a server deletes after some time: a row of the log of statistics, which counts nothing, and a session of the console.
fn leave_traces_of_servers(data: &Path) {
    let mut database = Database::of(data);
    database.run("insert into stats_log (key_id, changes) values ('full', cast( x'00' as blob))");
    database.run(
        "insert into console_sessions (token_sha256, key_id, secret_sha256, created_at_ms, expires_at_ms) \
         values (cast( x'01' as blob), 'full', cast( x'02' as blob), 1, 99999999999999)",
    );
}

/// Makes a key for tests, and an administrator. Returns the secret of the latter.
fn keys(data: &Path) -> String {
    let made = run(data, &["key", "create", "--org", "TRK001", "--test"]);
    assert!(made.status.success(), "{made:?}");
    administrator(data)
}

/// Sends a batch from a file that mends another one, and dismisses a rejected order.
fn mend(server: &Server, mended: &str) {
    let target = format!("/v1/batches?organisation=TRK001&mends={mended}");
    let sent = request("POST", &target, "full").body(order("mended").to_string());
    let sent = sent.header("wharfinger-file-name", "mended.json");
    assert_eq!(server.send(&sent).status, 200);
    let (_, ids) = submit(server, "TRK001", &[serde_json::json!({"key": "dismissed"})]);
    let target = format!("/v1/rejections/{}/dismiss", ids[0]);
    let dismissed = request("POST", &target, "full").body(r#"{"note":"a test"}"#);
    assert_eq!(server.send(&dismissed).status, 200);
}

fn administer(secret: &str, method: &str, target: &str) -> Request {
    Request::new(method, target).header("authorization", format!("Bearer {secret}"))
}

/// Orders that are purged.
fn leave_traces_of_old_orders(data: &Path, server: &Server) {
    let (_, ids) = submit(server, "TRK001", &[order("OLD-1"), order("OLD-2")]);
    let target = format!("/v1/orders/{}/process", ids[0]);
    assert_eq!(server.send(&request("POST", &target, "full")).status, 200);
    Database::of(data).run(
        "update blocks set at_ms = 946684800000, latest_ms = 946684800000; update batches set received_at_ms = 946684800000",
    );
    let purged = run(data, &["purge", "--before", "2020-01-01"]);
    assert!(purged.status.success(), "{purged:?}");
}

/// An attempt that failed, and an order key that waits.
fn leave_traces_of_deliveries(data: &Path) {
    let mut database = Database::of(data);
    let of = "from destinations limit 1";
    database.run(&format!(
        "insert into delivery_attempts (destination, number, is_delivered, at_ms, webhook_id, organisation, position, events, attempt, \
         result, status, took_ms, answer) select id, 1000000, 0, 1, 'w', 1, 2, 1, 1, 'refused', 500, 3, 'no' {of}"
    ));
    database.run(&format!(
        "insert into parked_orders (destination, organisation, lane_key, label, positions, attempts, next_at_ms, last_error) \
         select id, 1, 5, 'A-1', cast( x'0301' as blob), 2, 7, 'no' {of}"
    ));
}

/// Sends a request to every route that changes something, in every dialect.
fn change_everything(server: &Server, secret: &str) -> Vec<(Request, Response)> {
    let mut kept = Vec::new();
    for (number, change) in changes(server, secret).iter().enumerate() {
        let request = change.request();
        let request = request.header("idempotency-key", format!("key-{number}"));
        let answer = server.send(&request);
        assert!(answer.status < 300, "{change}: {}", answer.text());
        kept.push((request, answer));
    }
    kept
}

fn import(server: &Server) {
    let lines = format!("{}\n{{\"key\":}}\n{}\n", order("I-1"), order("I-2"));
    let target = format!("{IMPORT}?organisation=TRK001");
    let put = request("PUT", &target, "full").header("content-type", "application/x-ndjson");
    let answer = server.send(&put.body(lines));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// An order from the enforced catalogue.
fn buy(server: &Server) {
    let order = json!({
        "address": {"email": "new@example.com", "country": "SE"},
        "products": [{"sku": "KETTLE", "qty": 1}, {"sku": "PLAIN", "qty": 2}],
    });
    let target = format!("/centra/{ENFORCED}/order");
    let bought = Request::new("POST", &target)
        .header("api-authorization", secret_of("shop"))
        .body(order.to_string());
    let bought = server.send(&bought).json();
    assert_eq!(bought["status"], "ok", "{bought}");
}
